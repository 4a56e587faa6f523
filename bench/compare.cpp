// Each repetition is a fresh process of ours and a fresh process of the reference, alternating.
#include "compare.hpp"

#include "command.hpp"

#include <boost/json/src.hpp>

#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace ergo_bench {
namespace {

namespace fs = std::filesystem;

struct outcome {
  double per_operation = 0;
  command_result used;
};

outcome parse(command_result used) {
  std::istringstream words{used.output};
  std::string ns;
  std::string ops;
  double took = 0;
  double operations = 0;
  if (!(words >> ns >> took >> ops >> operations) || ns != "ns" || operations <= 0)
    throw std::runtime_error{"unreadable result: " + used.output};
  return {took / operations, std::move(used)};
}

std::string self() { return fs::read_symlink("/proc/self/exe").string(); }

// The compiled reference module, in a folder of its own that goes with this object.
class reference_module {
 public:
  reference_module() : folder_{fs::temp_directory_path() / ("ergo-bench-" + std::to_string(getpid()))} {
    fs::create_directories(folder_);
    (void)run_command({"erlc", "-o", folder_.string(), ERGO_BENCH_SOURCE "/erlang/ergo_bench.erl"});
  }
  ~reference_module() { fs::remove_all(folder_); }
  reference_module(const reference_module&) = delete;
  reference_module& operator=(const reference_module&) = delete;

