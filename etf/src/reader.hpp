// Reads numbers, atoms and identifiers off the wire. Every read checks that its bytes are there.
#pragma once

#include <ergo/etf/codec.hpp>

#include "intern.hpp"
#include "wire.hpp"

#include <cstring>
#include <span>
#include <string_view>

namespace ergo::inline v0::etf {

/// Whether no byte is above 127: the same characters in Latin-1 and in UTF-8.
[[nodiscard]] inline bool is_ascii(std::span<const std::byte> bytes) noexcept {
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    if ((wire::load<std::uint64_t>(bytes.data() + at) & 0x8080808080808080ULL) != 0) return false;
  }
  for (; at < bytes.size(); ++at) {
    if ((bytes[at] & std::byte{0x80}) != std::byte{0}) return false;
  }
  return true;
}

/// A read position in bytes from a peer. Each `read_…` returns `errc::ok`, or why there is no such value; the position
/// is then somewhere inside of it.
class reader {
 public:
  reader(std::span<const std::byte> input, const decode_limits& limits) noexcept
      : begin_{input.data()}, at_{input.data()}, end_{input.data() + input.size()}, limits_{limits} {}

  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] std::size_t offset() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  [[nodiscard]] const std::byte* position() const noexcept { return at_; }
  void skip(std::size_t bytes) noexcept { at_ += bytes; }

  /// The next big-endian number; the caller has checked that it is there.
  template <typename Unsigned>
  [[nodiscard]] Unsigned take() noexcept {
    const auto value = wire::load<Unsigned>(at_);
    at_ += sizeof(Unsigned);
    return value;
  }
  [[nodiscard]] std::uint8_t peek() const noexcept { return static_cast<std::uint8_t>(*at_); }
  [[nodiscard]] std::string_view take_bytes(std::size_t count) noexcept {
    const std::string_view bytes{reinterpret_cast<const char*>(at_), count};
    at_ += count;
    return bytes;
  }

  /// Any atom, its tag included; `otherwise` where the next term is something else.
  [[nodiscard]] errc read_atom(atom& value, errc otherwise = errc::bad_identifier);
  /// An atom behind its tag, which is one for which `is_atom_tag` holds.
  [[nodiscard]] errc read_atom_of(std::uint8_t tag, atom& value);
  /// Any integer of 64 bits, its tag included; `otherwise` where the next term is something else.
  [[nodiscard]] errc read_integer(std::int64_t& value, errc otherwise);
  /// Identifiers behind their tag.
  [[nodiscard]] errc read_pid(std::uint8_t tag, pid& value);
  [[nodiscard]] errc read_port(std::uint8_t tag, port& value);
  [[nodiscard]] errc read_reference(std::uint8_t tag, reference& value);

  [[nodiscard]] static constexpr bool is_atom_tag(std::uint8_t tag) noexcept {
    return tag == wire::small_utf8_atom || tag == wire::utf8_atom || tag == wire::latin1_atom ||
           tag == wire::small_latin1_atom || tag == wire::atom_cache_ref;
  }
  [[nodiscard]] static constexpr bool is_reference_tag(std::uint8_t tag) noexcept {
    return tag == wire::newer_reference || tag == wire::new_reference || tag == wire::old_reference;
  }

 protected:
  /// Reads a pid behind its tag at `at` when its node is the one read last; the position behind it, else null.
  [[nodiscard]] const std::byte* pid_of_same_node(const std::byte* at, pid& value) const noexcept {
    const auto name = node_bytes_.size();
    if (!node_known_ || static_cast<std::size_t>(end_ - at) < name + 12 || !same_bytes(at, node_bytes_)) return nullptr;
    const auto* const numbers = at + name;
    if (wire::load<std::uint32_t>(numbers + 8) != node_creation_) return nullptr;
    value = {node_, wire::load<std::uint32_t>(numbers), wire::load<std::uint32_t>(numbers + 4)};
    return numbers + 12;
  }

  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
  const decode_limits& limits_;

 private:
  [[nodiscard]] static bool same_bytes(const std::byte* at, std::string_view text) noexcept {
    const auto size = text.size();
    if (size < 8) return std::memcmp(at, text.data(), size) == 0;
    const auto same_word = [at, text](std::size_t from) {
      return wire::load<std::uint64_t>(at + from) ==
             wire::load<std::uint64_t>(reinterpret_cast<const std::byte*>(text.data()) + from);
    };
    for (std::size_t from = 0; from + 8 < size; from += 8) {
      if (!same_word(from)) return false;
    }
    return same_word(size - 8);
  }

  [[nodiscard]] errc read_latin1(std::size_t size, atom& value);
  [[nodiscard]] errc read_node_name();
  [[nodiscard]] errc find_node(std::uint32_t creation);

  // The node read last: identifiers of one node come in rows.
  std::string_view node_bytes_;  ///< its atom as it stands in the input
  atom node_name_;
  bool node_known_ = false;
  std::uint32_t node_creation_ = 0;
  node_id node_;
};

}  // namespace ergo::inline v0::etf
