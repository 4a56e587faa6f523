// What the workloads between two nodes share, and the workloads themselves.
#pragma once

#include "workload.hpp"

#include <ergo/node.hpp>
#include <ergo/runtime.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace ergo_bench {

/// How many echo servers a node of the other process has, registered by `echo_name`.
inline constexpr unsigned echo_servers = 120;

/// A node of a run; throws when it does not start.
[[nodiscard]] std::unique_ptr<ergo::node> start_node(const std::string& name, unsigned cores);
[[nodiscard]] std::unique_ptr<ergo::node> start_node(const std::string& name, ergo::runtime_options options);
/// A node that `peer` gives a name.
[[nodiscard]] std::unique_ptr<ergo::node> start_nameless(ergo::runtime& on, const std::string& peer);
/// The node that calls, under a name of this process.
[[nodiscard]] std::unique_ptr<ergo::node> start_caller(unsigned cores);
/// The name of an echo server of the other node.
[[nodiscard]] ergo::atom echo_name(unsigned number);
void start_echo_servers(ergo::node& on);
/// What net-storm sends to.
void start_storm_servers(ergo::node& on);
void connect(ergo::node& from, const std::string& peer);

/// The folder with certificate.pem and key.pem where the nodes of this run are to speak TLS 1.3; else "".
inline constexpr const char* tls_folder = "ERGO_BENCH_TLS";

/// What a variant sends: `string`, `pid-atom`, `1MB`, `tuple` and `map` of ten items, `pids` (200 of them). The pids
/// are those of processes of that node.
[[nodiscard]] ergo::term payload_for(ergo::node& of, std::string_view variant);

/// The bytes of the binary that a variant such as `1B`, `16KB` or `64MB` names; 0 for other variants.
[[nodiscard]] std::size_t binary_size(std::string_view variant);

/// The bytes of a call and of its answer on the wire between two nodes of ours.
struct echo_sizes {
  std::size_t there = 0;
  std::size_t back = 0;
};
[[nodiscard]] echo_sizes raw_echo_sizes(std::string_view variant);

measurement net_call_seq(const request& wanted);
measurement net_call_many(const request& wanted);
measurement net_call_many_in_one(const request& wanted);
/// The bytes of net-call-seq through a bare socket, and the other end of it.
measurement raw_echo(const request& wanted);
void serve_raw_echo();
/// The same with sockets that do not block, behind epoll.
measurement raw_epoll(const request& wanted);
void serve_raw_epoll();

measurement net_latency(const request& wanted);
measurement net_storm(const request& wanted);
measurement net_ten_nodes(const request& wanted);
measurement fan_out(const request& wanted);
measurement connect_anew(const request& wanted);
measurement idle_node(const request& wanted);
measurement call_crowd(const request& wanted);
/// Serves the peers of these; false when `what` asks for something else.
[[nodiscard]] bool serve_light_peers(std::string_view what);

/// Small calls beside a large binary; the same through two sockets, and the other end of those.
measurement net_beside_large(const request& wanted);
measurement raw_beside_large(const request& wanted);
void serve_beside_large();

}  // namespace ergo_bench
