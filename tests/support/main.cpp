// main() of every test program, and the watchdog that ends a test case which hangs: name, sections, the reports of
// on_hang and the stacks of all threads on standard error, then abort().
#include <catch2/catch_session.hpp>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>

#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "figures_listener.hpp"

#include "ergo_test/watchdog.hpp"

namespace ergo::test {
namespace {

using std::chrono::steady_clock;

/// Seconds from the environment, or `fallback` when the variable is absent or is no positive number.
std::chrono::seconds seconds_from_environment(const char* name, std::chrono::seconds fallback) {
  const char* text = std::getenv(name);
  if (!text) return fallback;
  const std::string_view view{text};
  long value = 0;
  const auto parsed = std::from_chars(view.data(), view.data() + view.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != view.data() + view.size() || value <= 0) return fallback;
  return std::chrono::seconds{value};
}

/// The signal by which each thread is asked to print its own stack.
constexpr int stack_signal = SIGUSR2;

void print_stack(int) {
  void* frames[64];
  const int depth = backtrace(frames, 64);
  backtrace_symbols_fd(frames, depth, STDERR_FILENO);
}

void print_all_stacks() {
  struct sigaction action{};
  action.sa_handler = print_stack;
  sigaction(stack_signal, &action, nullptr);
  const auto self = static_cast<long>(::syscall(SYS_gettid));
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
    const long thread = std::atol(entry.path().filename().c_str());
    if (thread == self) continue;
    std::fprintf(stderr, "thread %ld:\n", thread);
    std::fflush(stderr);
    ::syscall(SYS_tgkill, static_cast<long>(::getpid()), thread, stack_signal);
    std::this_thread::sleep_for(std::chrono::milliseconds{50});  // one stack after the other, unmixed
  }
}

class watchdog {
 public:
  static watchdog& instance() {
    static watchdog dog;
    return dog;
  }

  void start() {
    thread_ = std::jthread{[this](const std::stop_token& stop) { watch(stop); }};
  }

  void stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    changed_.notify_all();
    thread_.join();
  }

  void begin(std::string test) {
    const std::lock_guard lock{mutex_};
    test_ = std::move(test);
    deadline_ = steady_clock::now() + limit_;
    changed_.notify_all();
  }

  void end() {
    const std::lock_guard lock{mutex_};
    deadline_ = steady_clock::time_point::max();
  }

  void enter(std::string section) {
    const std::lock_guard lock{mutex_};
    sections_.push_back(std::move(section));
  }

  void leave() {
    const std::lock_guard lock{mutex_};
    if (!sections_.empty()) sections_.pop_back();
  }

  int add(std::function<std::string()> describe) {
    const std::lock_guard lock{mutex_};
    reports_.emplace(++last_report_, std::move(describe));
    return last_report_;
  }

  void remove(int id) {
    const std::lock_guard lock{mutex_};
    reports_.erase(id);
  }

 private:
  void watch(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    while (!stop.stop_requested()) {
      if (steady_clock::now() >= deadline_) bark();
      // Bounded, so that a deadline set between the check and the wait is seen in time.
      changed_.wait_for(lock, std::chrono::milliseconds{250});
    }
  }

  [[noreturn]] void bark() {
    std::fprintf(stderr, "\nwatchdog: \"%s\" has not ended after %lld s\n", test_.c_str(),
                 static_cast<long long>(limit_.count()));
    for (const auto& section : sections_) std::fprintf(stderr, "  in \"%s\"\n", section.c_str());
    for (const auto& [id, describe] : reports_) std::fprintf(stderr, "%s\n", describe().c_str());
    print_all_stacks();
    std::fflush(stderr);
    std::signal(SIGABRT, SIG_DFL);
    std::abort();
  }

  const std::chrono::seconds limit_ = seconds_from_environment("ERGO_TEST_DEADLINE", std::chrono::seconds{60});
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string test_;
  std::vector<std::string> sections_;
  std::map<int, std::function<std::string()>> reports_;
  int last_report_ = 0;
  steady_clock::time_point deadline_ = steady_clock::time_point::max();
  std::jthread thread_;
};

/// Adds a line "passed failed skipped" to the file that ERGO_TEST_COUNTS names, from which CI makes its sum.
void count(const Catch::Counts& cases) {
  const char* path = std::getenv("ERGO_TEST_COUNTS");
  if (!path || !*path) return;
  std::FILE* file = std::fopen(path, "a");
  if (!file) return;
  std::fprintf(file, "%llu %llu %llu\n", static_cast<unsigned long long>(cases.passed + cases.failedButOk),
               static_cast<unsigned long long>(cases.failed), static_cast<unsigned long long>(cases.skipped));
  std::fclose(file);
}

class watchdog_listener : public Catch::EventListenerBase {
 public:
  using EventListenerBase::EventListenerBase;

  void testRunStarting(const Catch::TestRunInfo&) override { watchdog::instance().start(); }
  void testRunEnded(const Catch::TestRunStats& stats) override {
    watchdog::instance().stop();
    count(stats.totals.testCases);
  }
  void testCaseStarting(const Catch::TestCaseInfo& info) override { watchdog::instance().begin(info.name); }
  void testCaseEnded(const Catch::TestCaseStats&) override { watchdog::instance().end(); }
  void sectionStarting(const Catch::SectionInfo& info) override { watchdog::instance().enter(info.name); }
  void sectionEnded(const Catch::SectionStats&) override { watchdog::instance().leave(); }
};

}  // namespace

on_hang::on_hang(std::function<std::string()> describe) : id_{watchdog::instance().add(std::move(describe))} {}
on_hang::~on_hang() { watchdog::instance().remove(id_); }

}  // namespace ergo::test

CATCH_REGISTER_LISTENER(ergo::test::watchdog_listener)
CATCH_REGISTER_LISTENER(ergo::test::figures_listener)

int main(int argc, char* argv[]) {
  std::signal(SIGPIPE, SIG_IGN);
  Catch::Session session;
  // What a simulation reads of its environment (libergo/TESTING.md).
  const auto into = [](const char* variable) {
    return [variable](const std::string& value) {
      ::setenv(variable, value.c_str(), 1);
      return Catch::Clara::ParserResult::ok(Catch::Clara::ParseResultType::Matched);
    };
  };
  using Catch::Clara::Opt;
  session.cli(session.cli() | Opt(into("ERGO_SIM_SEEDS"), "number")["--seeds"]("simulated runs of each scenario") |
              Opt(into("ERGO_SIM_SEED"), "number")["--seed"]("one simulated run, with its last steps") |
              Opt(into("ERGO_SIM_FAULTS"), "list")["--faults"]("which of its faults are done, as in 3,9"));
  const int code = session.run(argc, argv);
  const auto& violated = ergo::test::violated_scenarios();
  for (const auto& line : violated) std::fprintf(stderr, "violated: %s\n", line.c_str());
  return code == 0 && !violated.empty() ? EXIT_FAILURE : code;
}
