// What the operating system knows about this program: threads, descriptors, memory, context switches.
#pragma once

#include <dirent.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "ergo_test/sanitizers.hpp"

namespace ergo::test {

/// The numbers in a folder of /proc, such as threads or descriptors.
inline std::set<int> numbers_in(const char* folder) {
  std::set<int> found;
  auto* const open = ::opendir(folder);
  if (open == nullptr) return found;
  while (const auto* const entry = ::readdir(open)) {
    if (const int number = std::atoi(entry->d_name); number > 0) found.insert(number);
  }
  ::closedir(open);
  return found;
}

inline std::set<int> threads_now() { return numbers_in("/proc/self/task"); }
inline std::size_t descriptors_now() { return numbers_in("/proc/self/fd").size(); }

/// How often the threads in `of` have gone to sleep by themselves.
inline std::int64_t voluntary_switches(const std::set<int>& of) {
  std::int64_t sum = 0;
  for (const int thread : of) {
    std::ifstream status{"/proc/self/task/" + std::to_string(thread) + "/status"};
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("voluntary_ctxt_switches:")) sum += std::strtoll(line.c_str() + 24, nullptr, 10);
    }
  }
  return sum;
}

/// A pipe that blocks whoever reads it until `release`.
class gate {
 public:
  gate() {
    if (::pipe(ends_) != 0) std::abort();
  }
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  /// Returns when nobody waits any more.
  ~gate() {
    release();
    while (waiting_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
    ::close(ends_[0]);
  }
  /// read(2), until `release`.
  void wait() {
    waiting_.fetch_add(1, std::memory_order_relaxed);
    char byte = 0;
    while (::read(ends_[0], &byte, 1) < 0) {
    }
    waiting_.fetch_sub(1, std::memory_order_release);
  }
  void release() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
  std::atomic<int> waiting_{0};
};

}  // namespace ergo::test
