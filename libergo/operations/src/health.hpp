// Whether the cores of a runtime still run what they are asked to.
#pragma once

#include "notice.hpp"

#include <ergo/operations.hpp>

#include <memory>

namespace ergo::inline v0::detail {

/// Asks each core to run something, and tells within `limit` which did not.
boost::asio::awaitable<http_reply> check_health(runtime& of, std::weak_ptr<boost::asio::io_context> on, duration limit);

}  // namespace ergo::inline v0::detail
