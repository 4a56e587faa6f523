// What the workloads share: their processes, the echo server, the finish line.
#pragma once

#include "finish.hpp"
#include "workload.hpp"

#include <ergo/otp/gen_server.hpp>
#include <ergo/runtime.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace ergo_bench {

/// The gen_server of all call workloads: answers each request with itself.
class echo_server {
 public:
  ergo::term handle_call(const ergo::term& request) { return request; }
};

/// A runtime for one run.
class bench_runtime {
 public:
  explicit bench_runtime(unsigned cores) : bench_runtime{ergo::runtime_options{.cores = cores}} {}
  explicit bench_runtime(ergo::runtime_options options) : runtime_{std::move(options)} {}

  template <typename Body, typename... Argument>
  ergo::pid spawn(Body body, Argument... argument) {
    return must(runtime_.spawn(runtime_.anonymous(), std::move(body), std::move(argument)...));
  }
  [[nodiscard]] ergo::pid start_echo();
  template <typename T>
  void send(const ergo::pid& to, const T& content) {
    runtime_.send(to, ergo::term(content));
  }
  [[nodiscard]] ergo::slice_times slice_times() const { return runtime_.slice_times(); }

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
/// Calls `server` `count` times with `content`, which must come back as large as it is.
ergo::task<> content_loop(ergo::process& self, ergo::destination server, ergo::term content, std::int64_t count,
                          std::shared_ptr<finish_line> done);
/// Calls `server` `count` times with a number and checks each answer.
ergo::task<> caller_loop(ergo::process& self, ergo::destination server, std::int64_t count,
                         std::shared_ptr<finish_line> done);

}  // namespace ergo_bench
