// Child specifications as terms: what Erlang writes, and what it is shown.
#pragma once

#include <ergo/otp/supervisor.hpp>

#include <expected>

namespace ergo::inline v0::otp::detail {

/// A specification as OTP writes it, or what OTP says is wrong with it. Without a rule any significance is taken.
[[nodiscard]] std::expected<child_spec, term> read_child(const term& written, std::optional<auto_shutdown> rule);

/// What is wrong with the significance of a child under a rule; empty when nothing is.
[[nodiscard]] std::optional<term> wrong_significance(const term& significant, restart kind,
                                                     std::optional<auto_shutdown> rule);

/// `{M, F, Args}`.
[[nodiscard]] term mfa_of(const child_spec& spec);
/// `worker` or `supervisor`.
[[nodiscard]] term type_of(const child_spec& spec);
/// The specification as `get_childspec` shows it.
[[nodiscard]] term to_map(const child_spec& spec);
/// The specification as a failed `start_child` tells it: OTP's record `#child{}`, without a process.
[[nodiscard]] term to_record(const child_spec& spec);
/// The child as a report of OTP's supervisor names it; `processes` is its pid, or how many it were.
[[nodiscard]] term offender_of(const child_spec& spec, const term& processes);
/// What OTP's catch makes of a start function that is not there: `{'EXIT', {undef, [{M, F, Args, []}]}}`.
[[nodiscard]] term undefined_start(const term& mfa, const term& arguments);

}  // namespace ergo::inline v0::otp::detail
