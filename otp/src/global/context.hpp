// What the parts of the machine share: the way out, calls and timers that go on with a function, and numbers.
#pragma once

#include "actions.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <vector>

namespace ergo::inline v0::otp::global_detail {

/// The version of the protocol that we speak, and what came with which. Source: global.erl.
inline constexpr int own_version = 8;
inline constexpr int oldest_version = 5;
inline constexpr int proxied_lockers_version = 6;  ///< lockers talk through the servers
inline constexpr int known_versions_version = 7;   ///< versions travel with known nodes; overlapping partitions
inline constexpr int verified_connect_version = 8;

/// Orders terms as the keys of an Erlang map.
struct term_less {
  bool operator()(const term& left, const term& right) const noexcept { return etf::compare_exact(left, right) < 0; }
};
/// Orders node names as Erlang does; the last of a set is its boss.
struct node_less {
  bool operator()(atom left, atom right) const noexcept { return etf::compare_text(left, right) < 0; }
};

/// The machine's surroundings. Actions are kept until `take`; functions that are posted run before the machine returns
/// to its caller, after the one that posted them, which stands for a message of OTP's server to itself.
class context {
 public:
  using answered = std::function<void(const term*)>;

  context(pid self, std::uint64_t seed) : self_{self}, random_{seed} {}

  [[nodiscard]] const pid& self() const noexcept { return self_; }
  [[nodiscard]] atom node() const noexcept { return self_.node.name(); }

  void act(action wanted) { actions_.push_back(std::move(wanted)); }
  [[nodiscard]] std::vector<action> take() { return std::exchange(actions_, {}); }

  void post(std::function<void()> work) { posted_.push_back(std::move(work)); }
  /// Runs what was posted, and what that posts.
  void run_posted();

  /// Calls a name on another node; `done` gets the answer, or null when there will be none.
  void call(atom name, atom node, const term& request, answered done);
  void finish_call(std::uint64_t token, const term* answer);

  /// Runs `work` after `delay`; the number is for `stop_timer`.
  std::uint64_t after(duration delay, std::function<void()> work);
  void stop_timer(std::uint64_t token);  ///< nothing where it has fired
  void fire(std::uint64_t token);

  [[nodiscard]] std::uint64_t watch(const pid& process);
  void unwatch(std::uint64_t watch) { act(unwatch_action{watch}); }

  /// A number that this machine has not given before, larger than those.
  [[nodiscard]] std::uint64_t number() noexcept { return ++last_; }
  /// A random number below `bound` (at least 1).
  [[nodiscard]] std::uint64_t pick(std::uint64_t bound) { return random_() % bound; }
  /// How long to wait after the attempt number `times`: random, up to 1/8 s at first, then doubling up to 8 s.
  [[nodiscard]] duration back_off(unsigned times);

 private:
  pid self_;
  std::mt19937_64 random_;
  std::uint64_t last_ = 0;
  std::vector<action> actions_;
  std::deque<std::function<void()>> posted_;
  std::map<std::uint64_t, answered> calls_;
  std::map<std::uint64_t, std::function<void()>> timers_;
};

}  // namespace ergo::inline v0::otp::global_detail
