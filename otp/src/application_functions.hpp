// The functions of OTP's module `application` as a process runs them that was asked by name, on the requests of its
// controller; and how their answers are told in C++.
#pragma once

#include "application_directory.hpp"

#include <ergo/otp/application.hpp>

#include <span>

namespace ergo::inline v0::otp::detail {

/// The controller of the node that `self` is on.
[[nodiscard]] destination controller_of(const process& self);

/// `ensure_all_started` of the applications that need `needed`: `{ok, Started}` or `{error, {Name, Reason}}`.
[[nodiscard]] task<term> ensure_all(process& self, destination controller, std::vector<atom> names, term type);

/// Runs `application:Function(Arguments…)`; its value, or empty where there is no such function or it does not take
/// these. Throws what Erlang's would.
[[nodiscard]] task<std::optional<term>> run_application_function(process& self, destination controller, atom function,
                                                                 std::vector<term> arguments);

/// `ok`, or the error that `{error, Reason}` stands for.
[[nodiscard]] ergo::result<void> as_done(const ergo::result<term>& answer);

}  // namespace ergo::inline v0::otp::detail
