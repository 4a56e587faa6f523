// Whole nodes in one thread: a seeded scheduler, a clock that moves only when nothing else can happen, and connections
// with delay and loss. What happens depends on the seed alone, so a failing run can be repeated.
#pragma once

#include <ergo/runtime.hpp>
#include <ergo/testing/carriage.hpp>
#include <ergo/testing/seeds.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::testing {

/// Options of a simulation; every member may be left out.
struct sim_options {
  std::uint64_t seed = 1;
  duration least_delay = std::chrono::microseconds{50};     ///< of a packet between two nodes
  duration most_delay = std::chrono::milliseconds{5};       ///< likewise; packets of one direction never overtake
  duration slowest_notice = std::chrono::milliseconds{20};  ///< until a node notices that a connection is lost
  duration slice_cost = std::chrono::microseconds{1};       ///< what the clock moves by for each step
  std::size_t busy_above = 64;  ///< packets under way from which a connection counts as busy; half of it is drained
  runtime_options runtime{};    ///< of each node; `manual` and `clock` are set by the simulation
  carriage_factory carry{};     ///< empty: `make_envelope_carriage`
  bool history = false;         ///< keeps the last steps for `sim::history`
};

/// A simulated cluster. Everything runs on the thread that calls it; not thread-safe.
///
/// Each node is a runtime of its own, with `blocking` work run in place. Nodes connect when one first sends to the
/// other.
class sim {
 public:
  explicit sim(sim_options options = {});
  ~sim();  ///< crashes all nodes
  sim(const sim&) = delete;
  sim& operator=(const sim&) = delete;

  // Nodes.

  /// Starts a node, or one that was crashed anew: the same name, the next creation. It must not be running. The
  /// reference is valid until its next `crash`.
  local_node& start(std::string_view name);
  /// Ends a node as `kill -9` does: nothing is sent, the others notice later. Its destructors run.
  void crash(std::string_view name);
  [[nodiscard]] bool running(std::string_view name) const;
  /// A running node; throws `std::out_of_range` where there is none.
  [[nodiscard]] local_node& node(std::string_view name);
  [[nodiscard]] std::vector<std::string> nodes() const;  ///< names of those that run, in order of their first start

  // Faults.

  /// Loses the connection between two nodes, if there is one, at a random packet; each side notices in its own time.
  void cut(std::string_view left, std::string_view right);
  /// The same, and no new connection until `heal`: who sends meanwhile is told `noconnection`.
  void partition(std::string_view left, std::string_view right);
  void heal(std::string_view left, std::string_view right);
  [[nodiscard]] bool connected(std::string_view left, std::string_view right) const;  ///< as seen from `left`

  // Time and progress.

  /// Does one thing at random that can be done now: a slice of a process, a packet, a notice. If there is none, moves
  /// the clock to the next one. False if nothing is left to wait for.
  bool step();
  /// Steps while something can be done without waiting, at most `limit` times; returns the number of steps.
  std::size_t settle(std::size_t limit = 1'000'000);
  /// Steps until so much time has passed.
  void run_for(duration span);
  /// Steps until `condition` holds; false if it does not within `limit` of simulated time.
  bool run_until(const std::function<bool()>& condition, duration limit = std::chrono::seconds{60});
  [[nodiscard]] time_point now() const noexcept { return clock_.now(); }

  /// The random numbers of this run; scenarios must take theirs from here.
  [[nodiscard]] std::mt19937_64& random() noexcept { return random_; }
  /// A random number below `bound` (at least 1).
  [[nodiscard]] std::size_t pick(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  [[nodiscard]] std::uint64_t seed() const noexcept { return options_.seed; }

  // Processes.

  /// Starts a process on a node; throws `std::runtime_error` if it cannot.
  template <typename Body, typename... Argument>
    requires std::invocable<Body&, process&, Argument...>
  pid spawn(std::string_view on, Body body, Argument... argument) {
    return spawn(on, spawn_options{}, make_body(std::move(body), std::move(argument)...));
  }
  pid spawn(std::string_view on, const spawn_options& options, std::unique_ptr<behaviour> body);
  void send(const pid& to, const term& content);     ///< from outside, without delay; dropped if its node does not run
  void exit(const pid& target, const term& reason);  ///< likewise
  [[nodiscard]] bool alive(const pid& process) const;

  // What happened.

  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
  [[nodiscard]] std::uint64_t packets() const noexcept;   ///< that arrived
  [[nodiscard]] std::uint64_t lost() const noexcept;      ///< packets that did not
  [[nodiscard]] std::uint64_t sessions() const noexcept;  ///< connections that were made
  [[nodiscard]] std::uint64_t sessions(std::string_view left, std::string_view right) const;  ///< between these two
  /// Packets that the receiving end refused, with the reason of the first; with envelopes there are none.
  [[nodiscard]] std::uint64_t refused() const noexcept;
  [[nodiscard]] const std::string& refusal() const noexcept;
  /// The last steps, one a line; empty without `sim_options::history`.
  [[nodiscard]] std::string history() const;

 private:
  struct member;
  class network;

  [[nodiscard]] member* find(std::string_view name) const;
  [[nodiscard]] member* owner_of(const pid& process) const;
  [[nodiscard]] bool act();
  [[nodiscard]] bool try_work();
  [[nodiscard]] time_point next_event();
  [[nodiscard]] time_point fire_timers();
  void note(std::string line);

  sim_options options_;
  std::mt19937_64 random_;
  manual_source clock_;
  std::unique_ptr<network> network_;
  std::vector<std::unique_ptr<member>> members_;
  std::uint64_t steps_ = 0;
  std::vector<std::string> history_;
  std::size_t oldest_ = 0;
};

}  // namespace ergo::inline v0::testing
