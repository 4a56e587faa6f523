// What the workloads share: their processes, the echo server, the finish line.
#pragma once

#include "workload.hpp"

#include <ergo/otp/gen_server.hpp>
#include <ergo/runtime.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace ergo_bench {

/// The gen_server of all call workloads: answers each request with itself.
class echo_server {
 public:
  ergo::term handle_call(const ergo::term& request) { return request; }
};

/// Where a known number of processes report that they are done. Thread-safe.
class finish_line {
 public:
  explicit finish_line(unsigned expected) noexcept : left_{expected} {}

  void arrive() {
    const std::scoped_lock lock{mutex_};
    if (--left_ == 0) changed_.notify_all();
  }
  void fail(std::string why) {
    const std::scoped_lock lock{mutex_};
    failure_ = std::move(why);
    changed_.notify_all();
  }
  /// Whether all have arrived; throws what one of them reported.
  [[nodiscard]] bool is_reached() {
    const std::scoped_lock lock{mutex_};
    if (!failure_.empty()) throw std::runtime_error{failure_};
    return left_ == 0;
  }
  /// Returns when all have arrived; throws what one of them reported.
  void wait() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return left_ == 0 || !failure_.empty(); });
    if (!failure_.empty()) throw std::runtime_error{failure_};
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned left_;
  std::string failure_;
};

/// Times from its construction.
class stopwatch {
 public:
  [[nodiscard]] measurement read(std::uint64_t operations) const {
    return {std::chrono::steady_clock::now() - start_, operations};
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A runtime for one run.
class bench_runtime {
 public:
  explicit bench_runtime(unsigned cores) : runtime_{ergo::runtime_options{.cores = cores}} {}

  template <typename Body, typename... Argument>
  ergo::pid spawn(Body body, Argument... argument) {
    return must(runtime_.spawn(runtime_.anonymous(), std::move(body), std::move(argument)...));
  }
  [[nodiscard]] ergo::pid start_echo();

 private:
  static ergo::pid must(ergo::result<ergo::pid> started) {
    if (!started) throw std::runtime_error{started.error().message()};
    return *started;
  }

  ergo::runtime runtime_;
};

/// A supervisor with very many children of one kind.
measurement supervise(const request& wanted);
/// One message of 100 records to bytes, and back; counted by ergo-budget too.
measurement etf_encode(const request& wanted);
measurement etf_decode(const request& wanted);

/// Sends the numbers below `count` to a `sink`.
ergo::task<> source(ergo::process& self, ergo::pid to, std::int64_t count);
/// Receives the numbers below `count`, in this order.
ergo::task<> sink(ergo::process& self, std::int64_t count, std::shared_ptr<finish_line> done);
/// Spawns `count` processes, one after the other, that end at once, and waits for the end of each.
ergo::task<> spawner(ergo::process& self, std::int64_t count, std::shared_ptr<finish_line> done);
/// Calls `server` `count` times with a number and checks each answer.
ergo::task<> caller_loop(ergo::process& self, ergo::destination server, std::int64_t count,
                         std::shared_ptr<finish_line> done);

}  // namespace ergo_bench
