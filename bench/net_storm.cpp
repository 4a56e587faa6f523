// One-way traffic between two nodes: one process to one, and 20 to 2,000.
#include "nodes.hpp"
#include "servers.hpp"

#include <ergo/otp/call.hpp>
#include <ergo/otp/outside.hpp>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

namespace ergo_bench {
namespace {

using namespace ergo;
using namespace ergo::literals;

constexpr unsigned senders = 20;
constexpr unsigned receivers = 2'000;
constexpr auto patience = std::chrono::minutes{1};

/// Counts the casts 0, 1, 2 …; tells how many there were, or -1 when one was lost, doubled or overtaken.
class counting_server {
 public:
  void handle_cast(const term& number) {
    in_order_ = in_order_ && number.as_integer() == count_;
    ++count_;
  }
  [[nodiscard]] std::int64_t handle_call(const term& /*question*/) const { return in_order_ ? count_ : -1; }

 private:
  std::int64_t count_ = 0;
  bool in_order_ = true;
};

task<> cast_all(process& self, destination to, std::int64_t count, std::shared_ptr<finish_line> done) {
  for (std::int64_t number = 0; number < count; ++number) co_await otp::cast(self, to, number);
  const auto counted = co_await otp::call<std::int64_t>(self, to, "count"_atom, patience);
  if (!counted || *counted != count) co_return done->fail("casts were lost, doubled or overtaken");
  done->arrive();
}

task<> storm_sender(process& self, term group, std::int64_t rounds) {
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (const auto& to : group.items()) co_await self.send(*to.as_pid(), round);
  }
}

// Receives the numbers below `count`, in this order, and says so.
task<> storm_receiver(process& self, std::int64_t count, pid told) {
  for (std::int64_t number = 0; number < count; ++number) {
    const auto received = co_await self.receive_any();
    if (received.payload().as_integer() == number) continue;
    self.send(told, "disorder"_atom);
    co_return;
  }
  co_await self.send(told, "done"_atom);
}

// Answers `{Pid, Count}` with receivers of so many messages each.
task<> storm_gate(process& self) {
  for (;;) {
    const auto received = co_await self.receive_any();
    const auto asked = received.payload().elements();
    if (asked.size() != 2) continue;
    const auto whom = asked[0].as_pid().value();
    std::vector<term> made;
    for (unsigned number = 0; number < receivers; ++number)
      made.emplace_back(self.spawn(storm_receiver, asked[1].as_integer().value(), whom));
    const auto all = etf::make_list(made);
    co_await self.send(whom, all);
  }
}

task<> storm_from(process& self, atom peer, std::int64_t each, std::shared_ptr<finish_line> done) {
  const auto wish = etf::tuple(self.id(), each);
  co_await self.send(destination{"storm"_atom, peer}, wish);
  const auto answer = co_await self.receive_any();
  const auto pids = answer.payload().items();
  if (pids.size() != receivers) co_return done->fail("no receivers");
  constexpr auto group = receivers / senders;
  for (unsigned sender = 0; sender < senders; ++sender)
    self.spawn(storm_sender, etf::make_list(pids.subspan(sender * group, group)), each);
  for (unsigned left = receivers; left > 0; --left) {
    const auto told = co_await self.receive_any();
    if (!told.payload().is("done"_atom)) co_return done->fail("a message was lost, doubled or overtaken");
  }
  done->arrive();
}

}  // namespace

measurement net_storm(const request& wanted) {
  const auto here = start_caller(wanted.cores);
  connect(*here, wanted.peer);
  auto done = std::make_shared<finish_line>(1);
  const auto at = atom::of(wanted.peer);
  const bool wide = wanted.variant == "20-2000";
  const auto each =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(wide ? wanted.operations / receivers : wanted.operations));
  const stopwatch watch;
  const auto started = wide ? here->spawn(storm_from, at, each, done)
                            : here->spawn(cast_all, destination{"counter"_atom, at}, each, done);
  if (!started) throw std::runtime_error{started.error().message()};
  done->wait();
  return watch.read(static_cast<std::uint64_t>(each) * (wide ? receivers : 1));
}

void start_storm_servers(node& on) {
  const otp::start_options named{.name = "counter"_atom};
  const auto counter = otp::start<counting_server>(on.local(), named);
  const auto gate = on.spawn(spawn_options{.name = "storm"_atom}, make_body(storm_gate));
  if (!counter || !gate) throw std::runtime_error{"the servers of net-storm do not start"};
}

}  // namespace ergo_bench
