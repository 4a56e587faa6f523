// Guarded processes.
#include "guards.hpp"

#include "node_state.hpp"

#include <utility>

namespace ergo::inline v0 {
namespace detail {
namespace {

// `{system, From, Request}`: what `sys` sends, by which a process can be stopped, held or changed.
bool is_sys(const term& said) { return etf::is_tagged(said, "system"_atom, 3); }

bool only_looks(const term& said) {
  const auto& request = said.elements()[2];
  return request.is("get_state"_atom) || request.is("get_status"_atom);
}

}  // namespace

guards::guards() {
  add("rex"_atom, {});
  add("net_kernel"_atom, {});
}

guards::~guards() {
  for (const auto* one = newest_.load(std::memory_order_acquire); one != nullptr;)
    delete std::exchange(one, one->older);
}

void guards::add(atom name, admission admits) {
  auto* const added = new entry{name, std::move(admits), newest_.load(std::memory_order_acquire)};
  while (!newest_.compare_exchange_weak(added->older, added, std::memory_order_acq_rel)) {
  }
}

const guards::entry* guards::find(const local_node& at, const pid& process) const {
  const auto* one = newest_.load(std::memory_order_acquire);
  while (one != nullptr && at.whereis(one->name) != process) one = one->older;
  return one;
}

bool guards::has(const local_node& at, const pid& process) const { return find(at, process) != nullptr; }

bool guards::admits(const local_node& at, const pid& process, const guest& who, const term& said) const {
  const auto* const guarded = find(at, process);
  if (guarded == nullptr) return true;
  if (is_sys(said)) return contains(who.held, right::observe) && only_looks(said);
  return !guarded->admits || guarded->admits(who.node, said);
}

std::optional<caller> asker_of(const term& said) {
  if (!is_sys(said) && !etf::is_tagged(said, "$gen_call"_atom, 3)) return std::nullopt;
  const auto& from = said.elements()[1];
  const auto process = from.is_tuple(2) ? from.elements()[0].as_pid() : std::nullopt;
  if (!process) return std::nullopt;
  return caller{*process, from.elements()[1]};
}

}  // namespace detail

void guard(node& on, std::string_view name, admission admits) {
  on.shared_state()->functions().guarded().add(atom::of(name), std::move(admits));
}

bool is_guarded(const node& on, const pid& process) {
  return on.shared_state()->functions().guarded().has(on.local(), process);
}

task<result<term>> apply_with(process& self, const node& on, right held, function_call called) {
  const detail::function_name name{called.module, called.function, called.arguments.items().size()};
  const auto found = on.shared_state()->functions().find(name, held);
  if (found.body == nullptr) {
    const auto shown = etf::tuple(name.module, name.function, name.arity);
    co_return fail(found.refused ? errc::permission_denied : errc::not_found, shown);
  }
  auto running = (*found.body)(self, called.arguments);
  auto given = co_await std::move(running);
  co_return given;
}

}  // namespace ergo::inline v0
