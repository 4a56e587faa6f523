// ergo-budget: counts the instructions of one send, call, spawn, encode and decode under callgrind, on one thread with
// a clock that stands still, and compares them with what they are allowed to be.
//
//   ergo-budget FILE            fails when one costs over 3 % more than FILE says
//   ergo-budget FILE --update   writes FILE
//   ergo-budget --work ID N     does N of them, to be counted
//
// Counts depend on the compiler and the library it brings, hardly on the machine: the variants of memcpy and its like
// that glibc chooses by CPU are switched off. The costs of starting up go away because two runs are subtracted.
#include "command.hpp"
#include "servers.hpp"
#include "terms.hpp"
#include "workload.hpp"

#include <ergo/clock.hpp>
#include <ergo/otp/call.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/start.hpp>
#include <ergo/runtime.hpp>

#include <boost/json/src.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ergo_bench {
namespace {

using namespace ergo;  // NOLINT: terms read better

constexpr double tolerance = 0.03;

/// A runtime without threads, whose clock stands still.
class still_runtime {
 public:
  template <typename Body, typename... Argument>
  pid spawn(Body body, Argument... argument) {
    auto started = runtime_.spawn(runtime_.anonymous(), std::move(body), std::move(argument)...);
    if (!started) throw std::runtime_error{started.error().message()};
    return *started;
  }
  /// Runs until nothing is left to do, which must be the finish.
  void run_to(finish_line& line) {
    const std::function<std::size_t(std::size_t)> oldest = [](std::size_t /*runnable*/) { return std::size_t{0}; };
    while (runtime_.step(oldest)) {
    }
    if (!line.is_reached()) throw std::runtime_error{"a process waits for ever"};
  }

