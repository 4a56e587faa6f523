// One way of a connection through a fault proxy: what waits, when the next bytes may pass, and how many.
#pragma once

#include <ergo_test/fault_proxy.hpp>

#include <algorithm>
#include <deque>
#include <optional>
#include <random>
#include <string_view>
#include <utility>

namespace ergo::test {

using proxy_clock = std::chrono::steady_clock;

/// What a test wants of one way, of all connections.
struct faults {
  struct cut {
    std::uint64_t after;
    ending how;
  };
  std::optional<cut> cut_at;
  bool stalled = false;
  bool losing = false;
  std::size_t most_at_once = 0;
  std::uint64_t rate = 0;  ///< bytes per second; 0: any
  std::chrono::milliseconds late{0};
  std::chrono::milliseconds jitter{0};
  std::minstd_rand random;
};

/// One way of one connection.
class lane {
 public:
  static constexpr std::size_t most_kept = 1U << 20;  ///< bytes on their way, then the sender waits

  int from = -1;
  int to = -1;
  bool source_ended = false;  ///< nothing more will come
  bool finished = false;      ///< and whoever listens has been told
  bool swallowing = false;    ///< whoever listens is gone, which the source must not learn

  /// Whether bytes are to be read.
  [[nodiscard]] bool hungry() const { return !source_ended && kept_ < most_kept; }
  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] std::uint64_t passed() const { return passed_; }

  /// Bytes that have come; those that are lost are dropped here.
  void put(std::string_view bytes, faults& with) {
    if (with.losing || swallowing) return;
    kept_ += bytes.size();
    waiting_.push_back({proxy_clock::now() + with.late + some_of(with.jitter, with.random), std::string{bytes}});
  }
  void drop_all() {
    waiting_.clear();
    kept_ = 0;
  }

  /// When the next bytes may pass; none when there are none, or none may.
  [[nodiscard]] std::optional<proxy_clock::time_point> due(const faults& with) const {
    if (waiting_.empty() || with.stalled || with.losing) return {};
    const auto& first = waiting_.front().due;
    return with.rate == 0 ? first : std::max(first, free_at_);
  }

  /// As many as may pass in one write now; precondition: `due` has come.
  [[nodiscard]] std::string_view next(const faults& with) const {
    std::string_view front = waiting_.front().bytes;
    if (with.most_at_once != 0) front = front.substr(0, with.most_at_once);
    if (with.rate != 0) front = front.substr(0, std::max<std::uint64_t>(1, with.rate / steps_a_second));
    if (with.cut_at) front = front.substr(0, with.cut_at->after - passed_);
    return front;
  }

  /// So many have been written.
  void pass(std::size_t bytes, const faults& with) {
    passed_ += bytes;
    kept_ -= bytes;
    auto& front = waiting_.front().bytes;
    front.erase(0, bytes);
    if (front.empty()) waiting_.pop_front();
    if (with.rate == 0) return;
    const std::chrono::nanoseconds cost{bytes * 1'000'000'000U / with.rate};
    free_at_ = std::max(free_at_, proxy_clock::now() - most_behind) + cost;
  }

 private:
  struct chunk {
    proxy_clock::time_point due;
    std::string bytes;
  };

  static constexpr std::uint64_t steps_a_second = 100;
  /// A thread that is woken late catches up with so much.
  static constexpr std::chrono::milliseconds most_behind{50};

  static std::chrono::milliseconds some_of(std::chrono::milliseconds most, std::minstd_rand& random) {
    return std::chrono::milliseconds{
        std::uniform_int_distribution<std::chrono::milliseconds::rep>{0, most.count()}(random)};
  }

  std::deque<chunk> waiting_;
  std::size_t kept_ = 0;
  std::uint64_t passed_ = 0;
  proxy_clock::time_point free_at_;
};

}  // namespace ergo::test
