// What the workloads between two nodes share.
#pragma once

#include "workload.hpp"

#include <ergo/node.hpp>

#include <memory>
#include <string>

namespace ergo_bench {

/// A node of a run; throws when it does not start.
[[nodiscard]] std::unique_ptr<ergo::node> start_node(const std::string& name, unsigned cores);
/// The name of an echo server of the other node.
[[nodiscard]] ergo::atom echo_name(unsigned number);
void connect(ergo::node& from, const std::string& peer);

/// Small calls beside a large binary; the same through two sockets, and the other end of those.
measurement net_beside_large(const request& wanted);
measurement raw_beside_large(const request& wanted);
void serve_beside_large();

}  // namespace ergo_bench
