#include "application_terms.hpp"

#include <ergo/etf/text.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <string>

namespace ergo::inline v0::otp::detail {
namespace {

constexpr std::int64_t longest_timer = 0xffff'ffff;  // milliseconds, as in OTP

bool is_proper(const term& list) { return list.is_list() && list.list_tail().is_nil(); }

std::unexpected<error> refused(const term& why) { return fail(errc::badarg, why); }

const term* option(const term& options, atom key) {
  for (const auto& one : options.items()) {
    if (etf::is_tagged(one, key, 2)) return &one.elements()[1];
  }
  return nullptr;
}

std::string text(const term& options, atom key) {
  const auto* const found = option(options, key);
  return found == nullptr ? std::string{} : found->as_text().value_or("");
}

std::vector<atom> atoms(const term& options, atom key) {
  std::vector<atom> read;
  const auto* const found = option(options, key);
  if (found == nullptr) return read;
  for (const auto& one : found->items()) {
    if (const auto name = one.as_atom()) read.push_back(*name);
  }
  return read;
}

environment pairs(const term& list) {
  environment read;
  for (const auto& one : list.items()) {
    const auto key = one.is_tuple(2) ? one.elements()[0].as_atom() : std::nullopt;
    if (key) read.emplace_back(*key, one.elements()[1]);
  }
  return read;
}

void give_code(application_spec& to, std::span<const application_spec> known) {
  const auto found = std::ranges::find_if(
      known, [&](const application_spec& one) { return one.module != atom{} && one.module == to.module; });
  if (found != known.end()) to.make = found->make;
}

term list_of(const std::vector<atom>& names) {
  const std::vector<term> items{names.begin(), names.end()};
  return etf::make_list(items);
}

// The words of file:format_error/1 and erl_scan are not ours to give for each mistake.
ergo::result<application_spec> read_file(const std::filesystem::path& file, std::span<const application_spec> known) {
  std::ifstream in{file, std::ios::binary};
  const std::string written{std::istreambuf_iterator<char>{in}, {}};
  const auto parsed = etf::parse(written);
  if (!parsed) {
    const auto line = 1 + std::ranges::count(std::string_view{written}.substr(0, parsed.error().offset), '\n');
    const auto said = std::to_string(line) + ": syntax error";
    return refused(etf::tuple(etf::text_list(said), etf::text_list(file.filename().string())));
  }
  return read_application(*parsed, known);
}

}  // namespace

ergo::result<application_spec> read_application(const term& written, std::span<const application_spec> known) {
  if (!etf::is_tagged(written, "application"_atom, 3)) return refused(etf::tuple("bad_application"_atom, written));
  const auto& options = written.elements()[2];
  const auto name = written.elements()[1].as_atom();
  if (!is_proper(options)) return refused(etf::tuple("invalid_options"_atom, options));
  if (!name) return refused(etf::tuple("invalid_name"_atom, written.elements()[1]));
  application_spec read;
  read.name = *name;
  read.description = text(options, "description"_atom);
  read.version = text(options, "vsn"_atom);
  read.id = text(options, "id"_atom);
  read.applications = atoms(options, "applications"_atom);
  read.optional_applications = atoms(options, "optional_applications"_atom);
  read.included_applications = atoms(options, "included_applications"_atom);
  read.registered = atoms(options, "registered"_atom);
  read.modules = atoms(options, "modules"_atom);
  if (const auto* const env = option(options, "env"_atom)) read.env = pairs(*env);
  if (const auto* const phases = option(options, "start_phases"_atom); phases != nullptr && is_proper(*phases)) {
    read.start_phases = pairs(*phases);
  }
  if (const auto* const most = option(options, "maxT"_atom)) {
    const auto count = most->as_integer();
    if (count) read.longest = std::chrono::milliseconds{std::clamp<std::int64_t>(*count, 0, longest_timer)};
  }
  const auto* const code = option(options, "mod"_atom);
  if (code == nullptr || code->is_nil()) return read;
  const auto module = code->is_tuple(2) ? code->elements()[0].as_atom() : std::nullopt;
  if (!module) return refused(etf::tuple("badstartspec"_atom, *code));
  read.module = *module;
  read.arguments = code->elements()[1];
  give_code(read, known);
  return read;
}

ergo::result<application_spec> find_application(atom name, std::span<const application_spec> known,
                                                std::span<const std::filesystem::path> paths) {
  const auto found = std::ranges::find(known, name, &application_spec::name);
  if (found != known.end()) return *found;
  const auto file = std::string{name.text()} + ".app";
  const bool plain = file.find('/') == std::string::npos;
  for (const auto& folder : paths) {
    std::error_code ignored;
    if (plain && std::filesystem::exists(folder / file, ignored)) return read_file(folder / file, known);
  }
  return refused(etf::tuple(etf::text_list("no such file or directory"), etf::text_list(file)));
}

std::optional<term> key_of(const application_spec& spec, atom key, const environment& parameters) {
  if (key == "description"_atom) return etf::text_list(spec.description);
  if (key == "id"_atom) return etf::text_list(spec.id);
  if (key == "vsn"_atom) return etf::text_list(spec.version);
  if (key == "modules"_atom) return list_of(spec.modules);
  if (key == "maxP"_atom) return "infinity"_atom;
  if (key == "maxT"_atom) {
    if (spec.longest == forever) return "infinity"_atom;
    return term{std::chrono::duration_cast<std::chrono::milliseconds>(spec.longest).count()};
  }
  if (key == "registered"_atom) return list_of(spec.registered);
  if (key == "included_applications"_atom) return list_of(spec.included_applications);
  if (key == "optional_applications"_atom) return list_of(spec.optional_applications);
  if (key == "applications"_atom) return list_of(spec.applications);
  if (key == "env"_atom) return as_term(parameters);
  if (key == "mod"_atom) return spec.module == atom{} ? term{} : etf::tuple(spec.module, spec.arguments);
  if (key == "start_phases"_atom) return spec.start_phases ? as_term(*spec.start_phases) : term{"undefined"_atom};
  return std::nullopt;
}

term keys_of(const application_spec& spec, const environment& parameters) {
  const std::array names{"description"_atom,
                         "id"_atom,
                         "vsn"_atom,
                         "modules"_atom,
                         "maxP"_atom,
                         "maxT"_atom,
                         "registered"_atom,
                         "included_applications"_atom,
                         "optional_applications"_atom,
                         "applications"_atom,
                         "env"_atom,
                         "mod"_atom,
                         "start_phases"_atom};
  std::vector<term> all;
  for (const auto key : names) all.push_back(etf::tuple(key, *key_of(spec, key, parameters)));
  return etf::make_list(all);
}

term shown(const application_spec& spec) {
  return etf::tuple(spec.name, etf::text_list(spec.description), etf::text_list(spec.version));
}

term as_term(const environment& parameters) {
  std::vector<term> all;
  for (const auto& [key, value] : parameters) all.push_back(etf::tuple(key, value));
  return etf::make_list(all);
}

term as_term(const configuration& all) {
  std::vector<term> shown;
  for (const auto& [application, parameters] : all) shown.push_back(etf::tuple(application, as_term(parameters)));
  return etf::make_list(shown);
}

}  // namespace ergo::inline v0::otp::detail
