// Connections that carry signals as the packets that Erlang would see.
#pragma once

#include "cluster.hpp"

#include <ergo/dist/flags.hpp>

namespace ergo::test {

/// Connections whose ends have agreed on `negotiated`.
[[nodiscard]] testing::carriage_factory packets_between(dist::flags negotiated);

}  // namespace ergo::test
