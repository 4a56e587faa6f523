#include <ergo/event_log.hpp>
#include <ergo/runtime.hpp>

#include <catch2/catch_test_macros.hpp>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace ergo;
using namespace std::chrono_literals;

namespace {

/// Keeps what is logged, or has no room for it.
class memory_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::vector<std::string> lines;
  bool full = false;

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (full) throw std::runtime_error{"no space left on device"};
    lines.emplace_back(message.payload.data(), message.payload.size());
  }
  void flush_() override {}
};

struct logging {
  std::shared_ptr<memory_sink> sink = std::make_shared<memory_sink>();
  manual_source clock;
  event_handler handler;

  explicit logging(event_log_options options = {}) {
    options.clock = &clock;
    handler = log_events(std::make_shared<spdlog::logger>("node", sink), options);
  }
  void say(event::kind what, const std::string& text, log_level level = log_level::warning) {
    event made;
    made.what = what;
    made.level = level;
    made.text = text;
    handler(made);
  }
};

}  // namespace

TEST_CASE("A flood of one kind is cut to a burst and a rate, and its size is told", "[log][S32]") {
  logging log{{.burst = 5, .per_second = 2}};
  for (int i = 0; i < 1'000; ++i) log.say(event::kind::cluster, "node down");
  CHECK(log.sink->lines.size() == 5);
  log.say(event::kind::crash, "another kind");
  CHECK(log.sink->lines.back() == "crash: another kind");
  log.clock.advance(500ms);
  log.say(event::kind::cluster, "node up");
  CHECK(log.sink->lines.back() == "cluster: node up (after 995 more of this kind that were not logged)");
  log.clock.advance(1h);
  for (int i = 0; i < 10; ++i) log.say(event::kind::cluster, "again");
  CHECK(log.sink->lines.size() == 5 + 1 + 1 + 5);
}

TEST_CASE("Without a rate nothing is kept back", "[log]") {
  logging log{{.burst = 1, .per_second = 0}};
  for (int i = 0; i < 1'000; ++i) log.say(event::kind::log, "line");
  CHECK(log.sink->lines.size() == 1'000);
}

TEST_CASE("What the logger does not want costs nobody's allowance", "[log]") {
  logging log{{.burst = 1, .per_second = 1}};
  for (int i = 0; i < 100; ++i) log.say(event::kind::log, "chatter", log_level::debug);
  log.say(event::kind::log, "heard");
  CHECK(log.sink->lines == std::vector<std::string>{"log: heard"});
}

TEST_CASE("A log that cannot be written harms nobody", "[log]") {
  logging log;
  log.sink->full = true;
  log.say(event::kind::limit, "lost");
  log.sink->full = false;
  log.say(event::kind::limit, "kept");
  CHECK(log.sink->lines == std::vector<std::string>{"limit: kept"});
}

TEST_CASE("Threads share the allowance", "[log]") {
  logging log{{.burst = 100, .per_second = 1}};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&log] {
      for (int n = 0; n < 1'000; ++n) log.say(event::kind::log, "line");
    });
  for (auto& each : threads) each.join();
  CHECK(log.sink->lines.size() == 100);
}
