// The workloads of one node that have sources of their own; local.cpp has their rows.
#pragma once

#include "workload.hpp"

namespace ergo_bench {

/// The basic ones, which the curve over cores runs again.
measurement send_one_to_one(const request& wanted);
measurement storm(const request& wanted);
measurement call_many(const request& wanted);

/// A tree of processes, ten below each, whose leaves' numbers are summed up on the way back.
measurement skynet(const request& wanted);
/// Very many idle servers, and then a message to and from each.
measurement idle_servers(const request& wanted);
/// A token that goes round a thousand processes.
measurement ring(const request& wanted);

/// How cost grows: `request::operations` is where the curve ends.
measurement curve_processes(const request& wanted);
measurement curve_mailbox(const request& wanted);
measurement curve_message_size(const request& wanted);
measurement curve_cores(const request& wanted);
measurement curve_monitors(const request& wanted);
measurement curve_timers(const request& wanted);

/// Bytes of resident memory for each of `operations` things of a kind.
measurement memory(const request& wanted);
/// Calls by schedule, for `operations` milliseconds; the variant ends with the percentage of the greatest rate.
measurement latency(const request& wanted);

}  // namespace ergo_bench
