// How an exception becomes an exit reason. For behaviours that clean up before their process ends.
#pragma once

#include <ergo/error.hpp>

namespace ergo::inline v0::detail {

/// Thrown by `process::exit`; no `std::exception`, so that user code does not swallow it by accident.
struct process_exit {
  exit_reason reason;
};

/// The exit reason that the exception being handled stands for: the one of `process::exit`, `{exception, <<What>>}`,
/// or `{nocatch, unknown_exception}`; `system_limit` when there is no memory for these. Only inside a `catch`.
[[nodiscard]] exit_reason reason_of_current_exception() noexcept;

}  // namespace ergo::inline v0::detail
