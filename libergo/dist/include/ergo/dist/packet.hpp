// Packets after the handshake (protocol §3): cutting the byte stream at their lengths, and the forms that they have.
#pragma once

#include <ergo/dist/flags.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace ergo::inline v0::dist {

using bytes_view = std::span<const std::byte>;

struct packet_options {
  /// Longest packet accepted, in bytes without its length field (attack S11).
  std::uint32_t max_packet{128U << 20};
  /// Size of an ordinary receive block, in bytes.
  std::size_t block{64U << 10};
  /// A block for a longer packet begins at this size and grows as bytes arrive, so that memory follows what was
  /// received and not what was announced.
  std::size_t eager{256U << 10};
};

/// Where a connection's bytes arrive, and where its packets lie: the socket reads into `prepare()`, and `next()` gives
/// out packets in place, without a copy. One thread at a time.
class receive_buffer {
 public:
  enum class outcome : std::uint8_t {
    need_more,  ///< Read again.
    tick,       ///< A packet of length 0: the peer is alive.
    packet,
    too_long,  ///< Longer than `max_packet`: close the connection. Stays so.
  };

  struct packet {
    outcome what;
    bytes_view body;  ///< Without the length; valid until the next `prepare` or `feed`, longer with `owner_of`.
  };

  explicit receive_buffer(packet_options options = {}) : options_{options} {}

  /// Room for the next read, at least one byte. Invalidates packets given out before, unless their owner is held.
  [[nodiscard]] std::span<std::byte> prepare();
  /// `count` bytes of the room were filled.
  void commit(std::size_t count) { end_ += count; }
  /// Appends bytes that were read by somebody else: what lay behind the handshake, or came out of TLS.
  void feed(bytes_view bytes);
  /// The next packet, if it is complete.
  [[nodiscard]] packet next();

  /// Who keeps the memory of a packet alive, for `etf::decode_limits::aliased`; null when the packet is so small a part
  /// of its block that binaries had better be copied. As long as a copy of the owner lives, the block is not reused.
  [[nodiscard]] const std::shared_ptr<const void>* owner_of(bytes_view body);

  /// Bytes of memory held.
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  /// Bytes received and not given out.
  [[nodiscard]] std::size_t unread() const { return end_ - read_; }

 private:
  [[nodiscard]] std::size_t announced() const;
  [[nodiscard]] std::size_t least_room() const;
  [[nodiscard]] bool sole_owner() const;
  void renew(std::size_t capacity);
  void make_room();

  packet_options options_;
  std::shared_ptr<const void> owner_;
  std::byte* data_{};
  std::size_t capacity_{};
  std::size_t read_{};  // first byte not given out
  std::size_t end_{};   // behind the last byte received
  bool lent_{false};    // somebody may hold the block
};

/// The terms of a pass-through packet, control first, without the leading 112 and 131; empty when the body is no such
/// packet.
[[nodiscard]] bytes_view pass_through(bytes_view body);

/// What all packets of a connection begin with.
enum class packet_form : std::uint8_t {
  pass_through,  ///< 112, then each term with its 131.
  header,        ///< 131 and 68, 69 or 70, then terms without 131.
};

/// The form that is in force: a header as soon as the atom cache or fragments were negotiated.
[[nodiscard]] constexpr packet_form form_of(flags negotiated) {
  return negotiated.has(flag::dist_hdr_atom_cache) || negotiated.has(flag::fragments) ? packet_form::header
                                                                                      : packet_form::pass_through;
}

}  // namespace ergo::inline v0::dist