 private:
  manual_source clock_;
  runtime runtime_{runtime_options{.cores = 1, .clock = &clock_, .manual = true}};
};

void send(std::int64_t count) {
  still_runtime on;
  auto done = std::make_shared<finish_line>(1);
  const auto to = on.spawn(sink, count, done);
  on.spawn(source, to, count);
  on.run_to(*done);
}

task<> start_and_call(process& self, std::int64_t count, std::shared_ptr<finish_line> done) {
  const otp::start_options options;
  const auto server = co_await otp::start<echo_server>(self, options);
  if (!server) {
    done->fail(server.error().message());
    co_return;
  }
  const destination to{*server};
  co_await caller_loop(self, to, count, done);
}

void call(std::int64_t count) {
  still_runtime on;
  auto done = std::make_shared<finish_line>(1);
  on.spawn(start_and_call, count, done);
  on.run_to(*done);
}

void spawn(std::int64_t count) {
  still_runtime on;
  auto done = std::make_shared<finish_line>(1);
  on.spawn(spawner, count, done);
  on.run_to(*done);
}

void encode(std::int64_t count) {
  (void)etf_encode({.operations = static_cast<std::uint64_t>(count), .variant = "orders"});
}
void decode(std::int64_t count) {
  (void)etf_decode({.operations = static_cast<std::uint64_t>(count), .variant = "orders"});
}

struct operation {
  const char* id;
  std::int64_t count;
  void (*work)(std::int64_t count);
};

constexpr operation operations[]{
    {"send", 20'000, send},  {"call", 5'000, call},   {"spawn", 5'000, spawn},
    {"encode", 100, encode}, {"decode", 100, decode},
};

std::string compiler() {
#ifdef __clang__
  return "clang " + std::to_string(__clang_major__);
#else
  return "GCC " + std::to_string(__GNUC__);
#endif
}

std::string architecture() {
#if defined(__x86_64__)
  return "x86_64";
#elif defined(__aarch64__)
  return "aarch64";
#else
  return "another";
#endif
}

/// Switches off what glibc chooses by CPU.
constexpr const char* plain_functions =
    "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2_Usable,-AVX2,-AVX,-AVX512F,-AVX512VL,-ERMS,-FSRM,-BMI2,-SSSE3,-SSE4_1,"
    "-SSE4_2,-AVX_Fast_Unaligned_Load";

/// Instructions of this program doing `count` operations, its start and end included.
std::uint64_t count_instructions(const operation& of, std::int64_t count) {
  const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
  const auto counted =
      run_command({"env", plain_functions, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                   "--log-fd=1", self, "--work", of.id, std::to_string(count)});
  const std::string label = "Collected : ";
  const auto at = counted.output.find(label);
  if (at == std::string::npos) throw std::runtime_error{"callgrind has counted nothing: " + counted.output};
  return std::stoull(counted.output.substr(at + label.size()));
}

/// The cheapest of several runs: hash tables are seeded afresh in each, and now and then two atoms meet in one place.
std::uint64_t count_cheapest(const operation& of, std::int64_t count) {
  auto least = count_instructions(of, count);
  for (int run = 1; run < 5; ++run) least = std::min(least, count_instructions(of, count));
  return least;
}

double per_operation(const operation& of) {
  const auto once = count_cheapest(of, of.count);
  const auto twice = count_cheapest(of, 2 * of.count);
  return static_cast<double>(twice - once) / static_cast<double>(of.count);
}

using costs = std::map<std::string, double>;

void write(const std::string& path, const costs& measured) {
  std::ofstream file{path};
  file << "{\n  \"compiler\": \"" << compiler() << "\",\n  \"architecture\": \"" << architecture()
       << "\",\n  \"instructions\": {";
  const char* separator = "\n";
  for (const auto& [id, cost] : measured) {
    file << separator << "    \"" << id << "\": " << std::llround(cost);
    separator = ",\n";
  }
  file << "\n  }\n}\n";
  if (!file.flush()) throw std::runtime_error{"cannot write " + path};
}

boost::json::object read(const std::string& path) {
  std::ifstream file{path};
  if (!file) throw std::runtime_error{"cannot read " + path};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  return boost::json::parse(text).as_object();
}

/// Prints one line; false when the operation costs too much.
bool judge(const char* id, double cost, double allowed) {
  const auto change = cost / allowed - 1;
  const bool fits = change <= tolerance;
  std::printf("%-8s %10.1f instructions, budget %8.0f, %+6.2f %%%s\n", id, cost, allowed, change * 100,
              !fits                 ? "   OVER BUDGET"
              : change < -tolerance ? "   (cheaper: cmake/run budget --update keeps it so)"
                                    : "");
  std::fflush(stdout);
  return fits;
}

bool compare(const std::string& path) {
  const auto budget = read(path);
  const auto recorded =
      std::string{budget.at("compiler").as_string()} + " on " + budget.at("architecture").as_string().c_str();
  const auto here = compiler() + " on " + architecture();
  if (recorded != here) {
    std::printf("skipped: the budget was recorded with %s, this is %s\n", recorded.c_str(), here.c_str());
    return true;
  }
  bool good = true;
  for (const auto& one : operations)
    good = judge(one.id, per_operation(one), budget.at("instructions").at(one.id).to_number<double>()) && good;
  return good;
}

void update(const std::string& path) {
  costs measured;
  for (const auto& one : operations) {
    measured[one.id] = per_operation(one);
    std::printf("%-8s %10.1f instructions\n", one.id, measured[one.id]);
  }
  write(path, measured);
}

void do_work(const std::string& id, std::int64_t count) {
  for (const auto& one : operations) {
    if (one.id == id) return one.work(count);
  }
  throw std::runtime_error{"there is no operation " + id};
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 3 && words[0] == "--work") {
    do_work(words[1], std::stoll(words[2]));
    return 0;
  }
#ifndef NDEBUG
  throw std::runtime_error{"only optimised builds have a budget"};
#endif
  if (words.size() == 1) return compare(words[0]) ? 0 : 1;
  if (words.size() != 2 || words[1] != "--update") throw std::runtime_error{"ergo-budget FILE [--update]"};
  update(words[0]);
  return 0;
}

}  // namespace
}  // namespace ergo_bench

int main(int argc, char** argv) {
  try {
    return ergo_bench::run({argv + 1, argv + argc});
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "ergo-budget: %s\n", failed.what());
    return 1;
  }
}
