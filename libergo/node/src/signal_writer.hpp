// From signals of processes to packets, in the form that was negotiated, keeping book of links and monitors that cross.
#pragma once

#include "carried.hpp"
#include "flat_run.hpp"
#include "wire.hpp"

#include <ergo/dist/packet_writer.hpp>
#include <ergo/etf/buffer.hpp>

namespace ergo::inline v0::detail {

/// Writes the signals of one connection into its buffer. Owned by the connection's slices.
class signal_writer {
 public:
  signal_writer(const wire& over, dist::packet_writer& packets, etf::buffer& out) noexcept
      : wire_{over},
        packets_{packets},
        out_{out},
        placing_{over.negotiated.has(dist::flag::dist_hdr_atom_cache) && over.negotiated.has(dist::flag::send_sender)},
        ours_{over.local.identity()},
        theirs_{over.peer} {}

  /// Appends `what` (owned from now on), leaves it with the packet writer when it is too long for one packet
  /// (`dist::packet_writer::take_large`), or answers it where the peer cannot receive it: its process is of an earlier
  /// incarnation, or what it says was not negotiated. `size` is what it was packed with. A payload beyond 2^31 bytes
  /// ends its sender with `system_limit`.
  void write(const outgoing& what, std::size_t size);

  // Answers that the connection itself gives.

  void down(const dist::control::process_name& target, const pid& watcher, const reference& ref, const term& reason);
  void link_exit(const pid& from, const pid& to, const term& reason);
  void unlink_ack(std::uint64_t id, const pid& from, const pid& to);
  void spawn_reply(const dist::control::spawn_reply& reply);

 private:
  void message(const outgoing& what);
  void message_over_alias(const signal& envelope);
  void cast(const outgoing& what);
  void call(const outgoing& what);
  void reply(const outgoing& what);
  void link(const outgoing& what);
  void unlink(const outgoing& what);
  void monitor(const outgoing& what);
  void demonitor(const outgoing& what);
  void down(const outgoing& what);
  void spawn(const outgoing& what);
  void control(const outgoing& what);
  void exit_over_alias(const signal& envelope);

  [[nodiscard]] bool stale(const outgoing& what) const noexcept;
  void answer_stale(const outgoing& what);
  [[nodiscard]] bool too_long(const signal& envelope, std::size_t size) const;
  void begin(dist::operation op, std::size_t arity);
  void begin_message(const outgoing& what);
  void begin_placed(const outgoing& what, const pid& from);
  void begin_alias(const signal& envelope, const reference& alias);
  void end();
  void tell(const crossing::notice& news) const noexcept;
  template <typename From, typename To>
  void trace_out(dist::operation op, const From& from, const To& to) const;
  [[nodiscard]] pid sender_of(const signal& envelope) const noexcept {
    return envelope.from == pid{} ? wire_.speaker : envelope.from;
  }

  const wire& wire_;
  dist::packet_writer& packets_;
  etf::buffer& out_;
  const bool placing_;  // atoms by their place, and messages with their sender
  const named_node ours_;
  const named_node theirs_;
  std::size_t begun_ = 0;  // size of the buffer before the packet
  dist::packet_start start_{};
  dist::operation op_{};
};

}  // namespace ergo::inline v0::detail
