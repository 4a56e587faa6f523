#include "churn.hpp"

#include "tally.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/otp/call.hpp>
#include <ergo/rpc.hpp>

#include <algorithm>
#include <random>
#include <string>

namespace ergo_soak {
namespace {

using namespace ergo::literals;
using namespace std::chrono_literals;

/// Far beyond the time after which a silent connection is down: nothing waits longer than that for an answer.
constexpr auto patience = 30s;

void wrong(const partner& with, const std::string& what) {
  seen().violated("with " + std::string{with.peer.text()} + ": " + what);
}

/// Whether a failure is one of a peer that is away or not ready; any other is a violation.
void bear(const partner& with, const std::string& doing, const ergo::error& failure) {
  seen().add(counted::unreachable);
  const bool away = failure == ergo::errc::nodedown || failure == ergo::errc::noproc;
  if (!away) wrong(with, doing + ": " + failure.message());
}

/// Checks how a worker on the peer ended: as it was told, or with its connection; a node that has just started does
/// not know workers yet, and one that was not told ends by itself.
void check_end(const partner& with, const std::string& doing, const ergo::exit_reason& reason) {
  const bool away = reason.is("noconnection"_atom) || reason.is("noproc"_atom) ||
                    ergo::etf::is_tagged(reason.value(), "undef"_atom, 2);
  if (away) seen().add(counted::unreachable);
  if (!away && !reason.is("boom"_atom) && !reason.is_normal())
    wrong(with, doing + " ended with " + ergo::etf::to_text(reason.value()));
}

void tell_to_end(ergo::process& self, const ergo::destination& whom) {
  self.send(whom, ergo::etf::tuple("exit"_atom, "boom"_atom));
}

ergo::task<> await_down(ergo::process& self, partner with, ergo::monitor_ref watch) {
  const auto ended = co_await self.receive(watch, patience);
  if (ended) {
    check_end(with, "a monitored worker", ended->reason);
  } else {
    wrong(with, "no DOWN of a worker");
  }
}

ergo::task<> call_server(ergo::process& self, partner with) {
  const ergo::destination server{"erl_server"_atom, with.peer};
  const auto request = ergo::etf::tuple("churn"_atom, self.make_ref());
  const auto answer = co_await ergo::otp::call(self, server, request, patience);
  seen().add(counted::calls);
  if (!answer) {
    bear(with, "a call", answer.error());
  } else if (*answer != request) {
    wrong(with, "a call was answered " + ergo::etf::to_text(*answer));
  }
}

/// Counts an attempt to start a worker on the peer.
template <typename Started>
bool has_started(const partner& with, const std::string& how, const ergo::result<Started>& started) {
  seen().add(counted::spawns);
  if (!started) bear(with, how, started.error());
  return started.has_value();
}

ergo::task<> watch_worker(ergo::process& self, partner with) {
  const ergo::rpc::at there{with.peer, patience};
  const auto started = co_await ergo::rpc::spawn_monitor(self, there, "soak_side", "worker");
  if (!has_started(with, "spawn_monitor", started)) co_return;
  seen().add(counted::monitors);
  tell_to_end(self, started->first);
  auto waiting = await_down(self, with, started->second);
  co_await std::move(waiting);
}

ergo::task<> link_worker(ergo::process& self, partner with) {
  const ergo::rpc::at there{with.peer, patience};
  const auto started = co_await ergo::rpc::spawn_link(self, there, "soak_side", "worker");
  if (!has_started(with, "spawn_link", started)) co_return;
  seen().add(counted::links);
  tell_to_end(self, *started);
  const auto ended = co_await self.receive<ergo::exit_message>(patience);
  if (!ended) {
    wrong(with, "no EXIT of a worker");
  } else if (ended->from != *started) {
    wrong(with, "an EXIT of somebody else");
  } else {
    check_end(with, "a linked worker", ended->reason);
  }
}

/// Links that are taken back before the worker ends: none of them says anything then.
ergo::task<> unlink_worker(ergo::process& self, partner with) {
  const ergo::rpc::at there{with.peer, patience};
  const auto started = co_await ergo::rpc::spawn_monitor(self, there, "soak_side", "worker");
  if (!has_started(with, "spawn_monitor", started)) co_return;
  for (int round = 0; round < 3; ++round) {
    self.link(started->first);
    self.unlink(started->first);
    seen().add(counted::links);
  }
  // The connection may have been lost before one of them was taken back.
  for (;;) {
    const auto early = co_await self.receive<ergo::exit_message>(0ms);
    if (!early) break;
    if (!early->reason.is("noconnection"_atom) && !early->reason.is("noproc"_atom))
      wrong(with, "an EXIT of an unlinked worker that lived");
  }
  tell_to_end(self, started->first);
  auto waiting = await_down(self, with, started->second);
  co_await std::move(waiting);
}

/// Monitors that are taken back.
void monitor_server(ergo::process& self, const partner& with) {
  const ergo::destination server{"erl_server"_atom, with.peer};
  for (int round = 0; round < 3; ++round) {
    const auto watch = self.monitor(server);
    self.demonitor(watch, ergo::demonitor_mode::flush);
    seen().add(counted::monitors);
  }
}

/// A process of our own under a name, which is free again when its end is told.
ergo::task<> name_worker(ergo::process& self, partner with) {
  ergo::spawn_options named;
  named.name = with.name;
  const auto started = self.try_spawn(named, ergo::make_body(worker));
  if (!started) {
    wrong(with, "a free name was not to be had: " + started.error().message());
    co_return;
  }
  const auto watch = self.monitor(*started);
  tell_to_end(self, with.name);
  auto waiting = await_down(self, with, watch);
  co_await std::move(waiting);
  if (self.node().whereis(with.name)) wrong(with, "a name outlived its process");
  seen().add(counted::names);
}

/// Processes of our own that end together.
ergo::task<> start_crowd(ergo::process& self, partner with) {
  constexpr int crowd = 20;
  std::vector<ergo::monitor_ref> watches;
  for (int one = 0; one < crowd; ++one) {
    const auto [who, watch] = self.spawn_monitor(worker);
    tell_to_end(self, who);
    watches.push_back(watch);
  }
  seen().add(counted::locals, crowd);
  for (const auto& watch : watches) {
    auto waiting = await_down(self, with, watch);
    co_await std::move(waiting);
  }
}

/// Nothing that was taken back, or has been told, is told later.
ergo::task<> refuse_strays(ergo::process& self, partner with) {
  for (;;) {
    const auto stray = co_await self.receive<ergo::message>(0ms);
    if (!stray) co_return;
    wrong(with, "nobody waits for " + ergo::etf::to_text(stray->to_term()));
  }
}

ergo::task<> do_one(ergo::process& self, partner with, unsigned which) {
  switch (which) {
    case 0: return watch_worker(self, with);
    case 1: return link_worker(self, with);
    case 2: return unlink_worker(self, with);
    case 3: return name_worker(self, with);
    case 4: return start_crowd(self, with);
    default: return call_server(self, with);
  }
}

}  // namespace

ergo::task<> worker(ergo::process& self) {
  constexpr auto life = 20s;
  const auto told = co_await self.receive_if(
      [](const ergo::message& got) { return ergo::etf::is_tagged(got.payload(), "exit"_atom, 2); }, life);
  if (told) self.exit(ergo::exit_reason{told.payload().elements()[1]});
}

ergo::task<> churn(ergo::process& self, partner with) {
  std::mt19937 random{std::random_device{}()};
  self.trap_exits(ergo::exits::trapped);
  seen().add(counted::churning);
  while (!seen().quiet()) {
    auto one = do_one(self, with, static_cast<unsigned>(random() % 8));
    co_await std::move(one);
    monitor_server(self, with);
    auto looking = refuse_strays(self, with);
    co_await std::move(looking);
    // While the peer is away, each of these is an attempt to connect.
    const bool up = self.node().connected().contains(with.peer);
    const ergo::duration rest = up ? 5ms + std::chrono::milliseconds{random() % 40} : 200ms;
    co_await self.sleep(rest);
  }
  seen().add(counted::churning, -1);
}

}  // namespace ergo_soak
