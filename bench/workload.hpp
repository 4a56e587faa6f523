// A workload: work that is done n times, checked by itself, and timed inside one process.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ergo_bench {

/// What one run of a workload took.
struct measurement {
  std::chrono::nanoseconds took{};
  std::uint64_t operations = 0;

  [[nodiscard]] double per_operation() const noexcept {
    return static_cast<double>(took.count()) / static_cast<double>(operations);
  }
};

/// How a run is placed: the number of cores of our runtime, and the CPUs that the process may use.
struct placement {
  unsigned cores = 2;
};

/// A workload by its id in the table of design figures. `run` throws `std::runtime_error` when a result is wrong, lost
/// or doubled.
struct workload {
  std::string_view id;
  std::string_view what;
  std::uint64_t operations;  ///< per run
  bool needs_peer;           ///< a second node in another OS process
  measurement (*run)(std::uint64_t operations, const placement& where, const std::string& peer);
  /// The same without a runtime, if there is such a thing, for `--vs raw`.
  measurement (*raw)(std::uint64_t operations, const placement& where, const std::string& peer) = nullptr;
};

/// All workloads, in the order of the printed table.
[[nodiscard]] std::span<const workload> workloads();

measurement send_one_to_one(std::uint64_t operations, const placement& where, const std::string& peer);
measurement storm(std::uint64_t operations, const placement& where, const std::string& peer);
measurement call_sequential(std::uint64_t operations, const placement& where, const std::string& peer);
measurement call_many(std::uint64_t operations, const placement& where, const std::string& peer);
measurement spawn_exit(std::uint64_t operations, const placement& where, const std::string& peer);
measurement supervise(std::uint64_t operations, const placement& where, const std::string& peer);
measurement etf_encode(std::uint64_t operations, const placement& where, const std::string& peer);
measurement etf_decode(std::uint64_t operations, const placement& where, const std::string& peer);
measurement net_call_sequential(std::uint64_t operations, const placement& where, const std::string& peer);
measurement net_call_many(std::uint64_t operations, const placement& where, const std::string& peer);

measurement net_beside_large(std::uint64_t operations, const placement& where, const std::string& peer);
/// The same traffic without a runtime, through two sockets; `port` is what `serve_raw` printed.
measurement raw_beside_large(std::uint64_t operations, const placement& where, const std::string& port);

/// Serves `raw_beside_large` once. Prints its port.
void serve_raw();

/// Serves the 120 echo servers of the net workloads until standard input closes. Prints "ready" when it can be called.
void serve_peer(const std::string& name, const placement& where);

}  // namespace ergo_bench
