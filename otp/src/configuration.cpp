// Configurations: read, checked in the words of application_controller.erl, merged.
#include <ergo/otp/configuration.hpp>

#include <ergo/etf/text.hpp>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace ergo::inline v0::otp {
namespace {

constexpr unsigned deepest = 16;
constexpr std::size_t longest_file = std::size_t{16} << 20;

std::unexpected<error> wrong(std::string_view sentence) { return fail(errc::badarg, etf::binary(sentence)); }

std::string words(const term& value) { return etf::to_text(value, {.limit = 1'000}); }

bool is_proper(const term& list) { return list.is_list() && list.list_tail().is_nil(); }

// An atom and something.
std::optional<atom> name_of(const term& pair) { return pair.is_tuple(2) ? pair.elements()[0].as_atom() : std::nullopt; }

ergo::result<environment> check_parameters(const term& list, atom application) {
  const std::string of = "application: " + std::string{application.text()};
  if (!is_proper(list)) return wrong(of + "; parameters must be a list");
  environment read;
  for (const auto& one : list.items()) {
    const auto key = name_of(one);
    if (!key && one.is_tuple(2)) return wrong(of + "; invalid parameter name: " + words(one.elements()[0]));
    if (!key) return wrong(of + "; invalid parameter: " + words(one));
    if (std::ranges::find(read, *key, &environment::value_type::first) != read.end()) {
      return wrong(of + "; duplicate parameter: " + std::string{key->text()});
    }
    read.emplace_back(*key, one.elements()[1]);
  }
  return read;
}

// ----- files

std::unexpected<error> bad_file(const std::filesystem::path& file, const term& line, std::string_view sentence) {
  return fail(errc::badarg, etf::tuple(etf::binary(file.string()), line, etf::binary(sentence)));
}

std::optional<std::string> contents_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  if (!in) return std::nullopt;
  std::string text;
  std::array<char, 4096> block{};
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    text.append(block.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > longest_file) return std::nullopt;
  }
  return text;
}

// A second one behind a full stop is one too many.
bool ends_with_stop(const std::string& text) { return !etf::parse(text + "\n.").has_value(); }

ergo::result<term> read_list(const std::filesystem::path& file) {
  const auto text = contents_of(file);
  if (!text) return bad_file(file, "none"_atom, "configuration file not found");
  const auto parsed = etf::parse(*text);
  if (!parsed) {
    const auto before = std::string_view{*text}.substr(0, parsed.error().offset);
    return bad_file(file, term{1 + std::ranges::count(before, '\n')}, "syntax error");
  }
  if (!is_proper(*parsed)) {
    return bad_file(file, "none"_atom, "configuration file must contain ONE list ended by <dot>");
  }
  if (!ends_with_stop(*text)) return bad_file(file, "none"_atom, "no ending <dot> found");
  return *parsed;
}

ergo::result<configuration> read_at(const std::filesystem::path& file, unsigned depth);

// OTP looks beside the file that names it, then where the program runs.
std::filesystem::path named_in(const std::filesystem::path& file, const std::string& name) {
  std::filesystem::path wanted{name};
  if (wanted.extension() != ".config") wanted += ".config";
  if (wanted.is_absolute()) return wanted;
  const auto beside = file.parent_path() / wanted;
  std::error_code ignored;
  return std::filesystem::exists(beside, ignored) ? beside : wanted;
}

ergo::result<configuration> read_elements(const std::filesystem::path& file, const term& list, unsigned depth) {
  configuration read;
  for (const auto& one : list.items()) {
    ergo::result<configuration> part;
    const auto name = one.is_list() && !one.is_nil() ? one.as_text() : std::nullopt;
    if (name) {
      part = read_at(named_in(file, *name), depth + 1);
    } else {
      part = check_configuration(etf::list(one));
      if (!part) return bad_file(file, "none"_atom, part.error().context().bytes());
    }
    if (!part) return part;
    read = merge(std::move(read), *part);
  }
  return read;
}

ergo::result<configuration> read_at(const std::filesystem::path& file, unsigned depth) {
  if (depth == deepest) return bad_file(file, "none"_atom, "configuration files name each other too deep");
  const auto list = read_list(file);
  if (!list) return std::unexpected{list.error()};
  return read_elements(file, *list, depth);
}

}  // namespace

ergo::result<configuration> check_configuration(const term& written) {
  if (!is_proper(written)) return wrong("invalid application config: " + words(written));
  configuration read;
  for (const auto& one : written.items()) {
    const auto application = name_of(one);
    if (!one.is_tuple(2)) return wrong("invalid application config: " + words(one));
    if (!application) {
      const auto* const about =
          is_proper(one.elements()[1]) ? "; application name must be an atom" : "; parameters must be a list";
      return wrong("application: " + words(one.elements()[0]) + about);
    }
    if (std::ranges::find(read, *application, &configuration::value_type::first) != read.end()) {
      return wrong("duplicate application config: " + std::string{application->text()});
    }
    auto parameters = check_parameters(one.elements()[1], *application);
    if (!parameters) return std::unexpected{parameters.error()};
    read.emplace_back(*application, *std::move(parameters));
  }
  return read;
}

ergo::result<configuration> read_configuration(const std::filesystem::path& file) { return read_at(file, 0); }

environment merge(environment base, const environment& over) {
  for (const auto& [key, value] : over) {
    const auto found = std::ranges::find(base, key, &environment::value_type::first);
    if (found == base.end()) {
      base.emplace_back(key, value);
    } else {
      found->second = value;
    }
  }
  return base;
}

configuration merge(configuration base, const configuration& over) {
  for (const auto& [application, parameters] : over) {
    const auto found = std::ranges::find(base, application, &configuration::value_type::first);
    if (found == base.end()) {
      base.emplace_back(application, parameters);
    } else {
      found->second = merge(std::move(found->second), parameters);
    }
  }
  return base;
}

}  // namespace ergo::inline v0::otp
