// R15 between an Erlang node and ours: answers that come when nobody waits for them any more.
#include "harness.hpp"

#include <ergo_test/baseline.hpp>
#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace ergo_interop {
namespace {

/// Calls that have no time to be answered; returns `{timed out, unread messages when every late answer has come}`.
ergo::task<ergo::term> call_too_late(ergo::process& self, ergo::pid slow, int count) {
  const ergo::destination to{slow};
  const ergo::term flush{"flush"_atom};
  int late = 0;
  for (int number = 1; number <= count; ++number) {
    const ergo::term request{number};
    const auto answer = co_await ergo::otp::call<ergo::term>(self, to, request, 0ms);
    if (!answer && answer.error() == ergo::errc::timeout) ++late;
    if (number % 10 == 0) co_await self.send(to, flush);
  }
  const ergo::term ping{"ping"_atom};
  const auto answer = co_await ergo::otp::call<ergo::term>(self, to, ping, 60s);
  if (!answer) co_return answer.error().reason();
  const auto unread = static_cast<std::int64_t>(self.unread());
  co_return ergo::etf::tuple(late, unread);
}

/// The same as late_side:slow/0.
ergo::task<> answer_too_late(ergo::process& self) {
  std::vector<ergo::caller> waiting;
  const ergo::term pong{"pong"_atom};
  const ergo::term late{"late"_atom};
  for (;;) {
    const auto got = co_await self.receive_any();
    if (got.is_call() && got.payload().is("ping"_atom)) {
      self.reply(got.from(), pong);
    } else if (got.is_call()) {
      waiting.push_back(got.from());
    } else {
      for (const auto& one : waiting) self.reply(one, late);
      waiting.clear();
    }
  }
}

void ours_call_late(world& in, int count, scenario& figures) {
  const auto slow = in.remote("{apply, late_side, slow, []}").as_pid();
  expect(slow.has_value(), "no server there");
  (void)running{in.node(), &call_too_late, *slow, count}.get(300s);  // pools have their size now
  const auto before = ergo::test::heap_bytes();
  const auto outcome = running{in.node(), &call_too_late, *slow, count}.get(300s);
  const auto more = ergo::test::heap_growth(before);
  figures.ran(count);
  figures.violated(outcome.is_tuple(2) ? outcome.elements()[1].as_integer().value() : 1);
  figures.measured({.name = "heap more", .value = static_cast<double>(more) / 1024, .unit = "KiB", .at_most = 4096});
  expect_term(outcome, "{" + std::to_string(count) + ",0}");
  expect(more < 4U << 20, std::to_string(more) + " bytes more");
}

void theirs_call_late(world& in, int count, scenario& figures) {
  const auto here = in.node().spawn(answer_too_late);
  expect(here.has_value(), "no server here");
  const std::vector<ergo::term> arguments{ergo::term{*here}, ergo::term{count}};
  const auto command =
      ergo::etf::tuple("apply"_atom, "late_side"_atom, "late_calls"_atom, ergo::etf::make_list(arguments));
  const auto left = in.ours().call(in.erl_server(), ergo::etf::tuple("run"_atom, command), 120s);
  expect(left.is_tuple(2) && left.elements()[0].as_integer() == count, ergo::etf::to_text(left));
  if (in.release_number() < 24) {  // it has no aliases
    figures.erlang("OTP 23: late answers are in the mailbox");
    return;
  }
  figures.ran(count);
  figures.violated(left.elements()[1].as_integer().value());
  expect_term(left.elements()[1], "0");
}

TEST_CASE("Answers that come too late reach no mailbox, neither of ours nor of Erlang's", "[R15]") {
  for_every_release("calls that time out and are answered late, both ways (R15)", [](const release& otp) {
    const int count = ergo::test::rounds(2'000, 100'000);
    scenario figures{"R15", carried("calls that time out and are answered late, Erlang and ours, both ways")};
    world in{otp};
    in.connect(true);
    in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/late_side.erl");
    ours_call_late(in, count, figures);
    theirs_call_late(in, count / 10, figures);
  });
}

}  // namespace
}  // namespace ergo_interop
