// What the soak measures of our node: what it holds of the computer, and how that changes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

namespace ergo_soak {

/// What a process holds now.
struct holdings {
  double resident = 0;  ///< MiB
  std::int64_t descriptors = 0;
  std::int64_t threads = 0;
};

/// Throws `std::runtime_error` when there is no such process.
[[nodiscard]] inline holdings held_by(pid_t process) {
  const std::filesystem::path place{"/proc/" + std::to_string(process)};
  std::ifstream file{place / "statm"};
  std::size_t all = 0;
  std::size_t resident = 0;
  if (!(file >> all >> resident)) throw std::runtime_error{"no process " + std::to_string(process)};
  const auto entries = [&](const char* folder) {
    const std::filesystem::directory_iterator in{place / folder};
    return static_cast<std::int64_t>(std::distance(begin(in), end(in)));
  };
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  return {static_cast<double>(resident) * page / (1 << 20), entries("fd"), entries("task")};
}

/// Something measured again and again, and the straight line that lies closest to it (least squares).
class trend {
 public:
  void add(double hours, double value) { points_.emplace_back(hours, value); }

  /// The slope of the line; 0 for fewer than two moments.
  [[nodiscard]] double per_hour() const {
    double mean_hours = 0;
    double mean_value = 0;
    for (const auto& [hours, value] : points_) {
      mean_hours += hours / static_cast<double>(points_.size());
      mean_value += value / static_cast<double>(points_.size());
    }
    double both = 0;
    double square = 0;
    for (const auto& [hours, value] : points_) {
      both += (hours - mean_hours) * (value - mean_value);
      square += (hours - mean_hours) * (hours - mean_hours);
    }
    return square > 0 ? both / square : 0;
  }
  /// From the first to the last moment.
  [[nodiscard]] double hours() const { return points_.empty() ? 0 : points_.back().first - points_.front().first; }

 private:
  std::vector<std::pair<double, double>> points_;
};

/// The slope that a run may have of which `hours` were measured: of memory in MiB per hour, of descriptors in so many
/// per hour. In a run of full length that is 1. In a shorter one, a single piece that `malloc` fetches is a steep
/// slope, and so is a connection that was away at first: there, the line may rise by 2 from its beginning to its end
/// besides.
[[nodiscard]] inline double most_slope(double hours, bool in_full) {
  constexpr double most = 1;
  constexpr double noise = 2;
  return in_full || hours <= 0 ? most : most + noise / hours;
}

/// The bytes that all logs of a run may have together: 2 MiB an hour, and 64 KiB for a beginning that tells much.
[[nodiscard]] inline std::uintmax_t most_logged(double hours) {
  return static_cast<std::uintmax_t>((2 * hours + 1.0 / 16) * (1 << 20));
}

}  // namespace ergo_soak
