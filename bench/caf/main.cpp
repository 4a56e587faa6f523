// ergo-bench-caf: the reference side of ergo-bench in the C++ Actor Framework.
//
//   ergo-bench-caf ID OPERATIONS CORES   prints "ns <nanoseconds> ops <operations>"
//   ergo-bench-caf --version             prints which CAF this is
#include "workloads.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace ergo_bench::in_caf {
namespace {

struct row {
  const char* id;
  measurement (*run)(caf::actor_system& on, count operations);
};

constexpr row rows[]{{"send-1-1", send_one_to_one}, {"storm-20-2000", storm}, {"call-seq", call_sequential},
                     {"call-120", call_many},       {"ring-1000", ring},      {"spawn-exit", spawn_exit},
                     {"skynet-1M", skynet}};

const row& row_of(const std::string& id) {
  for (const auto& one : rows) {
    if (one.id == id) return one;
  }
  throw std::runtime_error{"there is no workload " + id};
}

int run(const std::vector<std::string>& words) {
  if (words == std::vector<std::string>{"--version"}) {
    std::printf("CAF %d.%d.%d\n", CAF_MAJOR_VERSION, CAF_MINOR_VERSION, CAF_PATCH_VERSION);
    return 0;
  }
  if (words.size() != 3) throw std::runtime_error{"ergo-bench-caf ID OPERATIONS CORES"};
  caf::actor_system_config settings;
  settings.set("scheduler.max-threads", static_cast<std::size_t>(std::stoul(words[2])));
  caf::actor_system on{settings};
  const auto took = row_of(words[0]).run(on, std::stoll(words[1]));
  std::printf("ns %lld ops %llu\n", static_cast<long long>(took.took.count()),
              static_cast<unsigned long long>(took.operations));
  return 0;
}

}  // namespace
}  // namespace ergo_bench::in_caf

int main(int argc, char** argv) {
  try {
    return ergo_bench::in_caf::run({argv + 1, argv + argc});
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "ergo-bench-caf: %s\n", failed.what());
    return 1;
  }
}
