// Packets on their way out (protocol §3): in pass-through form, or behind a header that names their atoms once for all,
// and messages that are too long for one packet as fragments, between which other packets may go.
#pragma once

#include <ergo/dist/packet.hpp>
#include <ergo/etf/buffer.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace ergo::inline v0::dist {

/// What a packet is going to look like, for `lethal`.
struct header_plan {
  packet_form form{packet_form::pass_through};
  std::uint64_t sequence{};  ///< Of a fragmented message.
  std::uint64_t fragments{1};
  std::size_t atoms{};  ///< References to the receiver's atom cache.
};

/// The reason why a packet of this form would kill the receiving VM or close the connection; empty when it is safe.
/// OTP 23 to 29 die of a fragmented message with sequence 0, and of cache entries where only fragments were negotiated
/// (protocol §0.3). Every packet we encode passes through this, in every build.
[[nodiscard]] std::string_view lethal(const header_plan& plan, flags negotiated);

/// What the receiver has in its atom cache, and thereby which atoms a header must spell out. An atom's slot follows
/// from its index, so that the first 2,048 atoms of a program never drive each other out.
class atom_cache_writer {
 public:
  static constexpr std::size_t slots = 2048;

  /// Enters the atoms of a packet, at most 255, into the cache and returns the bytes of the header from its count on.
  /// That packet must be sent, or everything be forgotten. `atoms` must last until `write`.
  [[nodiscard]] std::size_t plan(std::span<const etf::atom> atoms) noexcept;
  /// Writes the header that was planned, `n flags references`, and returns the position behind it.
  std::byte* write(std::byte* to) const noexcept;
  /// How many atoms of the header that was planned are spelled out, because the receiver does not have them.
  [[nodiscard]] std::size_t spelled() const noexcept { return spelled_; }
  /// Takes the cache for empty, which is always safe: what is used next is spelled out.
  void forget() noexcept { cached_ = {}; }

 private:
  std::byte* write_spelled(std::byte* to) const noexcept;

  std::span<const etf::atom> atoms_;
  // Of each its slot and `spelled_out`; behind the last, what the header says about all of them.
  std::array<std::uint16_t, etf::packet_atoms::most + 2> references_{};
  std::size_t spelled_{};                      // how many of them are spelled out
  std::array<std::uint32_t, slots> cached_{};  // index + 1 of an atom
};

class packet_writer;

/// A message on its way out in fragments. Gathered binaries stay where they are. Owned by one thread.
class fragmenter {
 public:
  /// Appends the next packet, its length included, to `out`; only while `left` is not 0. The packets of one message go
  /// through the writer that made it, in order, with any others in between. After `std::bad_alloc` nothing was appended
  /// and nothing is lost.
  void next(etf::buffer& out, packet_writer& writer);
  /// Packets to come.
  [[nodiscard]] std::uint64_t left() const { return left_; }
  /// Bytes of the message that were not appended yet, headers not counted.
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  friend class packet_writer;
  struct cursor {
    std::size_t at;        // in the collected bytes
    std::size_t piece{};   // the next one
    std::size_t within{};  // bytes of it that have passed
  };

  fragmenter(etf::buffer message, std::size_t begin) : message_{std::move(message)}, at_{begin} {}
  static void copy(etf::buffer& out, const etf::buffer& from, cursor& at, std::size_t count);

  etf::buffer message_;
  std::vector<etf::atom> atoms_;
  cursor at_;
  std::size_t size_{};
  std::size_t fragment_{};  // bytes of the payload in a packet
  std::size_t first_{};     // bytes in the first packet
  std::uint64_t sequence_{};
  std::uint64_t left_{};
};

struct packet_writer_options {
  /// Bytes of a payload from which it is cut, and of each piece; at least 1. Where fragments were negotiated.
  std::size_t fragment{64U << 10};
};

/// Where a packet began in a buffer.
struct packet_start {
  etf::buffer::mark before;  // the buffer in front of the length
  std::size_t header{};      // bytes that are left for what stands in front of the terms
  std::size_t payload{};     // size of the buffer where the payload began; 0 = there is none
};

/// The sending end of one connection, from its handshake to its end: what was negotiated, what the peer has in its atom
/// cache, the number of the next fragmented message. Owned by one thread; 15 KiB with an atom cache.
class packet_writer {
 public:
  explicit packet_writer(flags negotiated, packet_writer_options options = {});

  [[nodiscard]] flags negotiated() const { return negotiated_; }

  /// Begins a packet: everything in front of the control message. See `begin_packet`.
  [[nodiscard]] packet_start begin(etf::buffer& out);
  /// Ends it. False when it is longer than any peer accepts: then it is still there, without its header.
  [[nodiscard]] bool end(etf::buffer& out, const packet_start& start);
  /// The message that `end` found too long for one packet, if there is one: `out` is then as before `begin`. To be
  /// taken before the next `begin`.
  [[nodiscard]] std::optional<fragmenter> take_large();
  /// Bytes of the message that waits to be taken; 0 = there is none.
  [[nodiscard]] std::size_t large() const { return large_ ? large_->size() : 0; }

 private:
  friend class fragmenter;
  struct cache {
    etf::packet_atoms atoms;
    atom_cache_writer known;
  };

  [[nodiscard]] std::span<const etf::atom> atoms() const;
  [[nodiscard]] fragmenter cut(etf::buffer& out, const packet_start& start, std::size_t control);
  [[nodiscard]] std::size_t plan(std::span<const etf::atom> atoms) noexcept;
  std::byte* write_atoms(std::byte* to) const noexcept;
  void write_header(etf::buffer& out, const packet_start& start);
  void append_atoms(etf::buffer& out, std::span<const etf::atom> atoms);
  void forget() noexcept;

  flags negotiated_;
  packet_writer_options options_;
  std::unique_ptr<cache> cache_;  // null when it was not negotiated
  std::size_t usual_header_{0};   // bytes in front of the terms of the last packet that spelled out no atom
  std::uint64_t last_sequence_{0};
  std::optional<fragmenter> large_;
};

/// Where packets go to: what was negotiated there, and, where that calls for headers, the writer that makes them.
struct encode_context {
  encode_context(flags of_peer) : negotiated{of_peer} {}  // NOLINT: flags say it all where packets pass through
  encode_context(packet_writer& to) : negotiated{to.negotiated()}, writer{&to} {}  // NOLINT: the same

  flags negotiated;
  packet_writer* writer{};  ///< Not owned; null = pass-through form.
};

/// Begins a packet: everything in front of the control message. Aborts when the pass-through form is asked for and
/// another one was negotiated: that is a mistake of this program, and an expensive one for the peer.
[[nodiscard]] packet_start begin_packet(etf::buffer& out, const encode_context& to);
/// Goes on to the payload, behind the control message.
void begin_payload(etf::buffer& out, packet_start& start, const encode_context& to);
/// Ends a packet, or makes a message in fragments of it: see `packet_writer::take_large`. False when it is longer than
/// any peer accepts (2^31 - 1 bytes): it must not be sent. After `std::bad_alloc` it is still there, unfinished.
[[nodiscard]] bool end_packet(etf::buffer& out, const packet_start& start, const encode_context& to);
/// Takes back a packet that was not ended.
void drop_packet(etf::buffer& out, const packet_start& start);
/// Appends a tick.
void append_tick(etf::buffer& out);

}  // namespace ergo::inline v0::dist
