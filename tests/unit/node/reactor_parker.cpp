// Sleeping and waking.
#include "reactor_parker.hpp"

#include <ergo/reactor.hpp>

#include <boost/asio/post.hpp>

#include <catch2/catch_test_macros.hpp>

#include <thread>

using namespace ergo;
using namespace ergo::detail;
using clock_type = std::chrono::steady_clock;
using namespace std::chrono_literals;

TEST_CASE("a wake-up before the sleep is not lost") {
  reactor_parker parked;
  parked.unpark();
  parked.unpark();
  parked.park(time_point::max());
  parked.unpark();
  parked.park(time_point::max());
  SUCCEED("both returned");
}

TEST_CASE("a thread that sleeps is woken by another one, again and again") {
  reactor_parker parked;
  std::atomic<int> rounds{0};
  std::jthread waker{[&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      parked.unpark();
      std::this_thread::yield();
    }
  }};
  for (; rounds < 10'000; ++rounds) parked.park(time_point::max());
  CHECK(rounds == 10'000);
}

TEST_CASE("a sleep ends at its time, short or long, and at once when that is over") {
  reactor_parker parked;
  const auto begin = clock_type::now();
  parked.park(begin + 20ms);
  CHECK(clock_type::now() >= begin + 20ms);
  parked.park(begin);
  while (clock_type::now() < begin + 1'100ms) parked.park(begin + 1'100ms);
  CHECK(clock_type::now() < begin + 1'500ms);
}

TEST_CASE("a long sleep is no longer than a shorter one that comes after it") {
  reactor_parker parked;
  parked.unpark();
  parked.park(clock_type::now() + 1h);
  const auto begin = clock_type::now();
  while (clock_type::now() < begin + 1s) parked.park(begin + 1s);
  CHECK(clock_type::now() < begin + 1'500ms);
}

TEST_CASE("poll handles what is ready and does not wait") {
  reactor_parker parked;
  int handled = 0;
  boost::asio::post(parked.context(), [&] { ++handled; });
  boost::asio::post(parked.context(), [&] { ++handled; });
  parked.poll();
  CHECK(handled == 2);
  parked.poll();
}

TEST_CASE("what is kept lives as long as the reactor") {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> seen = held;
  {
    reactor_parker parked;
    parked.keep(std::move(held));
    CHECK_FALSE(seen.expired());
  }
  CHECK(seen.expired());
}

TEST_CASE("a networked runtime has a reactor on each core") {
  ergo::runtime on{networked({.cores = 2})};
  CHECK(find_reactor(on, 0) != nullptr);
  CHECK(find_reactor(on, 1) != nullptr);
  CHECK(find_reactor(on, 0) != find_reactor(on, 1));
  ergo::runtime plain{runtime_options{.cores = 1}};
  CHECK(find_reactor(plain, 0) == nullptr);
}
