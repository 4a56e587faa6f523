// Calls and casts with C++ types: what `gen_server:call/3` and `gen_server:cast/2` are to an Erlang process.
#pragma once

#include <ergo/calls.hpp>
#include <ergo/otp/result.hpp>

#include <chrono>
#include <concepts>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp {

/// How long a call waits unless it says otherwise, as in OTP.
inline constexpr duration default_call_timeout = std::chrono::seconds{5};

namespace detail {

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
inline constexpr bool destroys_aggregates_twice = true;
#else
inline constexpr bool destroys_aggregates_twice = false;
#endif

/// A temporary that GCC below 14 destroys twice when it is built with braces in a full-expression with `co_await`.
template <typename T>
concept risky_temporary = destroys_aggregates_twice && !std::is_lvalue_reference_v<T> && std::is_aggregate_v<T> &&
                          !std::is_array_v<T> && !std::is_trivially_destructible_v<T>;

/// The answer of a call as a `T`.
template <typename T>
[[nodiscard]] ergo::result<T> convert_answer(ergo::result<term> answer) {
  if (!answer) return std::unexpected{std::move(answer).error()};
  if constexpr (std::same_as<T, term>) {
    return answer;
  } else if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    auto converted = etf::from_term<T>(*answer);
    if (!converted) return fail(errc::bad_answer, *std::move(answer));
    return *std::move(converted);
  }
}

}  // namespace detail

/// A call on its way; await it for a `result<T>`. Lives in the awaiting frame; not movable.
template <typename T>
class [[nodiscard]] typed_call {
 public:
  typed_call(process& self, const destination& to, term request, duration timeout)
      : raw_{self, to, std::move(request), timeout} {}

  [[nodiscard]] bool await_ready() const noexcept { return raw_.await_ready(); }
  void await_suspend(std::coroutine_handle<> suspended) noexcept { raw_.await_suspend(suspended); }
  [[nodiscard]] ergo::result<T> await_resume() { return detail::convert_answer<T>(raw_.await_resume()); }

 private:
  call_awaiter raw_;
};

/// Calls the server at `to` and gives its answer as a `T`, by default as the term it is; `void` drops it.
///
/// The request leaves at once. Fails with `timeout` (a late answer never surfaces), `noproc`, `nodedown`, `exited` with
/// the server's exit reason, `calling_self`, `system_limit` when the server's mailbox is full and refuses, and
/// `bad_answer` with the answer where it is no `T`. `std::expected<V, E>`
/// as `T` reads `{ok, V}` and `{error, E}`. Suspends only this process.
template <typename T = term, typename Request>
typed_call<T> call(process& self, const destination& to, Request&& request, duration timeout = default_call_timeout) {
  static_assert(!detail::risky_temporary<Request>,
                "ergo::otp::call: name the request first; GCC before 14 destroys it twice when it is built in the same "
                "expression as co_await");
  return typed_call<T>{self, to, ergo::detail::as_term(request), timeout};
}

/// Sends `content` to the server at `to`, whose `casts` or `handle_cast` gets it. Never fails; order is kept.
///
/// The result may be ignored, or awaited as that of `process::send`.
template <typename Content>
ergo::detail::send_awaiter cast(process& self, const destination& to, Content&& content) {
  static_assert(!detail::risky_temporary<Content>,
                "ergo::otp::cast: name the message first; GCC before 14 destroys it twice when it is built in the same "
                "expression as co_await");
  return self.send_cast(to, ergo::detail::as_term(content));
}

}  // namespace ergo::inline v0::otp
