// A growing byte buffer for encoders: reserve, write, commit.
// Unlike a vector it does not clear what it reserves, and a large binary may be referred to instead of copied.
#pragma once

#include <ergo/etf/packet_atoms.hpp>
#include <ergo/etf/term.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::etf {

namespace detail {

/// Gives back the memory of a buffer; `pool` as in `node`.
struct buffer_memory {
  std::uint32_t pool = 0;
  void operator()(std::byte* memory) const noexcept;
};

}  // namespace detail

/// Collects outgoing bytes, and pieces that are written from their own memory (gather write).
///
/// Owned by one thread. `clear` keeps the memory. Throws `std::bad_alloc` only.
class buffer {
 public:
  /// A binary that takes its place in the output at `offset` of the collected bytes, without being copied.
  struct piece {
    std::size_t offset;  ///< position in `bytes()` before which the piece belongs
    term owner;          ///< keeps the memory alive
    std::string_view bytes;
  };

  [[nodiscard]] std::size_t size() const noexcept { return size_ + gathered_; }  ///< bytes in all, pieces included
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// The collected bytes without the pieces.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_.get(), size_}; }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {data_.get(), size_}; }
  [[nodiscard]] const std::vector<piece>& pieces() const noexcept { return pieces_; }
  /// Everything in one string, pieces in place; for tests and small things.
  [[nodiscard]] std::string to_string() const;

  /// Returns room for at least `count` bytes behind the collected ones; follow with `commit`.
  [[nodiscard]] std::byte* reserve(std::size_t count) {
    if (capacity_ - size_ < count) grow(count);
    return data_.get() + size_;
  }
  /// Bytes that can be written before the memory has to grow.
  [[nodiscard]] std::size_t room() const noexcept { return capacity_ - size_; }
  /// Adds `count` bytes that were written into reserved room.
  void commit(std::size_t count) noexcept { size_ += count; }
  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void append_u8(std::uint8_t value) {
    *reserve(1) = static_cast<std::byte>(value);
    ++size_;
  }
  void append_u16(std::uint16_t value) { append_big_endian(value); }
  void append_u32(std::uint32_t value) { append_big_endian(value); }
  void append_u64(std::uint64_t value) { append_big_endian(value); }
  /// Overwrites four bytes at `offset`, such as a length that is known only now.
  void patch_u32(std::size_t offset, std::uint32_t value) noexcept {
    for (int byte = 3; byte >= 0; --byte, value >>= 8)
      data_[offset + static_cast<std::size_t>(byte)] = static_cast<std::byte>(value & 0xFF);
  }
  /// Puts the bytes of `binary` here without copying them.
  void gather(const term& binary) { gather(binary, binary.bytes()); }
  /// The same for a part of the bytes that `owner` keeps alive.
  void gather(const term& owner, std::string_view part);
  /// Makes a gap of `count` bytes, to be written by the caller, of the `old` bytes at `offset` of the collected ones.
  /// What stands behind moves, pieces too. After `std::bad_alloc` nothing has changed; there is none when there was
  /// room.
  [[nodiscard]] std::byte* make_gap(std::size_t offset, std::size_t old, std::size_t count) {
    if (old != count) [[unlikely]]
      move_behind(offset, old, count);
    return data_.get() + offset;
  }
  void clear() noexcept { rewind({}); }

  /// A length that a buffer had.
  struct mark {
    std::size_t size = 0;
    std::size_t gathered = 0;
    std::size_t pieces = 0;
  };
  [[nodiscard]] mark here() const noexcept { return {size_, gathered_, pieces_.size()}; }
  /// Forgets what was added since `to` was taken.
  void rewind(const mark& to) noexcept {
    size_ = to.size;
    gathered_ = to.gathered;
    pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(to.pieces), pieces_.end());
  }
  /// Takes out what was added since `from` was taken, into a buffer of its own; without a copy when that is everything.
  /// After `std::bad_alloc` nothing has changed.
  [[nodiscard]] buffer split(const mark& from);

  /// The atoms of the packet that is being written, to which encoders refer; null (from the start): atoms are written
  /// in full. Not owned.
  [[nodiscard]] packet_atoms* atoms() const noexcept { return atoms_; }
  void set_atoms(packet_atoms* atoms) noexcept { atoms_ = atoms; }

 private:
  void grow(std::size_t count);
  void move_behind(std::size_t offset, std::size_t old, std::size_t count);
  template <typename Unsigned>
  void append_big_endian(Unsigned value) {
    auto* to = reserve(sizeof value) + sizeof value;
    for (std::size_t byte = 0; byte < sizeof value; ++byte, value = static_cast<Unsigned>(value >> 8))
      *--to = static_cast<std::byte>(value & 0xFF);
    size_ += sizeof value;
  }

  std::unique_ptr<std::byte[], detail::buffer_memory> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t gathered_ = 0;
  std::vector<piece> pieces_;
  packet_atoms* atoms_ = nullptr;
};

}  // namespace ergo::inline v0::etf
