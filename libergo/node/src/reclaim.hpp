// Large blocks of memory go back to the system without holding up a core.
#pragma once

#include <cstddef>

namespace ergo::inline v0::detail {

/// Frees a block that `malloc` gave. The system needs about a millisecond for ten megabytes, so large ones are freed by
/// a thread that lives for that long. Any thread.
void reclaim(std::byte* block, std::size_t size) noexcept;

}  // namespace ergo::inline v0::detail
