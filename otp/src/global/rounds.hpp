// One question to several nodes at once, and the two questions about locks.
#pragma once

#include "locks.hpp"

#include <optional>

namespace ergo::inline v0::otp::global_detail {

/// What a node answered; nothing where it went, or has no name server.
struct answer {
  atom node;
  std::optional<term> value;
};

/// Calls to the `global_name_server` of several nodes, ours among them, as `gen_server:multi_call`.
///
/// What is to be done afterwards is posted, never run within the call.
class rounds {
 public:
  using own_answer = std::function<term(const term& request)>;

  rounds(context& shared, lock_table& locks, own_answer ours)
      : context_{shared}, locks_{locks}, own_answer_{std::move(ours)} {}

  void ask(const std::vector<atom>& nodes, const term& request, std::function<void(std::vector<answer>)> done);
  /// Sets a lock on all of `nodes`, or on none; who does not answer does not count.
  void lock(const lock_id& id, const std::vector<atom>& nodes, std::function<void(bool)> done);
  void unlock(const lock_id& id, const std::vector<atom>& nodes, std::function<void()> done);
  /// Unlocks the boss when all others have answered: until then whoever asks it first is refused there and then.
  void unlock_boss_last(const lock_id& id, std::vector<atom> nodes, std::function<void()> done);

 private:
  void settle_lock(const lock_id& id, const std::vector<answer>& answers, std::function<void(bool)> done);

  context& context_;
  lock_table& locks_;
  own_answer own_answer_;
};

/// The node that is locked first: the last in Erlang's order. `nodes` is not empty.
[[nodiscard]] atom boss_of(const std::vector<atom>& nodes);
/// `nodes` without `gone`.
[[nodiscard]] std::vector<atom> without(std::vector<atom> nodes, atom gone);

}  // namespace ergo::inline v0::otp::global_detail
