// What several threads tell, and a test waits for.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ergo_test {

/// How long a test waits for what must come.
inline constexpr std::chrono::seconds patience{20};

/// Lines that several threads add. Thread-safe.
class journal {
 public:
  void add(std::string line) {
    // Tells under the lock: whoever waits may destroy this object as soon as it has the lock.
    const std::scoped_lock lock{mutex_};
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  /// Waits until this very line has come so many times; false when it has not for too long.
  [[nodiscard]] bool wait_for(const std::string& line, std::size_t times = 1) {
    return wait_until(times, [&](const std::string& one) { return one == line; });
  }
  /// The same for lines with this text in them.
  [[nodiscard]] bool wait_for_part(const std::string& part, std::size_t times = 1) {
    return wait_until(times, [&](const std::string& one) { return one.find(part) != std::string::npos; });
  }
  [[nodiscard]] std::size_t count(const std::string& line) {
    const std::scoped_lock lock{mutex_};
    return static_cast<std::size_t>(std::ranges::count(lines_, line));
  }
  [[nodiscard]] std::size_t count_part(const std::string& part) {
    const std::scoped_lock lock{mutex_};
    return counted([&](const std::string& one) { return one.find(part) != std::string::npos; });
  }
  [[nodiscard]] std::size_t size() {
    const std::scoped_lock lock{mutex_};
    return lines_.size();
  }
  [[nodiscard]] std::vector<std::string> lines() {
    const std::scoped_lock lock{mutex_};
    return lines_;
  }

 private:
  template <typename Match>
  std::size_t counted(const Match& match) const {
    return static_cast<std::size_t>(std::ranges::count_if(lines_, match));
  }
  template <typename Match>
  bool wait_until(std::size_t times, const Match& match) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, [&] { return counted(match) >= times; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

}  // namespace ergo_test
