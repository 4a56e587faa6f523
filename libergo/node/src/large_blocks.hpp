// Memory of messages that came in fragments: the next large one gets what the last one left.
#pragma once

#include <cstddef>

namespace ergo::inline v0::detail {

/// A block of at least `size` bytes as from `malloc`, or null. One that was given back within the last second and is
/// at most an eighth larger comes first: its pages are there already, which saves the system the greater part of its
/// work for a large message. Any thread.
[[nodiscard]] std::byte* obtain_block(std::size_t size) noexcept;

/// Takes a block from `malloc` of `size` bytes back. Small ones are freed at once. Large ones, up to 256 MiB of them,
/// are kept for a second; then, or at once beyond that, a thread frees them that lives for that long, because the
/// system needs about a millisecond for ten megabytes. Any thread.
void give_back_block(std::byte* block, std::size_t size) noexcept;

}  // namespace ergo::inline v0::detail
