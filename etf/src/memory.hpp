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
/// The same for larger pieces, such as those that a buffer grows by; `bytes` becomes what there is.
[[nodiscard]] void* take_block(std::size_t& bytes, std::uint32_t& pool);
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

/// Builds nodes into few pieces of memory, which end together when nobody refers to one of them any more. While it is
/// being built, the builder holds one reference to it, and what lies in it counts nothing.
class slab {
 public:
  /// What parts of a message keep alive of each other at most: a slab that would become larger is full.
  static constexpr std::size_t share = (64U << 10) - sizeof(block);
  /// From this size on a node is no part of a slab.
  static constexpr std::size_t large = share / 2;

  /// `expected` bytes of nodes; `limit` is the most that all nodes together may take.
  slab(std::size_t expected, std::size_t limit) noexcept : next_size_{expected}, limit_{limit} {}
  slab(const slab&) = delete;
  slab& operator=(const slab&) = delete;
  ~slab() { start_over(); }

  /// Takes the first piece of memory; else the first node does.
  void open() {
    std::uint32_t place = 0;
    static_cast<void>(add_block(0, place));
  }

  /// A node with `payload` bytes behind it, if there is room for it in the memory at hand.
  template <typename Node = node>
  [[nodiscard]] Node* make_in_room(std::size_t payload) noexcept {
    const auto bytes = (sizeof(Node) + payload + 15) & ~std::size_t{15};
    if (bytes > room_) return nullptr;
    auto* made = ::new (free_) Node{};
    made->place = static_cast<std::uint32_t>((free_ - start_) / 16);
    free_ += bytes;
    room_ -= bytes;
    return made;
  }

  /// A node with `payload` bytes behind it; a large one stands alone if nothing is in the slab. Null when the limit is
  /// reached, or the slab `is_full`.
  template <typename Node = node>
  [[nodiscard]] Node* make(std::size_t payload) {
    if (auto* const made = make_in_room<Node>(payload)) return made;
    return payload < large ? add<Node>(payload) : make_alone<Node>(payload);
  }

  /// The same for a node that must not be kept alive by others.
  template <typename Node = node>
  [[nodiscard]] Node* make_alone(std::size_t payload) {
    if (first_ == nullptr) return make_apart<Node>(payload);
    if (may_grow_) return add<Node>(payload);
    is_full_ = true;
    return nullptr;
  }

  /// A node outside of the slab. Null when the limit is reached.
  template <typename Node = node>
  [[nodiscard]] Node* make_apart(std::size_t payload) {
    const auto bytes = sizeof(Node) + payload;
    if (bytes > limit_ - taken_) return nullptr;
    auto* const made = make_node<Node>(payload);
    taken_ += bytes;
    return made;
  }

  /// Makes the last node made larger by `payload` more bytes, when there is room right behind it.
  [[nodiscard]] bool extend(const node* last, std::size_t old_payload, std::size_t payload) noexcept;

  /// Remembers a node whose owner must be released with the slab.
  void owns(bytes_node* made) noexcept {
    alias_of(made)->next = static_cast<bytes_node*>(first_->owners);
    first_->owners = made;
  }

  /// Counts `more` references to the slab.
  void count(std::uint32_t more) noexcept {
    // Nobody else knows of the slab before its builder is done with it.
    if (more != 0)
      first_->references.store(first_->references.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

  /// Whether `make` failed because the slab has its share.
  [[nodiscard]] bool is_full() const noexcept { return is_full_; }
  /// Lets a full slab grow by one more piece.
  void grow_once() noexcept {
    may_grow_ = true;
    is_full_ = false;
  }
  /// Gives up the builder's reference and goes on with a new slab.
  void start_over() noexcept;
  /// Hands the builder's reference over to a term.
  void keep() noexcept { first_ = nullptr; }

  static void release_all(block* first) noexcept;

 private:
  template <typename Node>
  [[nodiscard]] Node* add(std::size_t payload) {
    const auto bytes = (sizeof(Node) + payload + 15) & ~std::size_t{15};
    std::uint32_t place = 0;
    auto* const at = add_block(bytes, place);
    if (at == nullptr) return nullptr;
    auto* const made = ::new (at) Node{};
    made->place = place;
    return made;
  }

  /// Adds a block and returns the start of its room, whose first `bytes` are used up.
  [[nodiscard]] void* add_block(std::size_t bytes, std::uint32_t& place);

  block* first_ = nullptr;
  std::byte* start_ = nullptr;  ///< of the block in use
  std::byte* free_ = nullptr;
  std::size_t room_ = 0;
  std::size_t next_size_;
  std::size_t limit_;
  std::size_t taken_ = 0;  ///< by all nodes
  std::size_t own_ = 0;    ///< by this slab
  bool is_full_ = false;
  bool may_grow_ = false;
};

}  // namespace ergo::inline v0::etf::detail
