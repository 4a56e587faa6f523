// Connections between simulated nodes: two queues with delays, two ends that notice a loss each in its own time.
#pragma once

#include <ergo/testing/sim.hpp>

#include <array>
#include <deque>

namespace ergo::inline v0::testing {

/// A node of the simulation through its incarnations.
struct sim::member {
  std::string name;
  std::uint32_t creation = 0;
  std::size_t index = 0;
  std::unique_ptr<ergo::runtime> runtime;  // null while it is down
  local_node* node = nullptr;
  std::unique_ptr<outbound> way;
  std::function<void(const std::string&)> boot;
  duration gap{};  // between two packets that it reads
  time_point reads_at{};
};

class sim::network {
 public:
  explicit network(sim& owner) : sim_{owner} {}

  // What a node asks for.

  void deliver(member& from, const destination& to, detail::signal* envelope);
  [[nodiscard]] bool busy(const member& from, atom node) const;
  void wake_when_drained(member& from, atom node, const pid& waiting);
  void monitor_node(member& from, const pid& watcher, atom node);
  void demonitor_node(member& from, const pid& watcher, atom node);

  // Faults.

  void cut(member& left, member& right);
  void partition(member& left, member& right);
  void mute(member& from, member& to);
  void heal(member& left, member& right);
  void heal_all();
  /// Everything that a crashed node had is gone; the others notice.
  void crashed(member& gone);
  [[nodiscard]] bool connected(const member& from, const member& to) const;
  [[nodiscard]] bool quiet(const member& one, const member& other) const;
  [[nodiscard]] std::size_t remembered(const member& from, const member& to) const;
  [[nodiscard]] std::uint64_t sessions_of(const member& one, const member& other) const;

  // Progress.

  /// Actions that can be taken now: packets and notices that are due.
  [[nodiscard]] std::size_t due_actions(time_point now);
  /// Takes the `index`-th of those that `due_actions` has just counted.
  void act(std::size_t index);
  [[nodiscard]] time_point next_due() const;

  std::uint64_t packets = 0;
  std::uint64_t lost = 0;
  std::uint64_t overtaken = 0;
  std::uint64_t sessions = 0;
  std::uint64_t refused = 0;
  std::string refusal;

 private:
  struct on_the_way {
    packet what;
    time_point due;
  };
  // The end that `owner` has of a connection, and what travels towards it.
  struct end {
    member* owner = nullptr;
    bool up = false;
    std::unique_ptr<carriage> carry;
    std::deque<on_the_way> towards;
    time_point last_due{};
    time_point notices_at = time_point::max();
    bool muted = false;                              // nothing arrives here
    time_point gives_up_at = time_point::max();      // because it has not heard the other end for so long
    std::vector<pid> waiting;                        // for the queue towards the other end to drain
    std::vector<std::pair<pid, unsigned>> watchers;  // of the other node
  };
  struct link {
    std::array<end, 2> ends;
    std::uint64_t sessions = 0;
    bool separated = false;
    bool broken = false;  // lost, and not noticed by everybody
  };
  enum class event : std::uint8_t { packet, notice, silence };
  struct action {
    link* on;
    std::size_t side;
    event what;
  };

  [[nodiscard]] link* find(const member& one, const member& other) const;
  [[nodiscard]] link& between(member& one, member& other);
  [[nodiscard]] static std::size_t side_of(const link& on, const member& who) {
    return on.ends[0].owner == &who ? 0 : 1;
  }
  [[nodiscard]] bool reach(link& on, std::size_t side);
  void open(link& on);
  void lose(link& on);
  void end_silence(end& of, bool lost_meanwhile);
  [[nodiscard]] std::deque<on_the_way>::iterator place_for(const packet& what, end& far);
  [[nodiscard]] duration up_to(duration most);
  [[nodiscard]] std::string describe(const action& chosen) const;
  void tell(link& on, std::size_t side);
  void put(link& on, std::size_t side, packet what);
  void take(link& on, std::size_t side);
  void wake_waiting(end& of);
  void tell_watchers(end& of, atom node);

  sim& sim_;
  std::vector<std::unique_ptr<link>> links_;
  std::vector<action> due_;
};

}  // namespace ergo::inline v0::testing
