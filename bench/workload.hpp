// A workload: work that is done n times, checked by itself, and timed inside one process.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ergo_bench {

/// Something else that a run found out, beside the time: a percentile, bytes per process.
struct figure {
  std::string name;  ///< without spaces
  double value = 0;
  std::string unit;  ///< without spaces
};

/// What one run of a workload took.
struct measurement {
  std::chrono::nanoseconds took{};
  std::uint64_t operations = 0;
  std::vector<figure> more{};

  [[nodiscard]] double per_operation() const noexcept {
    return static_cast<double>(took.count()) / static_cast<double>(operations);
  }
};

/// What a run is asked for.
struct request {
  std::uint64_t operations = 0;
  std::string variant;       ///< of the workload, "" where it has none
  unsigned cores = 2;        ///< of our runtime
  std::string peer;          ///< name of the other node, or the port of a raw peer; "" where the workload needs none
  bool peer_is_ours = true;  ///< else an Erlang node
};

/// Which CPUs the processes of a row may use. Figures of different placements are never compared.
enum class placement : std::uint8_t {
  free,      ///< all of the machine, with as many cores of ours and schedulers of the reference as were asked for
  one_cpu,   ///< both ends on the first CPU, with one core each
  two_cpus,  ///< the caller on the first CPU, the other end on the second, with one core each
};
[[nodiscard]] std::string_view to_string(placement where) noexcept;

/// Who a row is compared with.
enum class reference : std::uint8_t {
  beam,       ///< the same work in Erlang, on the `erl` of this machine
  caf,        ///< the same work in the C++ Actor Framework, by the program ergo-bench-caf
  raw,        ///< the same bytes without a runtime: sockets that block, or a copy in memory
  raw_epoll,  ///< the same bytes through sockets that do not block, behind epoll
  plain,      ///< the same work of ours without encryption
};
[[nodiscard]] std::string_view to_string(reference which) noexcept;

/// A reference, and the ratio to it that must be reached: met when the lower quartile of the ratios is at least `bar`.
struct rival {
  reference which = reference::beam;
  double bar = 0;  ///< 0: printed without a bar
};

/// A figure of a row, and what it may be at most: met when the upper quartile of ours is not above it.
struct limit {
  std::string_view figure;
  double at_most = 0;
};

/// Who is at the two ends of a workload that needs a second node.
enum class pairing : std::uint8_t {
  none,          ///< the workload needs no second node
  ours_to_ours,  ///< we call, a node of ours in a second process serves
  ours_to_beam,  ///< we call, an Erlang node serves
  beam_to_ours,  ///< an Erlang node calls, ours serves
};
[[nodiscard]] std::string_view to_string(pairing who) noexcept;

/// One row of the table. `run` throws `std::runtime_error` when a result is wrong, lost or doubled.
struct workload {
  std::string_view id;  ///< of the table of design figures
  std::string_view variant;
  std::string_view what;
  std::uint64_t operations = 0;  ///< per run
  measurement (*run)(const request& wanted) = nullptr;
  std::vector<rival> rivals{};
  pairing ends = pairing::none;
  placement where = placement::free;
  /// The same without a runtime, for `reference::raw`.
  measurement (*raw)(const request& wanted) = nullptr;
  measurement (*raw_epoll)(const request& wanted) = nullptr;
  /// Whether these need a second process that runs `serve_raw`.
  bool raw_has_peer = false;
  std::vector<limit> limits{};
  /// What `erl` is given beside `+S`, where its defaults do not suffice.
  std::vector<std::string> erl_flags{};
  /// Whether the nodes speak TLS 1.3.
  bool encrypted = false;
};

/// Whether it must reach something: a ratio, or a limit of a figure.
[[nodiscard]] bool has_bar(const workload& row) noexcept;

/// All rows, in the order of the printed table. Each group of workloads adds its own.
[[nodiscard]] std::span<const workload> workloads();
[[nodiscard]] std::vector<workload> local_workloads();
[[nodiscard]] std::vector<workload> growth_workloads();
[[nodiscard]] std::vector<workload> etf_workloads();
[[nodiscard]] std::vector<workload> convert_workloads();
[[nodiscard]] std::vector<workload> net_workloads();

/// Serves the network workloads with a node of that name until standard input closes. Prints "ready" when it can be
/// called.
void serve_peer(const std::string& name, unsigned cores);
/// Serves a raw counterpart once. Prints its port.
void serve_raw(std::string_view id);

}  // namespace ergo_bench
