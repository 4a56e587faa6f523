// Calling functions on other nodes, as Erlang's `erpc` and `rpc`: from a process with `co_await`, from outside threads
// blocking.
//
//   auto reversed = co_await ergo::rpc::call<std::vector<int>>(self, "erl@host"_atom, "lists", "reverse", numbers);
#pragma once

#include <ergo/calls.hpp>
#include <ergo/node.hpp>

#include <concepts>
#include <coroutine>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ergo::inline v0::rpc {

/// How long a call waits unless it says otherwise.
inline constexpr duration default_timeout = std::chrono::seconds{5};

/// The node that is asked, and how long its answer is waited for: `"erl@host"_atom` or `{"erl@host"_atom, 2s}`.
struct at {
  at(atom name, duration limit = default_timeout) noexcept : node{name}, within{limit} {}  // NOLINT: a node will do
  atom node;
  duration within;
};

/// A module or function: an atom, or its text. Throws as `atom::of` for texts that are no atoms.
struct name {
  name(atom given) noexcept : value{given} {}                          // NOLINT: either will do
  name(const std::string& text) : value{atom::of(text)} {}             // NOLINT
  name(std::string_view text) : value{atom::of(text)} {}               // NOLINT
  name(const char* text) : value{atom::of(std::string_view{text})} {}  // NOLINT
  atom value;
};

/// Where a process is started, and under which name it is registered there before it runs, if under any:
/// `"cpp@host"_atom`, `{"cpp@host"_atom, 2s}` or `{"cpp@host"_atom, "worker"}`.
///
/// Only nodes of this library know names: Erlang's refuse a request that has one, and start nothing.
struct spawn_at {
  spawn_at(atom node, duration limit = default_timeout) noexcept : where{node, limit} {}  // NOLINT: a node will do
  spawn_at(const at& given) noexcept : where{given} {}                                    // NOLINT
  spawn_at(const at& given, const name& as) noexcept : where{given}, registered{as.value} {}
  at where;
  atom registered{};
};

namespace detail {

/// What is called.
struct function_call {
  atom module;
  atom function;
  term arguments;
};

/// A temporary that GCC below 14 destroys twice when it is built with braces in a full-expression with `co_await`.
template <typename T>
concept risky_temporary =
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
    !std::is_lvalue_reference_v<T> && std::is_aggregate_v<T> && !std::is_array_v<T> &&
    !std::is_trivially_destructible_v<T>;
#else
    false;
#endif

template <typename... Argument>
[[nodiscard]] function_call make_call(const name& module, const name& function, Argument&&... argument) {
  static_assert((!risky_temporary<Argument> && ...),
                "ergo::rpc: name the argument first; GCC before 14 destroys it twice when it is built in the same "
                "expression as co_await");
  return {module.value, function.value, etf::list(ergo::detail::as_term(argument)...)};
}

template <typename T>
[[nodiscard]] result<T> convert(result<term> given) {
  if (!given) return std::unexpected{std::move(given).error()};
  if constexpr (std::same_as<T, term>) {
    return given;
  } else if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    auto converted = etf::from_term<T>(*given);
    if (!converted) return fail(errc::bad_answer, *std::move(given));
    return *std::move(converted);
  }
}

/// One or more calls under way, with one deadline. Lives in the awaiting frame; not movable.
class calls_awaiter final : public ergo::detail::waiting {
 public:
  calls_awaiter(process& self, std::span<const atom> nodes, const function_call& what, duration timeout);
  ~calls_awaiter();
  [[nodiscard]] bool await_ready() const noexcept;
  void await_resume() const noexcept {}
  bool over(process& self) override;
  /// What the call of the node at `index` gave.
  [[nodiscard]] result<term> outcome(std::size_t index) const;
  [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }

 private:
  std::vector<ergo::detail::call_record> records_;
};

/// A request for a process under way.
class spawn_awaiter final : public ergo::detail::waiting {
 public:
  spawn_awaiter(process& self, const spawn_at& where, const function_call& what, bool link, bool monitor);
  ~spawn_awaiter();
  [[nodiscard]] bool await_ready() const noexcept;
  [[nodiscard]] result<pid> await_resume() const;
  bool over(process& self) override;
  [[nodiscard]] const reference& id() const noexcept { return id_; }

 private:
  ergo::detail::call_record record_;
  reference id_;
};

void cast(process& self, atom node, const function_call& what);
void cast(ergo::node& from, atom node, const function_call& what);
[[nodiscard]] std::vector<result<term>> call_and_wait(ergo::node& from, std::span<const atom> nodes,
                                                      const function_call& what, duration timeout);

}  // namespace detail

/// A call on its way; await it for a `result<T>`.
template <typename T>
class [[nodiscard]] typed_call {
 public:
  typed_call(process& self, const at& where, const detail::function_call& what)
      : raw_{self, std::span{&where.node, 1}, what, where.within} {}
  [[nodiscard]] bool await_ready() const noexcept { return raw_.await_ready(); }
  void await_suspend(std::coroutine_handle<> suspended) noexcept { raw_.await_suspend(suspended); }
  [[nodiscard]] result<T> await_resume() const { return detail::convert<T>(raw_.outcome(0)); }

 private:
  detail::calls_awaiter raw_;
};

