// A node without threads: the test steps it and moves its clock, so that every order of events is repeatable.
#pragma once

#include <ergo/etf/text.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/otp/supervisor.hpp>
#include <ergo/runtime.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/catch_tostring.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

template <>
struct Catch::StringMaker<ergo::term> {
  static std::string convert(const ergo::term& value) { return ergo::etf::to_text(value); }
};

namespace ergo::test {

using namespace std::chrono_literals;

/// One runtime in manual mode. Scripts are coroutines that run as processes; they may CHECK, since all runs on the
/// test's own thread, but what they CHECK must contain no co_await: GCC would evaluate it twice inside the macro.
class world {
 public:
  /// With a seed other than 0 the next process to run is chosen at random.
  explicit world(std::uint32_t seed = 0) : random_{seed}, random_choice_{seed != 0}, runtime_{options()} {}

  [[nodiscard]] ergo::runtime& runtime() noexcept { return runtime_; }
  [[nodiscard]] local_node& node() noexcept { return runtime_.anonymous(); }
  [[nodiscard]] const std::vector<event>& events() const noexcept { return events_; }

  /// Runs one slice; false when nothing is runnable.
  bool step() {
    return runtime_.step([this](std::size_t count) { return random_choice_ ? random_() % count : std::size_t{0}; });
  }
  /// Runs what is runnable without moving the clock.
  void settle() {
    while (step() || fire()) {
    }
  }
  /// Moves the clock and runs what became due.
  void advance(duration by) {
    clock_.advance(by);
    runtime_.fire_timers();
    settle();
  }
  /// Runs, and moves the clock from timer to timer, until `done`; false when nothing is left that could happen.
  bool run_until(const std::function<bool()>& done) {
    while (!done()) {
      if (step()) continue;
      const auto next = runtime_.fire_timers();
      if (step()) continue;
      if (next == time_point::max()) return done();
      if (next > clock_.now()) clock_.advance(next - clock_.now());
    }
    return true;
  }

  template <typename Script, typename... Argument>
  pid spawn(Script script, Argument... argument) {
    return *runtime_.spawn(node(), script, std::move(argument)...);
  }
  /// Runs a coroutine as a process to its end and returns its value.
  template <typename Script, typename... Argument>
  auto run(Script script, Argument... argument) {
    using task_type = std::invoke_result_t<Script, process&, Argument...>;
    using value_type = typename task_type::value_type;
    if constexpr (std::is_void_v<value_type>) {
      bool ended = false;
      const auto id = spawn(keep_end<Script, Argument...>, script, &ended, std::move(argument)...);
      REQUIRE(run_until([&] { return !runtime_.alive(id); }));
      REQUIRE(ended);
    } else {
      std::optional<value_type> value;
      const auto id = spawn(keep_value<value_type, Script, Argument...>, script, &value, std::move(argument)...);
      REQUIRE(run_until([&] { return !runtime_.alive(id); }));
      REQUIRE(value.has_value());
      return *std::move(value);
    }
  }
  [[nodiscard]] std::size_t crashes() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(events_, [](const event& happened) { return happened.what == event::kind::crash; }));
  }
  /// How many log lines have this text.
  [[nodiscard]] std::size_t lines(std::string_view text) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        events_, [&](const event& happened) { return happened.what == event::kind::log && happened.text == text; }));
  }

 private:
  runtime_options options() {
    runtime_options made;
    made.manual = true;
    made.clock = &clock_;
    made.on_event = [this](const event& happened) { events_.push_back(happened); };
    return made;
  }
  bool fire() {
    runtime_.fire_timers();
    return step();
  }
  template <typename Value, typename Script, typename... Argument>
  static task<> keep_value(process& self, Script script, std::optional<Value>* kept, Argument... argument) {
    auto value = co_await script(self, argument...);
    kept->emplace(std::move(value));
  }
  template <typename Script, typename... Argument>
  static task<> keep_end(process& self, Script script, bool* ended, Argument... argument) {
    co_await script(self, argument...);
    *ended = true;
  }

  manual_source clock_;
  std::vector<event> events_;
  std::mt19937 random_;
  bool random_choice_;
  ergo::runtime runtime_;
};

/// Runs `script` in a fresh world again and again, abandoned after 0, 1, 2 … slices, until it comes to its end.
template <typename Script>
void abandon_everywhere(Script script) {
  for (std::size_t slices = 0;; ++slices) {
    world abandoned;
    const auto id = abandoned.spawn(script);
    std::size_t run = 0;
    const auto stop = [&] { return !abandoned.runtime().alive(id) || run++ == slices; };
    abandoned.run_until(stop);
    if (!abandoned.runtime().alive(id)) return;
    REQUIRE(slices < 10'000);
  }
}

}  // namespace ergo::test
