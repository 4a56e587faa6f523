// Writes terms without parts at the end of a buffer, with one check for room per term.
#pragma once

#include <ergo/etf/buffer.hpp>

#include "wire.hpp"

#include <string_view>

namespace ergo::inline v0::etf {

/// Whether a port fits into NEW_PORT_EXT, which every release reads; V4_PORT_EXT is refused by OTP 23.
[[nodiscard]] constexpr bool is_small_port(std::uint64_t id) noexcept { return id < (1U << 28); }

/// The write position in a buffer. There is always room for `largest_flat` bytes when a term begins; `close` hands over what was written.
class flat_writer {
 public:
  /// The most bytes that a term without text, bytes or parts takes, twice.
  static constexpr std::size_t largest_flat = 64;

  explicit flat_writer(buffer& out) : out_{out} { open(); }

  void open(std::size_t count = largest_flat) {
    from_ = to_ = out_.reserve(count);
    end_ = to_ + out_.room();
  }
  void close() noexcept {
    out_.commit(static_cast<std::size_t>(to_ - from_));
    from_ = to_;
  }
  void need(std::size_t count) {
    if (static_cast<std::size_t>(end_ - to_) >= count) [[likely]] return;
    close();
    open(count);
  }

  void u8(std::size_t value) noexcept { *to_++ = static_cast<std::byte>(value); }
  void u16(std::size_t value) noexcept { to_ = wire::store(to_, static_cast<std::uint16_t>(value)); }
  void u32(std::size_t value) noexcept { to_ = wire::store(to_, static_cast<std::uint32_t>(value)); }
  void u64(std::uint64_t value) noexcept { to_ = wire::store(to_, value); }
  void raw(std::string_view bytes) noexcept {
    std::memcpy(to_, bytes.data(), bytes.size());
    to_ += bytes.size();
  }

  void put_integer(std::int64_t value) noexcept {
    if (value >= 0 && value <= 255) {
      u8(wire::small_integer);
      return u8(static_cast<std::size_t>(value));
    }
    if (value >= INT32_MIN && value <= INT32_MAX) {
      u8(wire::integer);
      return u32(static_cast<std::uint32_t>(value));
    }
    auto magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    u8(wire::small_big);
    u8((static_cast<std::size_t>(std::bit_width(magnitude)) + 7) / 8);
    u8(value < 0 ? 1 : 0);
    for (; magnitude != 0; magnitude >>= 8) u8(magnitude & 0xFF);
  }

  void put_atom(atom value) {
    const auto text = value.text();
    if (text.size() <= 255) {
      need(text.size() + largest_flat);
      u8(wire::small_utf8_atom);
      u8(text.size());
    } else {
      need(text.size() + largest_flat);
      u8(wire::utf8_atom);
      u16(text.size());
    }
    raw(text);
  }

  void put_pid(const pid& value) {
    u8(wire::new_pid);
    put_atom(value.node.name());
    u32(value.id);
    u32(value.serial);
    u32(value.node.creation());
  }

  void put_reference(const reference& value) {
    u8(wire::newer_reference);
    u16(value.size);
    put_atom(value.node.name());
    u32(value.node.creation());
    for (std::size_t word = 0; word < value.size; ++word) u32(value.words[word]);
  }

  void put_tuple_header(std::size_t arity) noexcept {
    if (arity <= 255) {
      u8(wire::small_tuple);
      return u8(arity);
    }
    u8(wire::large_tuple);
    u32(arity);
  }

  void put_port(const port& value) {
    u8(is_small_port(value.id) ? wire::new_port : wire::v4_port);
    put_atom(value.node.name());
    if (is_small_port(value.id)) {
      u32(value.id);
    } else {
      u64(value.id);
    }
    u32(value.node.creation());
  }

 protected:
  buffer& out_;

 private:
  std::byte* from_ = nullptr;
  std::byte* to_ = nullptr;
  std::byte* end_ = nullptr;
};

}  // namespace ergo::inline v0::etf
