// Memory of terms: nodes that stand alone, from a small per-thread cache, and slabs that hold a whole decoded message.
#pragma once

#include <ergo/etf/term.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>

namespace ergo::inline v0::etf::detail {

/// Memory of at least `bytes`, aligned to 16; `pool` is what `give_back` wants to know. Throws `std::bad_alloc`.
[[nodiscard]] void* take_memory(std::size_t bytes, std::uint32_t& pool);
void give_back(void* memory, std::uint32_t pool) noexcept;

/// A node that stands alone, with room for `payload` bytes behind `Node`.
template <typename Node = node>
[[nodiscard]] Node* make_node(std::size_t payload) {
  std::uint32_t pool = 0;
  auto* made = ::new (take_memory(sizeof(Node) + payload, pool)) Node{};
  made->pool = static_cast<std::uint16_t>(pool);
  return made;
}

/// What lies behind the header of a node that refers to bytes of somebody else.
struct alias {
  std::shared_ptr<const void> owner;
  bytes_node* next = nullptr;  ///< the next one that the same slab has to release
};

[[nodiscard]] inline alias* alias_of(bytes_node* of) noexcept { return reinterpret_cast<alias*>(of + 1); }
[[nodiscard]] inline std::string* string_of(bytes_node* of) noexcept { return reinterpret_cast<std::string*>(of + 1); }

/// Builds the nodes of one message into few pieces of memory. What was taken ends with the slab, unless `keep` hands it
/// over.
class slab {
 public:
  /// `expected` bytes of nodes; `limit` is the most that the slab may take in all.
  slab(std::size_t expected, std::size_t limit) noexcept : next_size_{expected}, limit_{limit} {}
  slab(const slab&) = delete;
  slab& operator=(const slab&) = delete;
  ~slab() {
    if (first_ != nullptr) release_all(first_);
  }

  /// A node with `payload` bytes behind it; null when the limit is reached.
  template <typename Node = node>
  [[nodiscard]] Node* make(std::size_t payload) {
    if (payload > limit_) return nullptr;
    const auto bytes = (sizeof(Node) + payload + 15) & ~std::size_t{15};
    auto* at = free_;
    auto* start = start_;
    if (bytes <= room_) {
      free_ += bytes;
      room_ -= bytes;
    } else {
      start = add_block(bytes);
      if (start == nullptr) return nullptr;
      at = start + sizeof(block);
    }
    auto* made = ::new (at) Node{};
    made->place = static_cast<std::uint32_t>((at - start) / 16);
    return made;
  }

  /// Makes the last node made larger by `payload` more bytes, when there is room right behind it.
  [[nodiscard]] bool extend(const node* last, std::size_t old_payload, std::size_t payload) noexcept;

  /// Remembers a node whose owner must be released with the slab.
  void owns(bytes_node* made) noexcept {
    alias_of(made)->next = static_cast<bytes_node*>(first_->owners);
    first_->owners = made;
  }

  /// Hands the slab over to the one reference that its first term holds.
  void keep() noexcept { first_ = nullptr; }

  /// Bytes taken so far.
  [[nodiscard]] std::size_t taken() const noexcept { return taken_; }

  static void release_all(block* first) noexcept;

 private:
  /// Adds a block, uses up its first `bytes`, and returns its start.
  [[nodiscard]] std::byte* add_block(std::size_t bytes);

  block* first_ = nullptr;
  std::byte* start_ = nullptr;  ///< of the block in use
  std::byte* free_ = nullptr;
  std::size_t room_ = 0;
  std::size_t next_size_;
  std::size_t limit_;
  std::size_t taken_ = 0;
};

}  // namespace ergo::inline v0::etf::detail
