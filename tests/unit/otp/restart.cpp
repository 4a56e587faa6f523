// Restart decisions without processes.
#include "support.hpp"

#include <ergo/otp/restart.hpp>

using namespace ergo;
using namespace ergo::test;
using otp::decision;
using otp::restart;

namespace {

const time_point start{std::chrono::hours{5}};

otp::restart_policy policy(unsigned intensity, duration period = 5s) {
  return otp::restart_policy{otp::strategy::one_for_one, intensity, period};
}

term shutdown_with_reason() { return etf::tuple("shutdown"_atom, "upgrade"_atom); }

}  // namespace

TEST_CASE("the restart type and the reason decide what happens to a child that ended") {
  struct row {
    restart kind;
    term reason;
    decision wanted;
  };
  const std::vector<row> table{
      {restart::permanent, "normal"_atom, decision::start_again},
      {restart::permanent, "shutdown"_atom, decision::start_again},
      {restart::permanent, shutdown_with_reason(), decision::start_again},
      {restart::permanent, "crash"_atom, decision::start_again},
      {restart::permanent, "killed"_atom, decision::start_again},
      {restart::transient, "normal"_atom, decision::leave},
      {restart::transient, "shutdown"_atom, decision::leave},
      {restart::transient, shutdown_with_reason(), decision::leave},
      {restart::transient, etf::tuple("shutdown"_atom, 1, 2), decision::start_again},
      {restart::transient, "crash"_atom, decision::start_again},
      {restart::transient, "killed"_atom, decision::start_again},
      {restart::temporary, "normal"_atom, decision::forget},
      {restart::temporary, "shutdown"_atom, decision::forget},
      {restart::temporary, "crash"_atom, decision::forget},
  };
  for (const auto& [kind, reason, wanted] : table) {
    INFO(static_cast<int>(kind) << " " << etf::to_text(reason));
    CHECK(policy(1).child_ended(kind, exit_reason{reason}, start) == wanted);
    const bool counted = wanted == decision::start_again;
    CHECK(policy(0).child_ended(kind, exit_reason{reason}, start) == (counted ? decision::give_up : wanted));
  }
}

TEST_CASE("more restarts than the intensity within the period are too many") {
  auto machine = policy(3, 10s);
  const exit_reason crash{"crash"_atom};
  for (int second = 0; second < 3; ++second) {
    CHECK(machine.child_ended(restart::permanent, crash, start + std::chrono::seconds{second}) ==
          decision::start_again);
  }
  CHECK(machine.child_ended(restart::permanent, crash, start + 3s) == decision::give_up);
}

TEST_CASE("restarts older than the period do not count") {
  auto machine = policy(2, 10s);
  const exit_reason crash{"crash"_atom};
  // Two at once, then one whenever the window has room again: for ever.
  auto now = start;
  for (int round = 0; round < 1000; ++round) {
    CHECK(machine.child_ended(restart::permanent, crash, now) == decision::start_again);
    CHECK(machine.child_ended(restart::permanent, crash, now) == decision::start_again);
    now += 10s + 1ns;
  }
  CHECK(machine.child_ended(restart::permanent, crash, now) == decision::start_again);
  CHECK(machine.child_ended(restart::permanent, crash, now + 10s) == decision::start_again);
  CHECK(machine.child_ended(restart::permanent, crash, now + 10s) == decision::give_up);
}

TEST_CASE("ends that cause no restart do not count") {
  auto machine = policy(1, 10s);
  for (int end = 0; end < 100; ++end) {
    CHECK(machine.child_ended(restart::temporary, exit_reason{"crash"_atom}, start) == decision::forget);
    CHECK(machine.child_ended(restart::transient, exit_reason{}, start) == decision::leave);
  }
  CHECK(machine.child_ended(restart::transient, exit_reason{"crash"_atom}, start) == decision::start_again);
}

TEST_CASE("a restart that fails counts like another end") {
  auto machine = policy(2, 10s);
  CHECK(machine.child_ended(restart::permanent, exit_reason{"crash"_atom}, start) == decision::start_again);
  CHECK(machine.restart_failed(start) == decision::start_again);
  CHECK(machine.recent() == 2);
  CHECK(machine.restart_failed(start + 1s) == decision::give_up);
}

