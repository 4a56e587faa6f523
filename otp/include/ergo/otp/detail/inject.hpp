// Calling a user's callback with those of the offered arguments that it takes, and what its return type means.
#pragma once

#include <ergo/otp/result.hpp>

#include <concepts>
#include <expected>
#include <functional>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp::detail {

template <typename T>
inline constexpr bool is_task = false;
template <typename T>
inline constexpr bool is_task<task<T>> = true;

template <typename T>
struct awaited {
  using type = T;
};
template <typename T>
struct awaited<task<T>> {
  using type = T;
};
/// What a callback gives in the end: `T` of a `task<T>`, or the type itself.
template <typename T>
using awaited_t = typename awaited<std::remove_cvref_t<T>>::type;

/// Returned by `inject` when no form of the call compiles.
struct no_form {};

/// Calls `function(server, …)` with self, the message's parts and the caller, or as many of them as it takes.
template <typename Function, typename Server, typename... Part>
decltype(auto) inject_call(const Function& function, Server& server, process& self, const from& caller,
                           Part&&... part) {
  if constexpr (std::invocable<const Function&, Server&, process&, Part..., const from&>) {
    return std::invoke(function, server, self, std::forward<Part>(part)..., caller);
  } else if constexpr (std::invocable<const Function&, Server&, Part..., const from&>) {
    return std::invoke(function, server, std::forward<Part>(part)..., caller);
  } else if constexpr (std::invocable<const Function&, Server&, process&, Part...>) {
    return std::invoke(function, server, self, std::forward<Part>(part)...);
  } else if constexpr (std::invocable<const Function&, Server&, Part...>) {
    return std::invoke(function, server, std::forward<Part>(part)...);
  } else if constexpr (std::invocable<const Function&, Server&, process&, const from&>) {
    return std::invoke(function, server, self, caller);
  } else if constexpr (std::invocable<const Function&, Server&, const from&>) {
    return std::invoke(function, server, caller);
  } else if constexpr (std::invocable<const Function&, Server&, process&>) {
    return std::invoke(function, server, self);
  } else if constexpr (std::invocable<const Function&, Server&>) {
    return std::invoke(function, server);
  } else {
    return no_form{};
  }
}

/// The same without a caller.
template <typename Function, typename Server, typename... Part>
decltype(auto) inject(const Function& function, Server& server, process& self, Part&&... part) {
  if constexpr (std::invocable<const Function&, Server&, process&, Part...>) {
    return std::invoke(function, server, self, std::forward<Part>(part)...);
  } else if constexpr (std::invocable<const Function&, Server&, Part...>) {
    return std::invoke(function, server, std::forward<Part>(part)...);
  } else if constexpr (std::invocable<const Function&, Server&, process&>) {
    return std::invoke(function, server, self);
  } else if constexpr (std::invocable<const Function&, Server&>) {
    return std::invoke(function, server);
  } else {
    return no_form{};
  }
}

/// Whether a call's handler may return `T`.
template <typename T>
concept call_outcome =
    std::is_void_v<T> || std::same_as<T, result> || std::convertible_to<T, term> || etf::convertible_to_term<T>;
/// Whether any other callback may return `T`.
template <typename T>
concept plain_outcome = std::is_void_v<T> || std::same_as<T, result>;

/// The outcome of a call's handler that returned `value`: itself, or an answer.
template <typename T>
[[nodiscard]] result outcome_of(T&& value) {
  if constexpr (std::same_as<std::remove_cvref_t<T>, result>) {
    return std::forward<T>(value);
  } else {
    return otp::reply(value);
  }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsubobject-linkage"  // of coroutine frames, for servers in unnamed namespaces
#endif

/// What a call's handler means that ends in `work`.
template <typename T>
task<result> call_result(task<T> work) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(work);
    co_return otp::reply("ok"_atom);
  } else {
    auto value = co_await std::move(work);
    co_return outcome_of(std::move(value));
  }
}
inline task<result> call_result(task<result> work) { return work; }

/// What any other callback means that ends in `work`.
inline task<result> plain_result(task<void> work) {
  co_await std::move(work);
  co_return result{};
}
inline task<result> plain_result(task<result> work) { return work; }

/// Runs a handler that is a coroutine, and keeps the message that it reads alive until its end.
template <typename Function, typename Server, typename... Part>
task<result> hold_call(Function function, Server& server, process& self, const from& caller, Part... part) {
  auto work = call_result(inject_call(function, server, self, caller, std::as_const(part)...));
  auto decided = co_await std::move(work);
  co_return std::move(decided);
}
template <typename Function, typename Server, typename... Part>
task<result> hold(Function function, Server& server, process& self, Part... part) {
  auto work = plain_result(inject(function, server, self, std::as_const(part)...));
  auto decided = co_await std::move(work);
  co_return std::move(decided);
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

}  // namespace ergo::inline v0::otp::detail
