// The workloads of one node that have sources of their own; local.cpp has their rows.
#pragma once

#include "workload.hpp"

namespace ergo_bench {

/// A tree of processes, ten below each, whose leaves' numbers are summed up on the way back.
measurement skynet(const request& wanted);
/// Very many idle servers, and then a message to and from each.
measurement idle_servers(const request& wanted);
/// A token that goes round a thousand processes.
measurement ring(const request& wanted);

}  // namespace ergo_bench
