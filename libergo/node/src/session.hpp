// The incarnation of a connection between one handshake and its end.
#pragma once

#include "connection.hpp"
#include "large_messages.hpp"

#include <utility>

namespace ergo::inline v0::detail {

/// Everything that begins and ends with the socket. Touched by who has claimed the connection only.
struct connection::session {
  /// What the session does.
  enum class phase : std::uint8_t {
    open,
    draining,   ///< we end it: what is queued is written first
    lingering,  ///< everything is written; the peer's end is awaited, so that what we wrote is not lost
  };

  session(connection& of, established_link& link, etf::decode_limits limits);

  const dist::attempt_id id;
  wire over;
  etf::buffer out;
  std::size_t sent = 0;      // bytes of `out` that are written
  std::size_t answered = 0;  // bytes of `out` that answer the peer
  dist::receive_buffer in;
  dist::packet_writer packets;
  large_messages large;
  signal_writer writer;
  signal_reader reader;
  dist::liveness liveness;
  stream socket;
  boost::asio::steady_timer timer;
  phase at = phase::open;
  dist::peer_errc ends_with = dist::peer_errc::closed;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  bool may_read = true;  // the last read was not told to wait
  bool unread = false;   // there may be more packets in `in`
  bool waits_to_read = false;
  bool waits_to_write = false;
  bool asked_to_flush = false;  // a sender has rung the bell for what it wrote
  bool stuck = false;           // a sender could not write it all: the next slice finds out why
  bool broken = false;          // a sender ran out of memory half-way: this session cannot go on
  bool fenced = false;          // nothing more is for this session
  bool handed_on = false;       // packets were given to processes since the last wait

  [[nodiscard]] bool is_meant(const term& fence) const { return fence.as_integer() == static_cast<std::int64_t>(id); }
  [[nodiscard]] std::size_t unsent() const noexcept { return out.size() - sent; }
};

}  // namespace ergo::inline v0::detail
