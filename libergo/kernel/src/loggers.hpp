// The processes to which Erlang nodes send log events.
#pragma once

#include <ergo/otp/supervisor.hpp>

namespace ergo::inline v0::kernel {
struct log_options;
}  // namespace ergo::inline v0::kernel

namespace ergo::inline v0::kernel::detail {

/// `logger_proxy`, which is sent the events of processes whose group leader is on this node.
[[nodiscard]] otp::child_spec logger_proxy_child(const log_options& options);
/// `error_logger`, the same for programs that are older than OTP's logger.
[[nodiscard]] otp::child_spec error_logger_child(const log_options& options);

}  // namespace ergo::inline v0::kernel::detail
