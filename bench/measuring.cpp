#include "measuring.hpp"

#include <unistd.h>
#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace ergo_bench {

double resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  double size = 0;
  double resident = 0;
  if (!(file >> size >> resident)) throw std::runtime_error{"cannot read /proc/self/statm"};
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double nanoseconds_each(time_span took, std::uint64_t operations) noexcept {
  return std::chrono::duration<double, std::nano>(took).count() /
         static_cast<double>(std::max<std::uint64_t>(operations, 1));
}

std::string point(std::string_view what, std::uint64_t size) {
  std::string made{what};
  return made.append("@").append(std::to_string(size));
}

std::vector<std::uint64_t> decades(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> made;
  for (auto size = first; size < last; size *= 10) made.push_back(size);
  made.push_back(last);
  return made;
}

}  // namespace ergo_bench
