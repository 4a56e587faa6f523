// Reading, checking and writing of child specifications, after check_childspec of OTP's supervisor.erl.
#include "child_terms.hpp"

#include <ergo/otp/detail/system_messages.hpp>

#include <unordered_set>

namespace ergo::inline v0::otp {
namespace detail {
namespace {

// OTP's supervisor waits with `receive … after Time`, which takes no more.
constexpr std::int64_t longest_shutdown = 0xFFFF'FFFF;

using wrong = std::optional<term>;

term invalid(atom what, const term& value) { return etf::tuple(what, value); }

bool is_proper(const term& list) noexcept { return list.is_list() && list.list_tail().is_nil(); }

wrong read_start(child_spec& into, const term& mfa) {
  const auto parts = mfa.elements();
  const bool fits = mfa.is_tuple(3) && parts[0].is_atom() && parts[1].is_atom() && parts[2].is_list();
  if (!fits) return invalid("invalid_mfa"_atom, mfa);
  into.mfa = mfa;
  return {};
}

wrong read_restart(child_spec& into, const term& kind) {
  if (kind.is("permanent"_atom)) {
    into.restart = restart::permanent;
  } else if (kind.is("transient"_atom)) {
    into.restart = restart::transient;
  } else if (kind.is("temporary"_atom)) {
    into.restart = restart::temporary;
  } else {
    return invalid("invalid_restart_type"_atom, kind);
  }
  return {};
}

wrong read_type(child_spec& into, const term& type) {
  if (!type.is("worker"_atom) && !type.is("supervisor"_atom)) return invalid("invalid_child_type"_atom, type);
  into.type = type.is("worker"_atom) ? child_type::worker : child_type::supervisor;
  return {};
}

wrong read_shutdown(child_spec& into, const term& rule) {
  const auto limit = rule.as_integer();
  if (rule.is("brutal_kill"_atom)) {
    into.shutdown = shutdown::brutal_kill();
  } else if (rule.is("infinity"_atom)) {
    into.shutdown = shutdown{forever};
  } else if (limit && *limit >= 0 && *limit <= longest_shutdown) {
    into.shutdown = shutdown{std::chrono::milliseconds{*limit}};
  } else {
    return invalid("invalid_shutdown"_atom, rule);
  }
  return {};
}

wrong read_modules(child_spec& into, const term& modules) {
  if (!modules.is("dynamic"_atom) && !is_proper(modules)) return invalid("invalid_modules"_atom, modules);
  for (const auto& module : modules.items()) {
    if (!module.is_atom()) return invalid("invalid_module"_atom, module);
  }
  into.modules = modules;
  return {};
}

/// The entries of a specification with OTP's defaults for those that are missing.
struct written_spec {
  const term* id = nullptr;
  const term* start = nullptr;
  term restart{"permanent"_atom};
  term significant{false};
  term type{"worker"_atom};
  std::optional<term> shutdown;
  std::optional<term> modules;
};

std::optional<written_spec> entries_of(const term& written) {
  written_spec entries;
  if (written.is_tuple(6)) {
    const auto parts = written.elements();
    entries.id = parts.data();
    entries.start = &parts[1];
    entries.restart = parts[2];
    entries.shutdown = parts[3];
    entries.type = parts[4];
    entries.modules = parts[5];
    return entries;
  }
  if (!written.is_map()) return std::nullopt;
  const auto take = [&](atom key, auto& into) {
    if (const auto* const value = written.find(key)) into = *value;
  };
  entries.id = written.find("id"_atom);
  entries.start = written.find("start"_atom);
  take("restart"_atom, entries.restart);
  take("significant"_atom, entries.significant);
  take("type"_atom, entries.type);
  take("shutdown"_atom, entries.shutdown);
  take("modules"_atom, entries.modules);
  return entries;
}

// In OTP's order: the first thing that is wrong is the one that is told.
wrong read_entries(child_spec& into, const written_spec& from, std::optional<auto_shutdown> rule) {
  if (from.id == nullptr) return term{"missing_id"_atom};
  if (from.start == nullptr) return term{"missing_start"_atom};
  into.id = *from.id;
  if (auto bad = read_start(into, *from.start)) return bad;
  if (auto bad = read_restart(into, from.restart)) return bad;
  if (auto bad = wrong_significance(from.significant, into.restart, rule)) return bad;
  into.significant = from.significant.is("true"_atom);
  if (auto bad = read_type(into, from.type)) return bad;
  const bool worker = into.type == child_type::worker;
  const auto limit = from.shutdown.value_or(worker ? term{5000} : term{"infinity"_atom});
  if (auto bad = read_shutdown(into, limit)) return bad;
  return read_modules(into, from.modules.value_or(etf::list(into.mfa.elements()[0])));
}

term restart_of(const child_spec& spec) {
  switch (spec.restart) {
    case restart::permanent: return "permanent"_atom;
    case restart::transient: return "transient"_atom;
    default: return "temporary"_atom;
  }
}

}  // namespace

std::optional<term> wrong_significance(const term& significant, restart kind, std::optional<auto_shutdown> rule) {
  const auto pair = [](atom name, const term& value) { return etf::tuple(name, value); };
  if (!significant.is("true"_atom) && !significant.is("false"_atom))
    return invalid("invalid_significant"_atom, significant);
  if (significant.is("false"_atom)) return std::nullopt;
  term why;
  if (rule == auto_shutdown::never) {
    why = pair("auto_shutdown"_atom, "never"_atom);
  } else if (kind == restart::permanent) {
    why = pair("restart"_atom, "permanent"_atom);
  } else {
    return std::nullopt;
  }
  return etf::tuple("bad_combination"_atom, etf::list(why, pair("significant"_atom, true)));
}

std::expected<child_spec, term> read_child(const term& written, std::optional<auto_shutdown> rule) {
  const auto entries = entries_of(written);
  if (!entries) return std::unexpected{invalid("invalid_child_spec"_atom, written)};
  child_spec spec;
  if (auto bad = read_entries(spec, *entries, rule)) return std::unexpected{*std::move(bad)};
  return spec;
}

term mfa_of(const child_spec& spec) {
  if (!spec.mfa.is_nil()) return spec.mfa;
  const auto modules = spec.modules.items();
  return etf::tuple(modules.empty() ? term{atom{}} : modules.front(), "start_link"_atom, term{});
}

term type_of(const child_spec& spec) { return spec.type == child_type::worker ? "worker"_atom : "supervisor"_atom; }

term to_map(const child_spec& spec) {
  const std::vector<term> entries{"id"_atom,          spec.id,
                                  "start"_atom,       mfa_of(spec),
                                  "restart"_atom,     restart_of(spec),
                                  "significant"_atom, spec.significant,
                                  "shutdown"_atom,    spec.shutdown.to_term(),
                                  "type"_atom,        type_of(spec),
                                  "modules"_atom,     spec.modules};
  return etf::make_map(entries);
}

term to_record(const child_spec& spec) {
  return etf::tuple("child"_atom, "undefined"_atom, spec.id, mfa_of(spec), restart_of(spec), spec.significant,
                    spec.shutdown.to_term(), type_of(spec), spec.modules);
}

term offender_of(const child_spec& spec, const term& processes) {
  constexpr std::size_t depth = 20;  // arguments of a start may be anything
  const auto pair = [](std::string_view name, const term& value) { return etf::tuple(atom::of(name), value); };
  return etf::list(pair(processes.as_integer() ? "nb_children" : "pid", processes), pair("id", spec.id),
                   pair("mfargs", bounded(mfa_of(spec), depth)), pair("restart_type", restart_of(spec)),
                   pair("significant", spec.significant), pair("shutdown", spec.shutdown.to_term()),
                   pair("child_type", type_of(spec)));
}

term undefined_start(const term& mfa, const term& arguments) {
  const auto parts = mfa.elements();
  const auto place = etf::tuple(parts[0], parts[1], arguments, term{});
  return etf::tuple("EXIT"_atom, etf::tuple("undef"_atom, etf::list(place)));
}

}  // namespace detail

ergo::result<child_spec> read_child_spec(const term& written) {
  auto spec = detail::read_child(written, std::nullopt);
  if (!spec) return fail(errc::badarg, spec.error());
  return *std::move(spec);
}

ergo::result<void> check_childspecs(const term& list, std::optional<auto_shutdown> rule) {
  if (!detail::is_proper(list)) return fail(errc::badarg, etf::tuple("badarg"_atom, list));
  std::unordered_set<term> ids;
  for (const auto& written : list.items()) {
    const auto spec = detail::read_child(written, rule);
    if (!spec) return fail(errc::badarg, spec.error());
    if (!ids.insert(spec->id).second) return fail(errc::badarg, etf::tuple("duplicate_child_name"_atom, spec->id));
  }
  return {};
}

}  // namespace ergo::inline v0::otp
