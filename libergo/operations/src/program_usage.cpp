#include "families.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace ergo::inline v0::detail {
namespace {

double resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  double size = 0;
  double resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  std::error_code failed;
  double count = 0;
  for (std::filesystem::directory_iterator each{"/proc/self/fd", failed}; !failed && each != std::filesystem::end(each);
       each.increment(failed))
    ++count;
  return count > 0 ? count - 1 : 0;  // without the one that reads the folder
}

double descriptor_limit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

double cpu_seconds() {
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) != 0) return 0;
  const auto seconds = [](const timeval& of) {
    return static_cast<double>(of.tv_sec) + static_cast<double>(of.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

void add_program_usage(std::vector<prometheus::MetricFamily>& to) {
  to.push_back(one_counter("process_cpu_seconds_total", "Processor time of the program", cpu_seconds()));
  to.push_back(one_gauge("process_resident_memory_bytes", "Resident memory of the program", resident_bytes()));
  to.push_back(one_gauge("process_open_fds", "Open descriptors of the program", open_descriptors()));
  to.push_back(one_gauge("process_max_fds", "Descriptors that the program may open", descriptor_limit()));
}

}  // namespace ergo::inline v0::detail
