// What both kinds of supervisors share: which specifications make one, and its end.
#include "supervision.hpp"

#include "child_terms.hpp"

#include <chrono>

namespace ergo::inline v0::otp::detail {
namespace {

term start_spec(const term& why) { return etf::tuple("start_spec"_atom, why); }

term in_seconds(duration period) { return std::chrono::duration_cast<std::chrono::seconds>(period).count(); }

term name_of(auto_shutdown rule) {
  return rule == auto_shutdown::any_significant ? "any_significant"_atom : "all_significant"_atom;
}

// As OTP 27: what significance should mean among children of one kind was never said.
std::expected<std::unique_ptr<supervision>, term> make_dynamic(const supervisor_spec& spec) {
  if (spec.auto_shutdown != auto_shutdown::never) {
    const auto rule = etf::tuple("auto_shutdown"_atom, name_of(spec.auto_shutdown));
    const auto both = etf::list(rule, etf::tuple("strategy"_atom, "simple_one_for_one"_atom));
    return std::unexpected{etf::tuple("supervisor_data"_atom, etf::tuple("bad_combination"_atom, both))};
  }
  if (spec.children.size() != 1) {
    std::vector<term> shown;
    for (const auto& child : spec.children) shown.push_back(to_map(child));
    return std::unexpected{etf::tuple("bad_start_spec"_atom, etf::make_list(shown))};
  }
  const auto& kind = spec.children.front();
  if (const auto bad = wrong_significance(kind.significant, kind.restart, spec.auto_shutdown))
    return std::unexpected{start_spec(*bad)};
  return std::make_unique<dynamic_children>(spec, kind);
}

}  // namespace

std::expected<std::unique_ptr<supervision>, term> supervision::make(supervisor_spec spec) {
  if (spec.period <= duration::zero())
    return std::unexpected{
        etf::tuple("supervisor_data"_atom, etf::tuple("invalid_period"_atom, in_seconds(spec.period)))};
  if (spec.strategy == strategy::simple_one_for_one) return make_dynamic(spec);
  child_table table;
  for (auto& child : spec.children) {
    if (const auto bad = wrong_significance(child.significant, child.restart, spec.auto_shutdown))
      return std::unexpected{start_spec(*bad)};
    if (table.find(child.id)) return std::unexpected{start_spec(etf::tuple("duplicate_child_name"_atom, child.id))};
    table.add(std::move(child));
  }
  return std::make_unique<static_children>(spec, std::move(table));
}

result supervision::give_up(process& self, const child_spec& spec, const term& process) {
  report(self, "shutdown", spec, process, term{"reached_max_restart_intensity"_atom});
  return otp::stop(gives_up());
}

void supervision::put_off(process& self, duration wait, const term& id, std::uint64_t attempt) {
  (void)self.send_after(wait, self.id(), etf::tuple("$restart"_atom, id, attempt));
}

}  // namespace ergo::inline v0::otp::detail
