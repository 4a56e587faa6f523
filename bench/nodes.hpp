// What the workloads between two nodes share.
#pragma once

#include "workload.hpp"

#include <ergo/node.hpp>

#include <memory>
#include <string>

namespace ergo_bench {

/// A node of a run; throws when it does not start.
[[nodiscard]] std::unique_ptr<ergo::node> start_node(const std::string& name, const placement& where);
/// The name of an echo server of the other node.
[[nodiscard]] ergo::atom echo_name(unsigned number);
void connect(ergo::node& from, const std::string& peer);

}  // namespace ergo_bench
