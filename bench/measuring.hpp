// What the workloads measure with, beside the stopwatch: memory, and figures named after a size.
#pragma once

#include "workload.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ergo_bench {

using time_span = std::chrono::steady_clock::duration;

/// Memory of this program that is in use now (resident), in bytes.
[[nodiscard]] double resident_bytes();

/// Keeps the compiler from leaving out the work whose result is at `memory`.
inline void is_used(const void* memory) { asm volatile("" : : "r"(memory) : "memory"); }

/// A time, spread over a number of operations.
[[nodiscard]] double nanoseconds_each(time_span took, std::uint64_t operations) noexcept;

/// `what@size`: a point of a curve.
[[nodiscard]] std::string point(std::string_view what, std::uint64_t size);

/// The powers of ten from `first` to `last`, both included where they are some; `last` in any case.
[[nodiscard]] std::vector<std::uint64_t> decades(std::uint64_t first, std::uint64_t last);

}  // namespace ergo_bench
