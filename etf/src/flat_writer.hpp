// Writes terms without parts at the end of a buffer, with one check for room per term.
#pragma once

#include <ergo/etf/buffer.hpp>

#include "atom_table.hpp"
#include "node_table.hpp"
#include "wire.hpp"

#include <bit>
#include <cstring>

namespace ergo::inline v0::etf {

/// Whether a port fits into NEW_PORT_EXT, which every release reads; V4_PORT_EXT is refused by OTP 23.
[[nodiscard]] constexpr bool is_small_port(std::uint64_t id) noexcept { return id < (1U << 28); }

/// How atoms are written: by their text, or by their place among those of the buffer, as far as it has room for them.
enum class atom_form : bool { in_full, placed };

/// Writing behind the committed bytes of a buffer. The position is handed in and out, so that it stays in a register:
/// bytes that are written may alias anything that lies in memory. Every `put_` wants room for `largest_flat` bytes,
/// which `need` sees to.
template <atom_form Form>
class flat_writer {
 public:
  static constexpr std::size_t largest_flat =
      64;  ///< the most bytes of a term without parts, but for long atoms and numbers

  explicit flat_writer(buffer& out) : out_{out} { open(largest_flat); }

  [[nodiscard]] std::byte* start() const noexcept { return from_; }

  /// Hands over what was written up to `to`.
  void close(std::byte* to) noexcept {
    out_.commit(static_cast<std::size_t>(to - from_));
    from_ = to;
  }

  /// The position to go on from with room for `count` bytes.
  [[nodiscard]] std::byte* need(std::byte* to, std::size_t count) {
    if (static_cast<std::size_t>(end_ - to) >= count) [[likely]]
      return to;
    return refill(to, count);
  }

  [[nodiscard]] static std::byte* u8(std::byte* to, std::size_t value) noexcept {
    return wire::store(to, static_cast<std::uint8_t>(value));
  }
  [[nodiscard]] static std::byte* u16(std::byte* to, std::size_t value) noexcept {
    return wire::store(to, static_cast<std::uint16_t>(value));
  }
  [[nodiscard]] static std::byte* u32(std::byte* to, std::size_t value) noexcept {
    return wire::store(to, static_cast<std::uint32_t>(value));
  }
  [[nodiscard]] static std::byte* u64(std::byte* to, std::uint64_t value) noexcept { return wire::store(to, value); }
  [[nodiscard]] static std::byte* raw(std::byte* to, const void* bytes, std::size_t count) noexcept {
    if (count != 0) std::memcpy(to, bytes, count);  // an empty view has no address
    return to + count;
  }

  [[nodiscard]] static std::byte* put_integer(std::byte* to, std::int64_t value) noexcept {
    if (value >= 0 && value <= 255)
      return u16(to, (std::size_t{wire::small_integer} << 8) | static_cast<std::size_t>(value));
    if (value >= INT32_MIN && value <= INT32_MAX) return u32(u8(to, wire::integer), static_cast<std::uint32_t>(value));
    const auto magnitude = wire::magnitude_of(value);
    const auto size = (static_cast<std::size_t>(std::bit_width(magnitude)) + 7) / 8;
    to = u8(u8(u8(to, wire::small_big), size), value < 0 ? 1 : 0);
    static_cast<void>(u64(to, __builtin_bswap64(magnitude)));
    return to + size;
  }

  [[nodiscard]] std::byte* put_atom(std::byte* to, atom value) {
    if constexpr (Form == atom_form::placed) {
      if (const auto place = out_.atoms()->place(value))
        return u16(to, (std::size_t{wire::atom_cache_ref} << 8) | *place);
    }
    const auto& entry = all_atoms[value.index()];
    if (entry.wire_size <= atom_table::padding) {
      std::memcpy(to, entry.wire, atom_table::padding);
      return to + entry.wire_size;
    }
    return raw(need(to, entry.wire_size + largest_flat), entry.wire, entry.wire_size);
  }

  [[nodiscard]] std::byte* put_pid(std::byte* to, const pid& value) {
    const auto node = all_nodes[value.node.index()];
    to = put_atom(u8(to, wire::new_pid), node.name);
    return u32(u32(u32(to, value.id), value.serial), node.creation);
  }

  [[nodiscard]] std::byte* put_port(std::byte* to, const port& value) {
    const auto node = all_nodes[value.node.index()];
    const auto small = is_small_port(value.id);
    to = put_atom(u8(to, small ? wire::new_port : wire::v4_port), node.name);
    return u32(small ? u32(to, value.id) : u64(to, value.id), node.creation);
  }

  [[nodiscard]] std::byte* put_reference(std::byte* to, const reference& value) {
    const auto node = all_nodes[value.node.index()];
    to = u32(put_atom(u16(u8(to, wire::newer_reference), value.size), node.name), node.creation);
    for (std::size_t word = 0; word < value.size; ++word) to = u32(to, value.words[word]);
    return to;
  }

  [[nodiscard]] static std::byte* put_tuple_header(std::byte* to, std::size_t arity) noexcept {
    if (arity <= 255) return u16(to, (std::size_t{wire::small_tuple} << 8) | arity);
    return u32(u8(to, wire::large_tuple), arity);
  }

 protected:
  buffer& out_;

 private:
  void open(std::size_t count) {
    from_ = out_.reserve(count);
    end_ = from_ + out_.room();
  }
  [[gnu::noinline]] std::byte* refill(std::byte* to, std::size_t count) {
    close(to);
    open(count);
    return from_;
  }

  std::byte* from_ = nullptr;
  std::byte* end_ = nullptr;
};

}  // namespace ergo::inline v0::etf