  [[nodiscard]] std::vector<std::string> erl(unsigned cores, const std::vector<std::string>& more) const {
    const auto schedulers = std::to_string(cores) + ":" + std::to_string(cores);
    std::vector<std::string> words{"erl", "+S", schedulers, "-noshell", "-pa", folder_.string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

 private:
  fs::path folder_;
};

const std::vector<std::string> named(const std::string& name) {
  return {"-sname", name, "-setcookie", "ergo-bench", "-start_epmd", "false", "-hidden"};
}

std::vector<std::string> operator+(std::vector<std::string> left, const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// Runs one repetition of ours or of the reference; the peer of a network workload is a process of the same kind.
class runner {
 public:
  explicit runner(const plan& wanted) : plan_{wanted} {
    const bool network = std::ranges::any_of(wanted.chosen, [](const auto& work) { return work.needs_peer; });
    if (network) {
      const auto port = std::to_string(20'000 + getpid() % 20'000);
      setenv("ERL_EPMD_PORT", port.c_str(), 1);
      epmd_.emplace(std::vector<std::string>{fs::path{self()}.parent_path() / "ergo-epmd", "-port", port, "-address",
                                             "127.0.0.1"});
    }
    if (wanted.against == "beam") module_.emplace();
  }

  outcome ours(const workload& work, std::uint64_t operations) {
    std::vector<std::string> words{self(),
                                   "--child",
                                   std::string{work.id},
                                   "--operations",
                                   std::to_string(operations),
                                   "--cores",
                                   std::to_string(plan_.cores)};
    if (!work.needs_peer) return parse(run_command(words));
    const auto peer = next_name("ours");
    background server{{self(), "--serve", peer, "--cores", std::to_string(plan_.cores)}};
    server.wait_for_line("ready");
    return parse(run_command(words + std::vector<std::string>{"--peer", peer}));
  }

  outcome reference(const workload& work, std::uint64_t operations) {
    if (plan_.against == "raw") return raw(work, operations);
    const std::vector<std::string> task{"-run", "ergo_bench", "main", std::string{work.id}, std::to_string(operations)};
    if (!work.needs_peer) return parse(run_command(module_->erl(plan_.cores, task)));
    const auto peer = next_name("beam");
    const background server{
        module_->erl(plan_.cores, named(peer) + std::vector<std::string>{"-run", "ergo_bench", "serve", "x"})};
    return parse(
        run_command(module_->erl(plan_.cores, named(next_name("caller")) + task + std::vector<std::string>{peer})));
  }

 private:
  outcome raw(const workload& work, std::uint64_t operations) {
    background server{{self(), "--serve-raw"}};
    const auto port = server.read_line();
    return parse(run_command({self(), "--child", std::string{work.id}, "--raw", "--operations",
                              std::to_string(operations), "--peer", port}));
  }
  std::string next_name(const std::string& stem) {
    return stem + std::to_string(getpid()) + "x" + std::to_string(++names_) + "@localhost";
  }

  const plan& plan_;
  std::optional<background> epmd_;
  std::optional<reference_module> module_;
  unsigned names_ = 0;
};

void add(series& to, const outcome& run) {
  to.values.push_back(run.per_operation);
  to.peak_rss_kib = std::max(to.peak_rss_kib, run.used.peak_rss_kib);
  to.cpu_seconds += run.used.cpu_seconds;
}

comparison compare(runner& with, const plan& wanted, const workload& work) {
  comparison made{work, {}, {}, {}};
  const auto operations =
      std::max<std::uint64_t>(2'000, static_cast<std::uint64_t>(static_cast<double>(work.operations) * wanted.scale));
  for (unsigned repetition = 0; repetition < wanted.repetitions; ++repetition) {
    add(made.ours, with.ours(work, operations));
    if (wanted.against.empty()) continue;
    add(made.reference, with.reference(work, operations));
    made.ratio.values.push_back(made.reference.values.back() / made.ours.values.back());
  }
  return made;
}

void print(const comparison& line, bool compared) {
  std::printf("%-16s %10.1f ns [%.1f … %.1f]  %7ld KiB", std::string{line.work.id}.c_str(), line.ours.median(),
              line.ours.quantile(0), line.ours.quantile(1), line.ours.peak_rss_kib);
  if (compared) {
    std::printf("   reference %10.1f ns   ratio %6.2f [%.2f … %.2f]", line.reference.median(), line.ratio.median(),
                line.ratio.quantile(0.25), line.ratio.quantile(0.75));
  }
  std::printf("\n");
  std::fflush(stdout);
}

boost::json::object summary(const series& of) {
  return {{"median", of.median()}, {"min", of.quantile(0)}, {"max", of.quantile(1)}};
}

boost::json::object to_json(const comparison& line, const plan& wanted, const std::string& version) {
  boost::json::object made{{"id", line.work.id},
                           {"variant", ""},
                           {"placement", std::to_string(wanted.cores) + " cores"},
                           {"unit", "ns/operation"},
                           {"ours", summary(line.ours)},
                           {"rss", line.ours.peak_rss_kib}};
  if (wanted.against.empty()) return made;
  auto reference = summary(line.reference);
  reference["name"] = wanted.against;
  reference["version"] = version;
  made["reference"] = std::move(reference);
  made["ratio"] = {
      {"median", line.ratio.median()}, {"q1", line.ratio.quantile(0.25)}, {"q3", line.ratio.quantile(0.75)}};
  return made;
}

std::string beam_version() {
  return run_command(
             {"erl", "-noshell", "-eval",
              "io:format(\"OTP ~s, erts ~s, ~p\", [erlang:system_info(otp_release), erlang:system_info(version), "
              "erlang:system_info(emu_flavor)]), halt()."})
      .output;
}

}  // namespace

double series::quantile(double share) const {
  if (values.empty()) return 0;
  auto sorted = values;
  std::ranges::sort(sorted);
  return sorted[static_cast<std::size_t>(std::lround(share * static_cast<double>(sorted.size() - 1)))];
}

bool run_plan(const plan& wanted) {
  const bool compared = !wanted.against.empty();
  const auto version = wanted.against == "beam" ? beam_version() : wanted.against;
  std::printf("ergo-bench: %u repetitions, %u cores each%s%s\n", wanted.repetitions, wanted.cores,
              compared ? ", against " : "", version.c_str());
  runner with{wanted};
  boost::json::array lines;
  for (const auto& work : wanted.chosen) {
    const auto line = compare(with, wanted, work);
    print(line, compared);
    lines.push_back(to_json(line, wanted, version));
  }
  if (!wanted.json_file.empty()) std::ofstream{wanted.json_file} << boost::json::serialize(lines) << '\n';
  return true;
}

}  // namespace ergo_bench