TEST_CASE("how a child ends that was asked to is judged by rule and restart type") {
  struct row {
    otp::shutdown rule;
    restart kind;
    term reason;
    bool wanted;
  };
  const otp::shutdown kill = otp::shutdown::brutal_kill();
  const std::vector<row> table{
      {5s, restart::permanent, "shutdown"_atom, true},         {5s, restart::permanent, "normal"_atom, false},
      {5s, restart::permanent, shutdown_with_reason(), false}, {5s, restart::permanent, "killed"_atom, false},
      {5s, restart::transient, "normal"_atom, true},           {5s, restart::transient, shutdown_with_reason(), true},
      {5s, restart::temporary, "killed"_atom, false},          {5s, restart::temporary, "crash"_atom, false},
      {kill, restart::permanent, "killed"_atom, true},         {kill, restart::permanent, "shutdown"_atom, false},
      {kill, restart::temporary, "shutdown"_atom, true},       {kill, restart::transient, "crash"_atom, false},
  };
  for (const auto& [rule, kind, reason, wanted] : table) {
    INFO(etf::to_text(rule.to_term()) << " " << static_cast<int>(kind) << " " << etf::to_text(reason));
    CHECK(otp::ended_as_asked(rule, kind, exit_reason{reason}) == wanted);
  }
}

TEST_CASE("a shutdown rule is written as OTP writes it") {
  CHECK(otp::shutdown{2s}.to_term() == term{2000});
  CHECK(otp::shutdown{forever}.to_term() == term{"infinity"_atom});
  CHECK(otp::shutdown::brutal_kill().to_term() == term{"brutal_kill"_atom});
}

TEST_CASE("the end of a significant child ends its supervisor as auto_shutdown says") {
  using otp::auto_shutdown;
  struct row {
    auto_shutdown rule;
    bool significant;
    bool others_left;
    bool wanted;
  };
  const std::vector<row> table{
      {auto_shutdown::never, true, false, false},           {auto_shutdown::never, false, false, false},
      {auto_shutdown::any_significant, true, true, true},   {auto_shutdown::any_significant, true, false, true},
      {auto_shutdown::any_significant, false, true, false}, {auto_shutdown::any_significant, false, false, false},
      {auto_shutdown::all_significant, true, true, false},  {auto_shutdown::all_significant, true, false, true},
      {auto_shutdown::all_significant, false, true, false}, {auto_shutdown::all_significant, false, false, false},
  };
  for (const auto& [rule, significant, others_left, wanted] : table) {
    INFO(static_cast<int>(rule) << significant << others_left);
    CHECK(otp::shuts_down(rule, significant, others_left) == wanted);
  }
}

TEST_CASE("every end of a permanent child is reported, of others the abnormal ones") {
  for (const auto kind : {restart::permanent, restart::transient, restart::temporary}) {
    CHECK(otp::is_reported(kind, exit_reason{"crash"_atom}));
    CHECK(otp::is_reported(kind, exit_reason{"normal"_atom}) == (kind == restart::permanent));
    CHECK(otp::is_reported(kind, exit_reason{"shutdown"_atom}) == (kind == restart::permanent));
    CHECK(otp::is_reported(kind, exit_reason{shutdown_with_reason()}) == (kind == restart::permanent));
  }
}

TEST_CASE("a back-off doubles from the first wait to the longest") {
  const otp::backoff none;
  for (const std::size_t nth : {0, 1, 2, 1000}) CHECK(none.before(nth) == duration::zero());
  const otp::backoff growing{.first = 100ms, .longest = 1s};
  CHECK(growing.before(1) == 100ms);
  CHECK(growing.before(2) == 200ms);
  CHECK(growing.before(4) == 800ms);
  CHECK(growing.before(5) == 1s);
  CHECK(growing.before(1'000'000'000'000) == 1s);
  const otp::backoff unlimited{.first = 1ns, .longest = duration::max()};
  CHECK(unlimited.before(1'000) == duration::max());
  const otp::backoff capped{.first = 2s, .longest = 1s};
  CHECK(capped.before(1) == 1s);
}
