// Locks on many nodes, set by the process that wants them (set_lock and del_lock of global.erl).
#include <ergo/otp/global.hpp>

#include "global/server.hpp"

#include <algorithm>
#include <chrono>
#include <list>

namespace ergo::inline v0::otp::global {
namespace {

struct reply_of {
  atom node;
  ergo::result<term> value;

  [[nodiscard]] bool is(atom wanted) const { return value && value->is(wanted); }
};
using replies = std::vector<reply_of>;

// All are asked at once; who does not answer because it is gone, or has no name server, is told apart by its error.
task<replies> ask(process& self, std::vector<atom> nodes, term request) {
  std::list<typed_call<term>> calls;  // which cannot be moved
  for (const auto node : nodes) {
    const destination server{global_detail::server_name(), node};
    calls.emplace_back(self, server, request, forever);
  }
  replies given;
  auto next = nodes.begin();
  for (auto& one : calls) {
    auto value = co_await one;
    given.push_back({*next++, std::move(value)});
  }
  co_return given;
}

// All or nothing. Our own node is asked first: if the lock is taken there, the others need not be asked.
task<ergo::result<bool>> try_lock(process& self, term id, std::vector<atom> nodes) {
  const auto request = etf::tuple("set_lock"_atom, id);
  const auto here = self.node().name();
  std::vector<atom> locked;
  if (std::erase(nodes, here) != 0) {
    const std::vector<atom> own{here};
    const auto given = co_await ask(self, own, request);
    if (!given[0].value) co_return std::unexpected{given[0].value.error()};
    if (!given[0].is("true"_atom)) co_return false;
    locked.push_back(here);
  }
  const auto given = co_await ask(self, std::move(nodes), request);
  for (const auto& one : given) {
    if (one.is("true"_atom)) locked.push_back(one.node);
  }
  if (std::ranges::none_of(given, [](const reply_of& one) { return one.is("false"_atom); })) co_return true;
  const auto undo = etf::tuple("del_lock"_atom, id);
  (void)co_await ask(self, std::move(locked), undo);
  co_return false;
}

// After random_sleep of global.erl. Who competes for a lock must not wait for the same time.
duration pause(process& self, unsigned times) {
  const std::uint64_t most = times > 5 ? 8'000 : (std::uint64_t{1} << times) * 1'000 / 8;
  auto mixed = std::hash<pid>{}(self.id()) ^ static_cast<std::uint64_t>(self.now().time_since_epoch().count());
  mixed = (mixed ^ self.next_reference(0)) * 0x9E3779B97F4A7C15ULL;
  return std::chrono::milliseconds{1 + (mixed >> 20) % most};
}

}  // namespace

namespace detail {

std::vector<atom> nodes_for_lock(process& self, const lock_options& how) {
  if (how.nodes) return *how.nodes;
  auto all = self.node().connected().list();
  all.push_back(self.node().name());
  return all;
}

}  // namespace detail

task<ergo::result<bool>> set_lock(process& self, lock_id id, lock_options how) {
  const auto nodes = detail::nodes_for_lock(self, how);
  for (unsigned times = 1;; ++times) {
    const auto set = co_await try_lock(self, id.value(), nodes);
    if (!set || *set) co_return set;
    if (how.retries && times > *how.retries) co_return false;
    const auto wait = pause(self, times);
    co_await self.sleep(wait);
  }
}

task<> del_lock(process& self, lock_id id, lock_options how) {
  auto nodes = detail::nodes_for_lock(self, how);
  const auto request = etf::tuple("del_lock"_atom, id.value());
  (void)co_await ask(self, std::move(nodes), request);
}

}  // namespace ergo::inline v0::otp::global
