// The workloads of ergo-bench in the C++ Actor Framework.
#pragma once

#include "finish.hpp"

#include <caf/all.hpp>

#include <cstdint>
#include <memory>

namespace ergo_bench::in_caf {

using finish = std::shared_ptr<finish_line>;
using count = std::int64_t;

/// Sends that an actor makes before it lets others run; a coroutine of ours, and a process of Erlang, do so on their
/// own.
constexpr count batch = 1'000;

measurement send_one_to_one(caf::actor_system& on, count operations);
measurement storm(caf::actor_system& on, count operations);
measurement ring(caf::actor_system& on, count operations);
measurement call_sequential(caf::actor_system& on, count operations);
measurement call_many(caf::actor_system& on, count operations);
measurement spawn_exit(caf::actor_system& on, count operations);
measurement skynet(caf::actor_system& on, count operations);

}  // namespace ergo_bench::in_caf
