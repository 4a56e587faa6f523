// Calls and casts by names that no node keeps: what `gen_server:call({via, Module, Name}, …)` is in OTP.
#pragma once

#include <ergo/otp/call.hpp>
#include <ergo/otp/public_name.hpp>

namespace ergo::inline v0::otp {

/// Calls whoever has `to`: see `call(process&, const destination&, …)`. Fails with `noproc` when nobody has it.
template <typename T = term, typename Request>
typed_call<T> call(process& self, const public_name& to, Request&& request, duration timeout = default_call_timeout) {
  return call<T>(self, to.find(self), std::forward<Request>(request), timeout);
}

/// Sends a cast to whoever has `to`; it is lost when nobody has it.
template <typename Content>
ergo::detail::send_awaiter cast(process& self, const public_name& to, Content&& content) {
  return cast(self, to.find(self), std::forward<Content>(content));
}

}  // namespace ergo::inline v0::otp
