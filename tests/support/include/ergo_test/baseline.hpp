// What a program holds of its computer: for tests that must leave everything as they found it.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace ergo::test {

/// Bytes of a process that are in memory; this program's without an argument. Throws `std::runtime_error` when there
/// is no such process.
[[nodiscard]] std::size_t resident_bytes(pid_t process = ::getpid());

/// The most that this program has had in memory since `forget_peak`, or since it began.
[[nodiscard]] std::size_t peak_bytes();
void forget_peak();

/// Bytes that this program has from `malloc`, whatever that keeps of the system for itself; 0 where a sanitizer has its
/// own.
[[nodiscard]] std::size_t heap_bytes();

/// How much that is more than `before`; 0 when it is less.
[[nodiscard]] std::size_t heap_growth(std::size_t before);

/// Open descriptors of this program, but for the one that looks.
[[nodiscard]] std::size_t open_descriptors();

[[nodiscard]] std::size_t running_threads();

/// All of it at one moment.
struct holdings {
  std::int64_t resident = 0;  ///< bytes, after `malloc` gave back what it can
  std::int64_t descriptors = 0;
  std::int64_t threads = 0;
};

[[nodiscard]] holdings held_now();

/// What there is more than at `since`, once descriptors and threads are back where they were and memory is within
/// `may_keep` bytes of it, or after 2 s: what has ended may take a moment to leave, and large blocks are kept a second.
[[nodiscard]] holdings grown(const holdings& since, std::int64_t may_keep = INT64_MAX);

}  // namespace ergo::test