/// Calls of several nodes on their way; await them for a `std::vector<result<T>>`, in the order of the nodes.
template <typename T>
class [[nodiscard]] typed_multicall {
 public:
  typed_multicall(process& self, std::span<const atom> nodes, const detail::function_call& what, duration timeout)
      : raw_{self, nodes, what, timeout} {}
  [[nodiscard]] bool await_ready() const noexcept { return raw_.await_ready(); }
  void await_suspend(std::coroutine_handle<> suspended) noexcept { raw_.await_suspend(suspended); }
  [[nodiscard]] std::vector<result<T>> await_resume() const {
    std::vector<result<T>> all;
    for (std::size_t index = 0; index < raw_.size(); ++index) all.push_back(detail::convert<T>(raw_.outcome(index)));
    return all;
  }

 private:
  detail::calls_awaiter raw_;
};

/// Calls `module:function(argument…)` on another node, or this one, in a process of its own there, and gives its value
/// as a `T`, by default as the term it is; `void` drops it.
///
/// The request leaves at once; a late answer never surfaces. Fails with `remote_throw`, `remote_exit`, `remote_error`
/// (which has the stack trace) for what the function did, `exited` when its process was ended by somebody else,
/// `nodedown`, `timeout`, `not_supported` (the node knows no spawn requests), `permission_denied`, `badarg` and
/// `system_limit` from the other node's `erpc`, and `bad_answer` with the value where it is no `T`. Suspends only this
/// process.
template <typename T = term, typename... Argument>
typed_call<T> call(process& self, const at& where, const name& module, const name& function, Argument&&... argument) {
  return typed_call<T>{self, where, detail::make_call(module, function, std::forward<Argument>(argument)...)};
}

/// Calls the same function on several nodes at once; `timeout` is for all of them together.
template <typename T = term, typename... Argument>
typed_multicall<T> multicall(process& self, std::span<const atom> nodes, duration timeout, const name& module,
                             const name& function, Argument&&... argument) {
  return typed_multicall<T>{self, nodes, detail::make_call(module, function, std::forward<Argument>(argument)...),
                            timeout};
}

/// Calls a function on another node and takes no interest in what becomes of it. Never fails.
template <typename... Argument>
void cast(process& self, atom node, const name& module, const name& function, Argument&&... argument) {
  detail::cast(self, node, detail::make_call(module, function, std::forward<Argument>(argument)...));
}

/// Calls from outside of the processes and blocks the calling thread, which must not be one of the runtime's; otherwise
/// as for a process. Fails with `stopped` when the node stops meanwhile.
template <typename T = term, typename... Argument>
[[nodiscard]] result<T> call(node& from, const at& where, const name& module, const name& function,
                             Argument&&... argument) {
  const auto what = detail::make_call(module, function, std::forward<Argument>(argument)...);
  return detail::convert<T>(detail::call_and_wait(from, std::span{&where.node, 1}, what, where.within).front());
}
template <typename T = term, typename... Argument>
[[nodiscard]] std::vector<result<T>> multicall(node& from, std::span<const atom> nodes, duration timeout,
                                               const name& module, const name& function, Argument&&... argument) {
  const auto what = detail::make_call(module, function, std::forward<Argument>(argument)...);
  std::vector<result<T>> all;
  for (auto& one : detail::call_and_wait(from, nodes, what, timeout)) all.push_back(detail::convert<T>(std::move(one)));
  return all;
}
/// Casts from outside of the processes. Any thread; never blocks.
template <typename... Argument>
void cast(node& from, atom node, const name& module, const name& function, Argument&&... argument) {
  detail::cast(from, node, detail::make_call(module, function, std::forward<Argument>(argument)...));
}

/// Starts a process that calls `module:function(argument…)` on another node, as `spawn/4`; await it for its pid.
///
/// A process is started also where there is no such function: it ends of `undef`. Fails with `nodedown`, `timeout` (a
/// process that is started all the same runs, tied to nobody), `not_supported`, `system_limit`, and `badarg` where its
/// name is taken or cannot be had.
template <typename... Argument>
[[nodiscard]] detail::spawn_awaiter spawn(process& self, const spawn_at& where, const name& module,
                                          const name& function, Argument&&... argument) {
  const auto what = detail::make_call(module, function, std::forward<Argument>(argument)...);
  return detail::spawn_awaiter{self, where, what, false, false};
}
/// The same with a link from its first moment. One that starts after the timeout ends of `abandoned`.
template <typename... Argument>
[[nodiscard]] detail::spawn_awaiter spawn_link(process& self, const spawn_at& where, const name& module,
                                               const name& function, Argument&&... argument) {
  const auto what = detail::make_call(module, function, std::forward<Argument>(argument)...);
  return detail::spawn_awaiter{self, where, what, true, false};
}

/// A request for a monitored process; await it for pid and monitor.
class [[nodiscard]] monitored_spawn {
 public:
  monitored_spawn(process& self, const spawn_at& where, const detail::function_call& what)
      : raw_{self, where, what, false, true} {}
  [[nodiscard]] bool await_ready() const noexcept { return raw_.await_ready(); }
  void await_suspend(std::coroutine_handle<> suspended) noexcept { raw_.await_suspend(suspended); }
  [[nodiscard]] result<std::pair<pid, monitor_ref>> await_resume() const {
    const auto started = raw_.await_resume();
    if (!started) return std::unexpected{started.error()};
    return std::pair{*started, monitor_ref{raw_.id()}};
  }

 private:
  detail::spawn_awaiter raw_;
};

/// The same with a monitor from its first moment, whose `down` follows.
template <typename... Argument>
monitored_spawn spawn_monitor(process& self, const spawn_at& where, const name& module, const name& function,
                              Argument&&... argument) {
  return monitored_spawn{self, where, detail::make_call(module, function, std::forward<Argument>(argument)...)};
}

}  // namespace ergo::inline v0::rpc
