// User code that computes or blocks on every core: the network, the timers and the neighbours go on.
#include "harness.hpp"

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ergo_interop {
namespace {

using steady = std::chrono::steady_clock;

/// Tells the processes of a test that it is over.
struct occupation {
  std::atomic<bool> over{false};
  std::atomic<int> began{0};
  std::array<int, 2> pipe{};

  occupation() { expect(pipe2(pipe.data(), O_CLOEXEC) == 0, "no pipe"); }
  occupation(const occupation&) = delete;
  occupation& operator=(const occupation&) = delete;
  ~occupation() {
    end();
    close(pipe[0]);
  }
  /// Lets everybody go, once.
  void end() {
    if (!over.exchange(true)) close(pipe[1]);
  }
};

/// Cast `spin` computes, `block` reads a pipe that stays empty, both in a plain callback and until the test is over.
class busybody {
 public:
  explicit busybody(occupation* with) : with_{with} {}
  void spin() {
    ++with_->began;
    while (!with_->over.load(std::memory_order_relaxed)) {
    }
  }
  void block() {
    ++with_->began;
    char unread = 0;
    blocked_ = read(with_->pipe[0], &unread, 1);
  }
  static constexpr auto casts =
      ergo::otp::on(ergo::otp::match<"spin">(&busybody::spin), ergo::otp::match<"block">(&busybody::block));

 private:
  occupation* with_;
  ssize_t blocked_ = 0;
};

/// How late the messages of `send_after` come, in microseconds, the worst last.
ergo::task<ergo::term> timer_delays(ergo::process& self, int rounds) {
  std::vector<ergo::term> late;
  for (int round = 0; round < rounds; ++round) {
    const auto due = steady::now() + 10ms;
    const ergo::term tick{round};
    self.send_after(10ms, self.id(), tick);
    (void)co_await self.receive_any();
    late.emplace_back(static_cast<std::int64_t>((steady::now() - due) / 1us));
  }
  std::ranges::sort(late, [](const auto& one, const auto& other) { return ergo::etf::compare(one, other) < 0; });
  co_return ergo::etf::make_list(late);
}

/// The value that all but one in fifty stay below: the machine may have other work.
std::int64_t nearly_worst(std::vector<std::int64_t> values) {
  std::ranges::sort(values);
  return values[values.size() - 1 - values.size() / 50];
}

TEST_CASE("Gen_servers that compute or block on every core hold neither the network nor the timers",
          "[R55][installed]") {
  for_installed("every core held for 3 tick times: no nodedown, pings", [](const release& otp) {
    scenario figures{"R55", "calls from Erlang while every core spins or blocks for 3 tick times"};
    constexpr auto tick_time = 2s;
    occupation with;
    ergo::node_options options;
    options.net_ticktime = tick_time;
    world in{otp, options, {"-kernel", "net_ticktime", "2"}};
    in.connect(true);
    std::atomic<int> downs{0};
    const auto watching = in.node().subscribe(
        [&](const ergo::node_event& news) { downs += news.what == ergo::node_event::kind::down ? 1 : 0; });
    expect_same(in.erl("{set, w, {watch_plain, {echo, " + in.cpp() + "}, " + in.cpp() + "}}"), "ok");
    for (const std::string kind : {"spin", "block"}) {
      const auto server = ergo::otp::start<busybody>(in.node().local(), {}, &with);
      expect(server.has_value(), "no server");
      ergo::otp::cast(in.node().local(), *server, parsed(kind));
    }
    eventually("both cores are held", [&] { return with.began == 2; });
    const auto began = steady::now();
    running timers{in.node(), timer_delays, static_cast<int>(3 * tick_time / 20ms)};
    std::vector<std::int64_t> calls;
    while (steady::now() - began < 3 * tick_time) {
      const auto took = parsed(in.erl("{apply, timer, tc, [gen_server, call, [" + in.at("echo") + ", ping]]}"));
      calls.push_back(took.elements()[0].as_integer().value());
    }
    std::vector<std::int64_t> late;
    const auto delays = timers.get();
    for (const auto& one : delays.items()) late.push_back(one.as_integer().value());
    figures.ran(static_cast<std::int64_t>(calls.size()));
    figures.violated(downs);
    figures.measured({"call p98", static_cast<double>(nearly_worst(calls)) / 1000, "ms", 100});
    figures.measured({"timer late p98", static_cast<double>(nearly_worst(late)) / 1000, "ms", 20});
    expect(downs == 0, "we saw a nodedown");
    expect_same(in.erl("{watched_plain, 0}"), "{no_down,no_nodedown}");
    expect(nearly_worst(calls) < 100'000, "a call took " + std::to_string(nearly_worst(calls)) + " us");
    expect(nearly_worst(late) < 20'000, "a timer was late by " + std::to_string(nearly_worst(late)) + " us");
    with.end();
    expect_same(in.erl("{call, " + in.at("echo") + ", well}"), "well");
  });
}

// ----- R07 ----------------------------------------------------------------------------------------------------------

/// Threads that leave a program of low priority next to nothing of the processors.
class hogs {
 public:
  hogs() {
    for (unsigned one = 0; one < std::thread::hardware_concurrency(); ++one) {
      threads_.emplace_back([](const std::stop_token& over) {
        while (!over.stop_requested()) {
        }
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

std::filesystem::path threads_of(const program& one) { return "/proc/" + std::to_string(one.id()) + "/task"; }

/// Gives all threads of a program, and those that they start, the lowest priority.
void starve(const program& one) {
  for (const auto& thread : std::filesystem::directory_iterator{threads_of(one)}) {
    const auto id = static_cast<id_t>(std::stoul(thread.path().filename()));
    expect(setpriority(PRIO_PROCESS, id, 19) == 0, "no lower priority");
  }
}

/// How long all threads of a program have waited for a processor; nothing where the system does not count that.
std::optional<std::chrono::nanoseconds> waited(const program& one) {
  std::chrono::nanoseconds sum{0};
  for (const auto& thread : std::filesystem::directory_iterator{threads_of(one)}) {
    std::ifstream file{thread.path() / "schedstat"};
    std::int64_t ran = 0;
    std::int64_t waited = 0;
    if (!(file >> ran >> waited)) return std::nullopt;
    sum += std::chrono::nanoseconds{waited};
  }
  return sum;
}

std::string watch_of(const std::string& node) { return "{watch_plain, {echo, " + node + "}, " + node + "}"; }
std::string call_of(const std::string& node) { return "{call, {echo, " + node + "}, well}"; }

TEST_CASE("A node that gets next to nothing of the processors is not taken for dead, nor takes others for dead",
          "[R07][installed]") {
  std::vector<std::chrono::seconds> times{1s, 2s};
  if (ergo::test::rounds(false, true)) times.insert(times.end(), {4s, 8s});
  for (const auto time : times) {
    const auto seconds = std::to_string(time / 1s);
    for_installed("starved for 3 tick times: no nodedown; T = " + seconds + " s (R07)", [&](const release& otp) {
      scenario figures{
          "R07", "calls to a node without processor time (nice 19 among spinning threads), T = " + seconds + " s"};
      world in{otp, {}, {"-kernel", "net_ticktime", seconds}};
      demo_node demo{fresh_name("demo"), in.port(), {"--tick-time", seconds}};
      const auto node = atom_text(demo.name());
      expect_same(in.erl(watch_of(node)), "watched");
      starve(demo.process());
      const auto before = waited(demo.process());
      const auto call = call_of(node);
      int calls = 0;
      {
        const hogs around;
        for (const auto until = steady::now() + 3 * time; steady::now() < until; ++calls)
          expect_same(in.erl(call), "well");
      }
      const auto after = waited(demo.process());
      expect_same(in.erl("{watched_plain, 0}"), "{no_down,no_nodedown}");
      figures.ran(calls);
      if (before && after)
        figures.measured({.name = "waited for a processor",
                          .value = std::chrono::duration<double>(*after - *before).count(),
                          .unit = "s"});
      expect(calls > 0, "it has not answered");
      if (before && after) expect(*after - *before > time / 10, "it has not been starved");
    });
  }
}

}  // namespace
}  // namespace ergo_interop
