// Messages that are too long for one packet, on their way out: their fragments take turns with each other and with the
// packets of everybody else, and what their senders say next waits behind them.
#pragma once

#include "signal_chain.hpp"

#include <ergo/dist/packet_writer.hpp>
#include <ergo/etf/term.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <list>
#include <optional>

namespace ergo::inline v0::detail {

/// The large messages of one session. Owned by its connection's slices.
class large_messages {
 public:
  /// Messages of which the peer has some fragments, at most; others have not begun. It spares the peer's memory, and
  /// each message takes less time from its first fragment to its last.
  static constexpr std::size_t at_a_time = 64;

  large_messages() = default;
  large_messages(const large_messages&) = delete;
  large_messages& operator=(const large_messages&) = delete;
  ~large_messages();

  [[nodiscard]] bool empty() const noexcept { return open_.empty(); }
  /// Whether a message of `sender` is on its way; then what it says next must `wait`.
  [[nodiscard]] bool holds(const pid& sender) const noexcept {
    return !senders_.empty() && senders_.find(sender) != senders_.end();
  }
  /// Takes a message of a sender that has none here. `counted` is what it was accounted for. After `std::bad_alloc`
  /// nothing has changed.
  void add(const pid& sender, dist::fragmenter message, std::size_t counted);
  /// Puts `packed` behind the message of its sender.
  void wait(const pid& sender, signal* packed) noexcept;

  /// A message that is written, or lost.
  struct over {
    pid sender;
    std::size_t counted = 0;
    signal_chain waiting;
  };
  /// Appends the next fragment to `out`; there must be one. Returns the message whose last one it was.
  std::optional<over> next(etf::buffer& out, dist::packet_writer& writer);
  /// Gives up one message after the other; nothing when there is none left.
  std::optional<over> drop() noexcept;

 private:
  struct entry {
    over state;
    dist::fragmenter message;
  };
  using entries = std::list<entry>;

  over take(entries& from) noexcept;

  entries open_;     // the first one is next
  entries pending_;  // begin when one of these has ended
  boost::unordered_flat_map<pid, entry*, std::hash<pid>> senders_;
};

}  // namespace ergo::inline v0::detail
