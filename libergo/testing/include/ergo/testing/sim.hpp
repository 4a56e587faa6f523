// Whole nodes in one thread: a seeded scheduler, a clock that moves only when nothing else can happen, and connections
// with delay and loss. What happens depends on the seed alone, so a failing run can be repeated.
#pragma once

#include <ergo/runtime.hpp>
#include <ergo/testing/carriage.hpp>
#include <ergo/testing/plan.hpp>
#include <ergo/testing/seeds.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo::inline v0::testing {

/// Options of a simulation; every member may be left out.
struct sim_options {
  std::uint64_t seed = 1;
  duration least_delay = std::chrono::microseconds{50};     ///< of a packet between two nodes
  duration most_delay = std::chrono::milliseconds{5};       ///< likewise; packets of one direction never overtake
  duration slowest_notice = std::chrono::milliseconds{20};  ///< until a node notices that a connection is lost
  duration silence = std::chrono::milliseconds{200};        ///< until a node gives up a peer that it does not hear
  duration slice_cost = std::chrono::microseconds{1};       ///< what the clock moves by for each step
  std::size_t busy_above = 64;  ///< packets under way from which a connection counts as busy; half of it is drained
  /// Of 100 signals, how many pass some that other processes sent before over the same connection, as small signals
  /// pass large ones that go in fragments. What one process sends stays in order. With envelopes only.
  unsigned overtaking = 0;
  runtime_options runtime{};            ///< of each node; `manual` and `clock` are set by the simulation
  carriage_factory carry{};             ///< empty: `make_envelope_carriage`
  bool history = false;                 ///< keeps the last steps for `sim::history`
  fault_choice faults{};                ///< which of the plan are done
  unsigned shrink_runs = 200;           ///< at most so many runs to make a failing one smaller; 0: none
  std::chrono::seconds shrink_for{20};  ///< of real time: no run is begun later
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
  local_node& start(std::string_view name) { return start(name, {}); }
  /// The same, and calls `boot` with the name at this and each later start: what the node has from its beginning.
  local_node& start(std::string_view name, std::function<void(const std::string& name)> boot);
  /// Ends a node as `kill -9` does: nothing is sent, the others notice later. Its destructors run.
  void crash(std::string_view name);
  /// `crash`, steps until `absence` has passed, `start`.
  void restart(std::string_view name, duration absence);
  [[nodiscard]] bool running(std::string_view name) const;
  /// A running node; throws `std::out_of_range` where there is none.
  [[nodiscard]] local_node& node(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> nodes() const;  ///< names of those that run, in order of their first start

  // Faults. A node that was never started has none.

  /// Loses the connection between two nodes, if there is one, at a random packet; each side notices in its own time.
  void cut(std::string_view left, std::string_view right);
  /// The same, and no new connection until `heal`: who sends meanwhile is told `noconnection`.
  void partition(std::string_view left, std::string_view right);
  /// Nothing of `from` arrives at `to` any more, while the other direction goes on: a half-open connection.
  ///
  /// What is on its way waits, and arrives if the pair is healed in time. Else `to` gives its end up after
  /// `sim_options::silence`, give or take a quarter, and `from` notices that. No new connection until `heal`. Both
  /// directions one after the other make a partition that is noticed by silence alone.
  void mute(std::string_view from, std::string_view to);
  /// Ends `partition` and `mute` between two nodes.
  void heal(std::string_view left, std::string_view right);
  /// Between all nodes; and all read as fast as packets come.
  void heal();
  /// From now on a node reads one packet in `gap`, over all its connections; 0: as they come; `forever`: none.
  /// Its peers find their connections busy, and nobody takes it for dead.
  void read_every(std::string_view node, duration gap);
  [[nodiscard]] bool connected(std::string_view left, std::string_view right) const;  ///< as seen from `left`

  /// Does `act` as one fault of this run's plan: numbered, remembered under the name `what`, and left out where
  /// `sim_options::faults` says so, to find a smaller run that fails.
  ///
  /// Only what the scenario can do without belongs here: a fault, and what undoes it, in one; also a client or a
  /// message more. What is left out changes none of the scenario's other choices: in `act` `pick` has numbers of its
  /// own, which depend on the seed and the number of the fault. A fault within another is a part of that one.
  void fault(const std::string& what, const std::function<void()>& act);
  /// One fault at random, between and on the nodes that run.
  void random_fault(const fault_mix& mix = {});
  /// What faults there were so far.
  [[nodiscard]] const std::vector<planned_fault>& faults() const noexcept { return faults_; }

  // What must hold.

  /// Asks `sentence` after every step and every fault from now on: an empty string if all is well, else what is wrong.
  ///
  /// The step then ends with `broken_invariant`, which fails the run, and so does whatever `sentence` throws; all nodes
  /// are crashed before. It may look at everything, between two slices, and must change nothing.
  void invariant(std::string name, std::function<std::string()> sentence);

  /// Makes an object that lives longer than all processes, whose frames may refer to it when they are destroyed; the
  /// scenario's own variables do not.
  template <typename T, typename... Argument>
  T& keep(Argument&&... argument) {
    auto made = std::make_shared<T>(std::forward<Argument>(argument)...);
    auto& kept = *made;
    kept_.push_back(std::move(made));
    return kept;
  }

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

  /// The random numbers of this run; scenarios and their processes must take theirs from here. Scenario, processes,
  /// each fault and the simulator itself have a sequence each, so that none disturbs the choices of another.
  [[nodiscard]] std::mt19937_64& random() noexcept;
  /// A random number below `bound` (at least 1).
  [[nodiscard]] std::size_t pick(std::size_t bound) { return static_cast<std::size_t>(random()() % bound); }
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
  void kill(const pid& target);                      ///< an exit signal that cannot be trapped
  [[nodiscard]] bool alive(const pid& process) const;

  // A look at processes, for invariants: the run goes on as if nobody had looked. Empty for who does not live.

  [[nodiscard]] std::vector<pid> links(const pid& of) const;              ///< in an order that is the same in each run
  [[nodiscard]] std::vector<destination> watching(const pid& who) const;  ///< what it monitors, in no order
  [[nodiscard]] std::vector<pid> watchers(const pid& of) const;           ///< who monitors it, likewise
  /// Whether no signal waits to be acted on; messages that it has not received yet do not count.
  [[nodiscard]] bool settled(const pid& process) const;
  /// Whether nothing is under way between two nodes, and no loss of their connection is left to notice.
  [[nodiscard]] bool quiet(std::string_view left, std::string_view right) const;
  /// Links, monitors and calls that `left`'s end of the connection remembers, to tell of its loss.
  [[nodiscard]] std::size_t remembered(std::string_view left, std::string_view right) const;

  // What happened.

  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
  [[nodiscard]] duration elapsed() const noexcept { return now() - begun_; }  ///< since the start of the run
  [[nodiscard]] std::uint64_t packets() const noexcept;                       ///< that arrived
  [[nodiscard]] std::uint64_t lost() const noexcept;                          ///< packets that did not
  [[nodiscard]] std::uint64_t overtaken() const noexcept;                     ///< packets that another one passed
  [[nodiscard]] std::uint64_t sessions() const noexcept;                      ///< connections that were made
  [[nodiscard]] std::uint64_t sessions(std::string_view left, std::string_view right) const;  ///< between these two
  /// Packets that the receiving end refused, with the reason of the first; with envelopes there are none.
  [[nodiscard]] std::uint64_t refused() const noexcept;
  [[nodiscard]] const std::string& refusal() const noexcept;
  /// The last steps, one a line; empty without `sim_options::history`.
  [[nodiscard]] std::string history() const;

 private:
  struct member;
  class network;
  class turn;
  struct condition {
    std::string name;
    std::function<std::string()> sentence;
  };
  struct chosen_fault {
    std::string what;
    std::function<void()> act;
  };

  [[nodiscard]] member* find(std::string_view name) const;
  [[nodiscard]] member* owner_of(const pid& process) const;
  [[nodiscard]] const process* look(const pid& process) const;
  template <typename Act>
  void between(const char* what, std::string_view left, std::string_view right, const Act& act);
  [[nodiscard]] std::size_t choose(std::size_t bound) { return static_cast<std::size_t>(order_() % bound); }
  [[nodiscard]] chosen_fault choose_fault(const fault_mix& mix);
  [[nodiscard]] chosen_fault choose_connection_fault(const fault_mix& mix, std::size_t ticket);
  [[nodiscard]] std::vector<std::string> mortal(const fault_mix& mix) const;
  void plan(chosen_fault chosen);
  [[nodiscard]] bool act();
  [[nodiscard]] bool try_work();
  void check_invariants();
  void crash_all();
  [[nodiscard]] time_point next_event();
  [[nodiscard]] time_point fire_timers();
  void note(std::string line);

  sim_options options_;
  std::vector<std::shared_ptr<void>> kept_;
  std::mt19937_64 order_;   // what the simulator itself decides
  std::mt19937_64 script_;  // what the scenario decides
  std::mt19937_64 slices_;  // what processes decide
  std::mt19937_64 fault_;   // what is decided within a fault
  bool in_slice_ = false;
  bool in_fault_ = false;
  manual_source clock_;
  time_point begun_ = clock_.now();
  std::unique_ptr<network> network_;
  std::vector<std::unique_ptr<member>> members_;
  std::vector<planned_fault> faults_;
  std::vector<condition> conditions_;
  std::uint64_t steps_ = 0;
  std::vector<std::string> history_;
  std::size_t oldest_ = 0;
};

}  // namespace ergo::inline v0::testing
