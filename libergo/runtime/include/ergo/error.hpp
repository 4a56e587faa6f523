// The errors of a node: expected outcomes such as "timeout" and "noproc".
// One code, and at most one small term of context; every error has an Erlang reason, because errors travel.
#pragma once

#include <ergo/etf/term.hpp>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

namespace ergo::inline v0 {

using etf::atom;
using etf::pid;
using etf::reference;
using etf::term;
namespace literals = etf::literals;
using namespace etf::literals;

/// Why an operation of the node has no value.
enum class errc : std::uint8_t {
  ok = 0,
  timeout,            ///< no answer within the time limit; a late answer is dropped. Try again, or give up
  noproc,             ///< no such process or registered name
  nodedown,           ///< the node cannot be reached, or the connection was lost; the context is its name
  exited,             ///< the process died before it answered; the context is its exit reason
  calling_self,       ///< a process called itself, which would wait for ever
  badarg,             ///< an argument of the wrong shape; the context says which
  bad_answer,         ///< an answer arrived that is not of the wanted C++ type; the context is the answer
  name_taken,         ///< the name is registered already; the context is the pid that has it
  system_limit,       ///< a limit of the node was reached; the context names it
  busy,               ///< the connection to that node is over its busy limit (only from `try_send`)
  stopped,            ///< the runtime or node is stopping: no new work
  not_alive,          ///< this node has no name, so it cannot reach others
  ignored,            ///< a server's `init` returned `ignore`
  not_found,          ///< no child, handler or entry of that name
  already_present,    ///< something of that name exists: a child that is not running, a provided function
  cancelled,          ///< the caller gave the operation up
  permission_denied,  ///< the peer does not have the right for this; the context is `{M, F, Arity}` where there is one
  not_supported,      ///< the other node does not know this kind of request
  remote_throw,       ///< a function called on another node threw; the context is what it threw
  remote_exit,        ///< a function called on another node called `exit`; the context is the reason
  remote_error,       ///< a function called on another node failed; the context is `{Reason, StackTrace}`
};

/// The category of `errc` for use as `std::error_code`.
[[nodiscard]] const std::error_category& category() noexcept;

/// Makes a `std::error_code` of `code`.
[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), category()};
}

/// An expected failure: a code, and the term that makes it precise (`[]` where there is none).
class error {
 public:
  error() noexcept = default;
  error(errc code, term context = {}) noexcept
      : code_{code}, context_{std::move(context)} {}  // NOLINT: `return errc::timeout`

  [[nodiscard]] errc code() const noexcept { return code_; }
  [[nodiscard]] const term& context() const noexcept { return context_; }
  /// The Erlang reason: `timeout`, `noproc`, `{nodedown, N}`, the exit reason itself … Total: every code has one.
  [[nodiscard]] term reason() const;
  /// One English clause with the context in Erlang syntax.
  [[nodiscard]] std::string message() const;

  friend bool operator==(const error& left, errc right) noexcept { return left.code_ == right; }
  friend bool operator==(const error&, const error&) noexcept = default;

 private:
  errc code_ = errc::ok;
  term context_;
};

/// A value, or why there is none.
template <typename T>
using result = std::expected<T, error>;

/// Shorthand for a failed `result`.
[[nodiscard]] inline std::unexpected<error> fail(errc code, term context = {}) {
  return std::unexpected{error{code, std::move(context)}};
}

/// Why a process ended: any term; `normal`, `shutdown` and `{shutdown, _}` are ordinary ends.
class exit_reason {
 public:
  exit_reason() noexcept : value_{atom{"normal"_atom}} {}
  exit_reason(term value) noexcept : value_{std::move(value)} {}  // NOLINT: any term is a reason
  exit_reason(atom value) noexcept : value_{value} {}             // NOLINT

  [[nodiscard]] static exit_reason normal() noexcept { return {}; }
  /// The reason that an error gives.
  [[nodiscard]] static exit_reason from(const error& failure) { return exit_reason{failure.reason()}; }

  [[nodiscard]] const term& value() const noexcept { return value_; }
  [[nodiscard]] bool is(atom reason) const noexcept { return value_.is(reason); }
  [[nodiscard]] bool is_normal() const noexcept { return value_.is("normal"_atom); }
  /// `normal`, `shutdown` or `{shutdown, _}`: no crash report, and a transient child is not restarted.
  [[nodiscard]] bool is_ordinary() const noexcept;

  friend bool operator==(const exit_reason&, const exit_reason&) noexcept = default;

 private:
  term value_;
};

}  // namespace ergo::inline v0

template <>
struct std::is_error_code_enum<ergo::errc> : std::true_type {};
