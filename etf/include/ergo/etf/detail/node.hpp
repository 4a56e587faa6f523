// The heap object behind a term, as far as the accessors of term.hpp need to see it. Not for use by programs.
// A node stands alone and is counted itself, or it belongs to a slab (all nodes of one decoded message) and its
// references count on the slab: releasing a message is one step then, whatever its size.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ergo::inline v0::etf::detail {

/// What a node is besides terms or bytes; bits of `node::flags`.
enum node_flag : std::uint8_t {
  leaf = 1,      ///< holds no terms
  improper = 2,  ///< a list with one more term behind its items: the tail
  adopted = 4,   ///< bytes in a std::string behind the header
  aliased = 8,   ///< bytes of somebody else, kept alive by a shared pointer behind the header
};

/// The 16 bytes in front of the terms, limbs or bytes of a counted term.
struct node {
  std::atomic<std::uint32_t> references{1};  ///< unused in a slab; at the end of life half of a link
  std::uint32_t place = 0;                   ///< distance from its slab block in units of 16 bytes; 0: stands alone
  std::uint32_t size = 0;                    ///< terms or limbs behind the header
  std::uint16_t pool = 0;                    ///< size class of the free list it came from; 0: operator new
  std::uint8_t flags = 0;
  std::uint8_t spare = 0;
};
static_assert(sizeof(node) == 16);

/// The head of a piece of slab memory. The first block of a slab carries the count for all of them.
struct block {
  std::atomic<std::uint32_t> references{1};
  std::uint32_t pool = 0;  ///< size class, as in `node`
  block* first = nullptr;  ///< the block that carries the count
  block* next = nullptr;   ///< further blocks of the same slab
  void* owners = nullptr;  ///< first block: nodes that own something outside of the slab
};
static_assert(sizeof(block) == 32);

/// The node of a binary or bit string.
struct bytes_node : node {
  const char* data = nullptr;
  std::uint64_t length = 0;
};

/// The counter that `of` counts on: its own, or that of its slab.
[[nodiscard]] inline std::atomic<std::uint32_t>& counter(node* of) noexcept {
  if (of->place == 0) return of->references;
  auto* at = reinterpret_cast<std::byte*>(of) - std::size_t{of->place} * 16;
  return reinterpret_cast<block*>(at)->first->references;
}

/// Gives up one reference, and everything that nobody refers to afterwards. Iterative, without an allocation.
void release(node* of) noexcept;

}  // namespace ergo::inline v0::etf::detail
