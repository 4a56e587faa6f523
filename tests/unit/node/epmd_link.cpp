// The order in which a node tries to be found.
#include "epmd_link.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace ergo;
using namespace ergo::detail;
using step = epmd_policy::step;

TEST_CASE("an embedded port mapper is tried before the registration, in every round") {
  epmd_policy policy{epmd_mode::embedded};
  for (int round = 0; round < 3; ++round) {
    CHECK(policy.next(false) == step::serve);
    CHECK(policy.next(false) == step::enroll);
    CHECK(policy.next(false) == step::pause);
  }
}

TEST_CASE("a node that serves registers at once") {
  epmd_policy policy{epmd_mode::embedded};
  CHECK(policy.next(true) == step::enroll);
  CHECK(policy.next(true) == step::pause);
}

TEST_CASE("a client never serves") {
  epmd_policy policy{epmd_mode::client_only};
  CHECK(policy.next(false) == step::enroll);
  CHECK(policy.next(false) == step::pause);
  CHECK(policy.next(false) == step::enroll);
}

TEST_CASE("pauses grow, and stay short enough for four rounds in two seconds") {
  epmd_policy policy{epmd_mode::embedded};
  auto last = std::chrono::milliseconds{0};
  for (int round = 0; round < 10; ++round) {
    const auto pause = policy.pause(0);
    CHECK(pause >= last);
    last = pause;
  }
  CHECK(last == std::chrono::milliseconds{200});
  CHECK(policy.pause(UINT32_MAX) < std::chrono::milliseconds{400});
  policy.registered();
  CHECK(policy.pause(0) == std::chrono::milliseconds{25});
}

TEST_CASE("a first registration is tried again where another starting node is in the way, and nowhere else") {
  const epmd_policy embedded{epmd_mode::embedded};
  CHECK(embedded.may_come(epmd::errc::cannot_connect, true));
  CHECK_FALSE(embedded.may_come(epmd::errc::cannot_connect, false));
  CHECK(embedded.may_come(epmd::errc::closed_early, false));
  CHECK(embedded.may_come(epmd::errc::connection_lost, true));
  CHECK_FALSE(embedded.may_come(epmd::errc::name_taken, true));
  CHECK_FALSE(embedded.may_come(epmd::errc::timed_out, true));
  const epmd_policy client{epmd_mode::client_only};
  CHECK_FALSE(client.may_come(epmd::errc::cannot_connect, true));
  CHECK_FALSE(client.may_come(epmd::errc::closed_early, false));
}
