// How many strangers may shake hands at a time (attack S02), who has to go when there are too many,
// and the book of challenges that are out (attack S05).
#pragma once

#include <ergo/dist/peers.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace ergo::inline v0::dist {

struct gate_options {
  /// Unfinished incoming handshakes of a node.
  std::size_t most{256};
  /// Of these, from one address.
  std::size_t most_per_address{32};
  /// Who has spoken within this time is never sent away for a newcomer.
  std::chrono::milliseconds grace{1000};
};

/// Admits incoming sockets to the handshake. Over a cap the one that has been silent for longest goes,
/// those that never spoke first in doubt: a peer that answers within `grace` is safe, and a flood of
/// silent sockets only drives out itself.
class gate {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// What to do about a newcomer.
  struct verdict {
    bool enter;         ///< Begin its handshake; otherwise close it at once.
    attempt_id leaves;  ///< Close this one instead (`none` = nobody has to go).
  };

  explicit gate(gate_options options) : options_{options} {}

  /// A socket was accepted from `address` (text of the IP address without the port).
  [[nodiscard]] verdict arrive(attempt_id id, std::string_view address, time_point now);
  /// A whole step of its handshake was made: `acceptor::step` has changed.
  void progress(attempt_id id, time_point now);
  /// Its handshake has ended in any way.
  void leave(attempt_id id);
  /// Handshakes under way.
  [[nodiscard]] std::size_t size() const { return guests_.size(); }

 private:
  struct guest {
    std::string address;
    time_point heard;
    bool spoke{false};
  };

  [[nodiscard]] std::size_t count(std::string_view address) const;
  [[nodiscard]] attempt_id longest_silent(std::optional<std::string_view> address, time_point now) const;

  gate_options options_;
  std::unordered_map<attempt_id, guest> guests_;
  std::map<std::string, std::size_t, std::less<>> per_address_;
};

/// The challenges of all unfinished handshakes of a node. Not thread-safe: a node whose handshakes run
/// on several threads guards it. At most one entry per handshake.
class challenge_book {
 public:
  /// False when this challenge is out already: draw another one.
  [[nodiscard]] bool issue(std::uint32_t challenge) { return out_.insert(challenge).second; }
  /// The handshake has ended.
  void settle(std::uint32_t challenge) { out_.erase(challenge); }
  /// For `handshake_config::issued_here`.
  [[nodiscard]] bool contains(std::uint32_t challenge) const { return out_.contains(challenge); }
  [[nodiscard]] std::size_t size() const { return out_.size(); }

 private:
  std::unordered_set<std::uint32_t> out_;
};

}  // namespace ergo::inline v0::dist
