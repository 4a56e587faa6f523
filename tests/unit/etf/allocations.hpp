// Counts what the running thread takes from `operator new`, for tests that say "this allocates nothing".
#pragma once

#include <cstddef>

namespace ergo_test {

/// Calls of `operator new` by this thread so far.
[[nodiscard]] std::size_t allocations() noexcept;

}  // namespace ergo_test
