// Keep-alive of one connection (protocol §2.8): when to send a tick, and when a peer that says
// nothing is dead. A small machine that is told what was read and written and what time it is.
#pragma once

#include <chrono>
#include <cstdint>

namespace ergo::inline v0::dist {

/// What a connection is asked to do for its keep-alive.
enum class liveness_action : std::uint8_t {
  nothing,
  send_tick,   ///< Write a packet of length 0, then call `on_written`.
  read_first,  ///< Read what the socket holds without waiting (`on_read` when there was anything),
               ///< then call `after_read`: this side may have been late, not the peer silent.
  peer_down,   ///< Close the connection: the peer was silent for the net tick time.
};

/// Whether bytes wait in the send queue of the connection.
enum class send_queue : std::uint8_t { empty, waiting };

/// Whether the peer answers ticks instead of sending its own, as hidden C nodes do.
enum class peer_kind : std::uint8_t { visible, hidden };

struct liveness_options {
  /// Erlang's `net_ticktime`: a peer that is silent for so long is down (within a quarter of it).
  std::chrono::milliseconds tick_time{std::chrono::seconds{60}};
  /// Erlang's `net_tickintensity`: checks per tick time. At least 4; smaller values count as 4.
  int intensity{4};
  peer_kind peer{peer_kind::visible};
};

/// Judges one connection, once per `interval()`.
///
/// Silence is measured in time, from the last check that saw bytes, not in the number of checks: a
/// core that was stopped for a minute and checks once must not wait four more intervals, and must not
/// condemn a peer whose bytes lie unread in the socket either (`read_first`).
class liveness {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `now` = when the connection came up.
  liveness(liveness_options options, time_point now);

  /// How far apart `on_interval` is due.
  [[nodiscard]] std::chrono::milliseconds interval() const { return interval_; }

  /// Any bytes arrived.
  void on_read() { read_ = true; }
  /// Any bytes were handed to the carrier, ticks included.
  void on_written() { written_ = true; }

  /// The timer fired. Call it whenever it did, also when it did so late.
  [[nodiscard]] liveness_action on_interval(time_point now, send_queue queue);
  /// After `read_first`: the verdict.
  [[nodiscard]] liveness_action after_read(time_point now, send_queue queue);

 private:
  enum class phase : std::uint8_t { watching, reading, down };

  [[nodiscard]] bool silent_too_long(time_point now) const;
  liveness_action conclude(time_point now, send_queue queue);

  std::chrono::milliseconds tick_time_;
  std::chrono::milliseconds interval_;
  peer_kind peer_;
  time_point heard_;  // latest check that found bytes read since the one before
  bool read_{false};
  bool written_{false};
  phase phase_{phase::watching};
};

}  // namespace ergo::inline v0::dist
