// The head of a message to another node: pieces in a row behind one check for room, at a position in a register.
#pragma once

#include <ergo/assert.hpp>
#include <ergo/etf/buffer.hpp>
#include <ergo/etf/ids.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ergo::inline v0::detail {

/// A node as pids name it, looked up once.
struct named_node {
  explicit named_node(etf::node_id of) noexcept : node{of}, name{of.name()}, creation{of.creation()} {}
  etf::node_id node;
  etf::atom name;
  std::uint32_t creation;
};

/// Writes terms of a few bytes each, up to `room`, behind the committed bytes of a buffer; `end` commits them. The
/// buffer must have `atoms`, and these place for what is added: the first ones of a packet have it.
class flat_run {
 public:
  static constexpr std::size_t room = 64;

  explicit flat_run(etf::buffer& out) : out_{out}, atoms_{*out.atoms()}, begin_{out.reserve(room)}, at_{begin_} {}

  flat_run& tuple(std::uint8_t arity) noexcept { return bytes(small_tuple, arity); }
  flat_run& integer(std::uint8_t value) noexcept { return bytes(small_integer, value); }
  flat_run& atom(etf::atom value) noexcept {
    const auto place = atoms_.place(value);
    ERGO_ASSERT(place, "a packet has more atoms in front than its header can name");
    return bytes(atom_cache_ref, place.value_or(0));
  }
  flat_run& pid(const etf::pid& value, const named_node& on) noexcept {
    *at_++ = std::byte{new_pid};
    atom(on.name);
    return number(value.id).number(value.serial).number(on.creation);
  }
  void end() noexcept { out_.commit(static_cast<std::size_t>(at_ - begin_)); }

 private:
  static constexpr std::uint8_t atom_cache_ref = 82;
  static constexpr std::uint8_t new_pid = 88;
  static constexpr std::uint8_t small_integer = 97;
  static constexpr std::uint8_t small_tuple = 104;

  flat_run& bytes(std::uint8_t tag, std::uint8_t value) noexcept {
    *at_++ = std::byte{tag};
    *at_++ = std::byte{value};
    return *this;
  }
  flat_run& number(std::uint32_t value) noexcept {
    if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap32(value);
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
    return *this;
  }

  etf::buffer& out_;
  etf::packet_atoms& atoms_;
  std::byte* begin_;
  std::byte* at_;
};

}  // namespace ergo::inline v0::detail
