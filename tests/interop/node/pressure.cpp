// A peer that takes nothing for half a minute: those who write to it wait, memory stays where it was, and nobody dies
// but the one who floods within a single slice.
#include "harness.hpp"

#include <ergo/otp/start.hpp>
#include <ergo_test/baseline.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <vector>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;
using ergo::test::resident_bytes;
using steady = std::chrono::steady_clock;

/// What the producers and the test share.
struct production {
  std::atomic<bool> over{false};
  std::atomic<int> ended{0};
  std::atomic<std::int64_t> sent{0};
};

constexpr std::size_t piece = 10'000;

/// Sends ten messages in each callback, and itself the wish to go on.
class producer {
 public:
  producer(production* with, ergo::destination to, std::int64_t number)
      : with_{with}, to_{to}, number_{number}, bulk_{ergo::etf::binary(std::string(piece, 'x'))} {}

  ergo::otp::result handle_info(ergo::process& self, const ergo::term& /*go*/) {
    if (with_->over) {
      ++with_->ended;
      return ergo::otp::stop(ergo::exit_reason::normal());
    }
    for (int one = 0; one < 10; ++one) self.send(to_, tuple(number_, ++last_, bulk_));
    with_->sent += 10;
    self.send(self.id(), "go"_atom);
    return ergo::otp::noreply();
  }

 private:
  production* with_;
  ergo::destination to_;
  std::int64_t number_;
  std::int64_t last_ = 0;
  ergo::term bulk_;
};

ergo::task<> produce(ergo::process& self, production* with, ergo::destination to, std::int64_t number) {
  const auto bulk = ergo::etf::binary(std::string(piece, 'x'));
  for (std::int64_t last = 1; !with->over; ++last) {
    const auto message = tuple(number, last, bulk);
    co_await self.send(to, message);
    ++with->sent;
  }
  ++with->ended;
}

ergo::task<> flood(ergo::process& self, ergo::destination to) {
  const auto bulk = ergo::etf::binary(std::string(1U << 20, 'x'));
  (void)co_await self.receive_any();
  for (int one = 0; one < 100; ++one) self.send(to, bulk);
  (void)co_await self.receive_any();
}

ergo::task<ergo::term> end_of(ergo::process& self, ergo::pid whom) {
  (void)self.monitor(whom);
  self.send(whom, "go"_atom);
  const auto down = co_await self.receive_any();
  co_return down.to_term().elements()[4];
}

ergo::task<ergo::term> totals(ergo::process& self, ergo::destination sink) {
  const auto question = tuple("totals"_atom, self.id());
  self.send(sink, question);
  const auto answer = co_await self.receive_any();
  co_return answer.to_term();
}

/// The most memory that the program has during `span`, as a process sees it whose timers go on meanwhile.
ergo::task<ergo::term> most_memory(ergo::process& self, std::chrono::seconds span) {
  std::size_t most = 0;
  for (const auto until = steady::now() + span; steady::now() < until;) {
    most = std::max(most, resident_bytes());
    co_await self.sleep(100ms);
  }
  co_return ergo::term{most};
}

/// Calls to another peer, one each 5 ms, until all is over; returns how many microseconds 99 of 100 took at most.
ergo::task<ergo::term> call_another(ergo::process& self, ergo::destination to, production* with) {
  std::vector<std::int64_t> took;
  const ergo::term request{"well"_atom};
  while (!with->over) {
    const auto began = steady::now();
    const auto back = co_await ergo::otp::call<ergo::term>(self, to, request, 15s);
    if (!back) co_return back.error().reason();
    took.push_back((steady::now() - began) / 1us);
    co_await self.sleep(5ms);
  }
  std::ranges::sort(took);
  co_return ergo::term{took.at(took.size() - 1 - took.size() / 100)};
}

/// Returns when nobody has sent anything for half a second.
void await_standstill(const production& all) {
  auto sent = all.sent.load();
  auto since = steady::now();
  eventually("everybody waits", [&] {
    if (all.sent != sent) {
      sent = all.sent;
      since = steady::now();
    }
    return steady::now() - since > 500ms;
  });
}

TEST_CASE("Twenty producers bear a peer that takes nothing for 30 s, and calls to another peer go on",
          "[R21][installed]") {
  for_installed("10 callbacks and 10 coroutines write to a stopped peer", [](const release& otp) {
    scenario figures{"R21", "messages of 20 producers to a peer that takes nothing for 30 s, beside another peer"};
    constexpr std::size_t bound = 48U << 20;
    world in{otp};
    in.connect(true);
    in.peer().load(std::filesystem::path{ERGO_SOURCE_DIR "/tests/interop/node/packets_side.erl"}.string());
    expect_same(in.erl("{apply, packets_side, sink, []}"), "ok");
    const ergo::destination sink{"packet_sink"_atom, in.peer_atom()};
    production all;
    for (std::int64_t number = 0; number < 10; ++number) {
      const auto server = ergo::otp::start<producer>(in.node().local(), {}, &all, sink, number);
      expect(server.has_value(), "a producer did not start");
      in.node().send(*server, "go"_atom);
      expect(in.node().spawn(produce, &all, sink, 10 + number).has_value(), "a producer did not start");
    }
    eventually("all produce", [&] { return all.sent > 2'000; });

    erlang_peer neighbour{peer_at(otp, in.port())};
    expect(in.node().connect(neighbour.name()).has_value(), "no second peer");
    const auto beside = parsed(atom_text(neighbour.name())).as_atom().value();
    in.peer().signal(SIGSTOP);
    running calls{in.node(), &call_another, ergo::destination{"erl_server"_atom, beside}, &all};
    await_standstill(all);
    const auto before = resident_bytes();
    const auto sent_before = all.sent.load();
    const auto flooder = in.node().spawn(flood, sink);
    expect(flooder.has_value(), "the flooder did not start");
    expect_term(run_process(in.node(), end_of, *flooder), "{system_limit," + ergo::etf::to_text(in.peer_atom()) + "}");
    std::size_t most = 0;
    for (int third = 0; third < 3; ++third)  // no process of a test may take half a minute
      most = std::max(most, static_cast<std::size_t>(*run_process(in.node(), most_memory, 10s).as_integer()));
    figures.measured({.name = "memory more",
                      .value = static_cast<double>(std::max(most, before) - before) / (1 << 20),
                      .unit = "MiB",
                      .at_most = bound >> 20});
    expect(most < before + bound, std::to_string((most - before) >> 20) + " MiB more than before");
    expect(all.sent - sent_before < 10'000, std::to_string(all.sent - sent_before) + " messages more were taken");
    expect(all.ended == 0, "a producer has ended");
    in.peer().signal(SIGCONT);

    const auto waited_until = all.sent.load();
    eventually("they go on", [&] { return all.sent > waited_until + 1'000; });
    all.over = true;
    const auto slowest = calls.get();
    expect(slowest.as_integer().has_value(), "a call to the other peer: " + ergo::etf::to_text(slowest));
    figures.measured({.name = "calls to the other peer p99",
                      .value = static_cast<double>(*slowest.as_integer()) / 1000,
                      .unit = "ms",
                      .at_most = 1000});
    expect(*slowest.as_integer() < 1'000'000, "calls to the other peer took " + ergo::etf::to_text(slowest) + " us");
    figures.ran(all.sent);
    eventually("all twenty end in order", [&] { return all.ended == 20; });
    expect_term(run_process(in.node(), totals, sink), "{totals," + std::to_string(all.sent) + ",20}");
  });
}

}  // namespace
}  // namespace ergo_interop
