// Two worlds for tests of the runtime: one that the test steps by hand on its own thread, and one with threads whose
// workers report through a queue. Assertions are made by the test's thread only.
#pragma once

#include <ergo/calls.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/runtime.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_adapters.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace ergo::test {

using namespace std::chrono_literals;

/// What processes tell the test: filled by any thread, read by the test.
template <typename T>
class reports {
 public:
  void add(T one) {
    // Tells under the lock: whoever waits may destroy this object as soon as it has the lock.
    const std::scoped_lock lock{mutex_};
    all_.push_back(std::move(one));
    changed_.notify_all();
  }
  [[nodiscard]] std::vector<T> all() const {
    const std::scoped_lock lock{mutex_};
    return all_;
  }
  [[nodiscard]] std::size_t size() const {
    const std::scoped_lock lock{mutex_};
    return all_.size();
  }
  /// Waits until there are `count` reports; false after `limit`.
  [[nodiscard]] bool wait_for(std::size_t count, std::chrono::milliseconds limit = 10s) const {
    return wait_until([&](const std::vector<T>& all) { return all.size() >= count; }, limit);
  }
  [[nodiscard]] bool wait_until(const std::function<bool(const std::vector<T>&)>& wanted,
                                std::chrono::milliseconds limit = 10s) const {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, limit, [&] { return wanted(all_); });
  }
  void clear() {
    const std::scoped_lock lock{mutex_};
    all_.clear();
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<T> all_;
};

/// Waits until `condition` holds; false after `limit`.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition, std::chrono::milliseconds limit = 10s) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::yield();
  }
  return true;
}

/// A runtime without threads and with a clock of its own. Everything runs inside `run`, on the test's thread.
class manual_world {
 public:
  explicit manual_world(runtime_options options = {}) : runtime_{prepared(std::move(options))} {}

  [[nodiscard]] ergo::runtime& runtime() noexcept { return runtime_; }
  [[nodiscard]] local_node& node() noexcept { return runtime_.anonymous(); }

  /// Steps until nothing is runnable any more, the oldest first; returns the number of steps, at most `limit`.
  std::size_t run(std::size_t limit = 10'000'000) {
    return run_chosen([](std::size_t /*runnable*/) { return std::size_t{0}; }, limit);
  }
  /// The same in random order.
  std::size_t run_random(std::mt19937_64& random, std::size_t limit = 10'000'000) {
    return run_chosen([&](std::size_t runnable) { return static_cast<std::size_t>(random() % runnable); }, limit);
  }
  /// Moves the clock in the steps at which timers are due, and runs what they wake.
  void advance(duration by) {
    const auto until = clock_.now() + by;
    for (;;) {
      (void)runtime_.fire_timers();
      if (run() != 0) continue;  // it may have asked for other times
      const auto next = runtime_.fire_timers();
      if (next > until) break;
      clock_.advance(next - clock_.now());
    }
    clock_.advance(until - clock_.now());
  }
  /// Moves the clock and wakes whose time has come, but runs nobody.
  void pass(duration by) {
    clock_.advance(by);
    (void)runtime_.fire_timers();
  }
  /// Moves the clock and does nothing else; for slices that take long.
  void pass_time(duration by) { clock_.advance(by); }
  [[nodiscard]] time_point now() const noexcept { return clock_.now(); }

  template <typename Body, typename... Argument>
    requires std::invocable<Body&, process&, Argument...>
  pid spawn(Body body, Argument... argument) {
    return spawn(spawn_options{}, std::move(body), std::move(argument)...);
  }
  template <typename Body, typename... Argument>
    requires std::invocable<Body&, process&, Argument...>
  pid spawn(const spawn_options& options, Body body, Argument... argument) {
    auto started = runtime_.spawn(node(), options, make_body(std::move(body), std::move(argument)...));
    if (!started) throw std::runtime_error{"spawn: " + started.error().message()};
    return *started;
  }
  void send(const destination& to, const term& content) { runtime_.send(to, content); }
  void exit(const pid& target, const term& reason) { runtime_.exit(target, exit_reason{reason}); }
  [[nodiscard]] bool alive(const pid& process) const { return runtime_.alive(process); }

  /// Events so far.
  [[nodiscard]] const std::vector<event>& events() const noexcept { return events_; }
  [[nodiscard]] std::size_t crashes() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(events_, [](const event& one) { return one.what == event::kind::crash; }));
  }

 private:
  runtime_options prepared(runtime_options options) {
    options.manual = true;
    options.clock = &clock_;
    options.on_event = [this](const event& one) { events_.push_back(one); };
    return options;
  }
  template <typename Choice>
  std::size_t run_chosen(Choice choose, std::size_t limit) {
    std::size_t steps = 0;
    while (steps < limit && runtime_.step(choose)) ++steps;
    return steps;
  }

  manual_source clock_;
  std::vector<event> events_;
  ergo::runtime runtime_;
};

/// A runtime with threads, whose events are kept.
class threaded_world {
 public:
  explicit threaded_world(runtime_options options = {}) : runtime_{prepared(std::move(options))} {}

  [[nodiscard]] ergo::runtime& runtime() noexcept { return runtime_; }
  [[nodiscard]] local_node& node() noexcept { return runtime_.anonymous(); }
  [[nodiscard]] const reports<event>& events() const noexcept { return events_; }

  template <typename Body, typename... Argument>
    requires std::invocable<Body&, process&, Argument...>
  pid spawn(Body body, Argument... argument) {
    return spawn(spawn_options{}, std::move(body), std::move(argument)...);
  }
  template <typename Body, typename... Argument>
    requires std::invocable<Body&, process&, Argument...>
  pid spawn(const spawn_options& options, Body body, Argument... argument) {
    auto started = runtime_.spawn(node(), options, make_body(std::move(body), std::move(argument)...));
    if (!started) throw std::runtime_error{"spawn: " + started.error().message()};
    return *started;
  }

 private:
  runtime_options prepared(runtime_options options) {
    options.on_event = [this](const event& one) { events_.add(one); };
    return options;
  }

  reports<event> events_;
  ergo::runtime runtime_;
};

/// A behaviour made of plain functions; what is left out does nothing.
class plain_body final : public behaviour {
 public:
  struct callbacks {
    std::function<void(process&)> start{};
    std::function<void(process&, message)> receive{};
    std::function<void(process&)> idle{};
    std::function<term()> state{};
  };
  explicit plain_body(callbacks given) : on_{std::move(given)} {}

  void start(process& self) override {
    if (on_.start) on_.start(self);
  }
  void receive(process& self, message received) override {
    if (on_.receive) on_.receive(self, std::move(received));
  }
  void task_ended(process& /*self*/) override {}
  void idle_timeout(process& self) override {
    if (on_.idle) on_.idle(self);
  }
  [[nodiscard]] term state() const override { return on_.state ? on_.state() : term{}; }

 private:
  callbacks on_;
};

[[nodiscard]] inline std::unique_ptr<behaviour> plain(plain_body::callbacks on) {
  return std::make_unique<plain_body>(std::move(on));
}

/// Text of a term, for comparisons that read well.
[[nodiscard]] inline std::string text(const term& value) { return etf::to_text(value); }

}  // namespace ergo::test
