#include "ergo_test/baseline.hpp"

#include <malloc.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>

namespace ergo::test {
namespace {

using std::chrono::steady_clock;

std::size_t entries_of(const char* folder) {
  const std::filesystem::directory_iterator entries{folder};
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

/// A line of /proc/self/status that is a size, in bytes.
std::size_t status_line(std::string_view name) {
  std::ifstream file{"/proc/self/status"};
  for (std::string word; file >> word;) {
    std::size_t kib = 0;
    if (word == name && file >> kib) return kib * 1024;
  }
  throw std::runtime_error{"/proc/self/status has no " + std::string{name}};
}

}  // namespace

std::size_t resident_bytes(pid_t process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/statm"};
  std::size_t all = 0;
  std::size_t resident = 0;
  if (!(file >> all >> resident)) throw std::runtime_error{"no process " + std::to_string(process)};
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t peak_bytes() { return status_line("VmHWM:"); }
void forget_peak() { std::ofstream{"/proc/self/clear_refs"} << 5; }

std::size_t heap_bytes() {
  const auto had = ::mallinfo2();
  return had.uordblks + had.hblkhd;
}

std::size_t heap_growth(std::size_t before) {
  const auto now = heap_bytes();
  return now > before ? now - before : 0;
}

std::size_t open_descriptors() { return entries_of("/proc/self/fd") - 1; }
std::size_t running_threads() { return entries_of("/proc/self/task"); }

holdings held_now() {
  // Left to itself, the allocator learns from large blocks to keep up to 64 MiB at the end of each thread's arena,
  // where trimming does not reach.
  [[maybe_unused]] static const int gives_back = ::mallopt(M_TRIM_THRESHOLD, 128 << 10);
  ::malloc_trim(0);
  return {.resident = static_cast<std::int64_t>(resident_bytes()),
          .descriptors = static_cast<std::int64_t>(open_descriptors()),
          .threads = static_cast<std::int64_t>(running_threads())};
}

holdings grown(const holdings& since, std::int64_t may_keep) {
  const auto until = steady_clock::now() + std::chrono::seconds{2};
  for (;;) {
    const auto now = held_now();
    const holdings more{.resident = now.resident - since.resident,
                        .descriptors = now.descriptors - since.descriptors,
                        .threads = now.threads - since.threads};
    const bool back = more.descriptors <= 0 && more.threads <= 0 && more.resident <= may_keep;
    if (back || steady_clock::now() > until) return more;
    std::this_thread::yield();
  }
}

}  // namespace ergo::test
