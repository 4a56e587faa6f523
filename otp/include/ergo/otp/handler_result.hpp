// What an event handler decides.
#pragma once

#include <ergo/otp/result.hpp>

#include <array>
#include <utility>

namespace ergo::inline v0::otp {

/// What an event handler decides: stay (the default), go, make room for another. Made by `remove_handler` and
/// `replace_handler`, or from what servers return: `reply(v)` answers a call, `noreply()` stays, `refuse(reason)` is
/// for `init`.
class [[nodiscard]] handler_result {
 public:
  enum class act : std::uint8_t { stay, remove, replace, refuse };

  handler_result(result outcome);  // NOLINT: servers' results are decisions, too
  explicit handler_result(act what, term answer = {}, term first = {}, term second = {}, term third = {}) noexcept
      : act_{what}, answer_{std::move(answer)}, parts_{std::move(first), std::move(second), std::move(third)} {}

  /// Answers a call with `value` before it goes.
  template <typename T>
  [[nodiscard]] handler_result with_reply(const T& value) && {
    answer_ = ergo::detail::as_term(value);
    return std::move(*this);
  }

  [[nodiscard]] act what() const noexcept { return act_; }
  [[nodiscard]] const term& answer() const noexcept { return answer_; }    ///< of a call; `ok` where nothing was said
  [[nodiscard]] const term& reason() const noexcept { return parts_[0]; }  ///< of `refuse`
  [[nodiscard]] const term& how() const noexcept { return parts_[0]; }     ///< of `replace`: for its own `terminate`
  [[nodiscard]] const term& other() const noexcept { return parts_[1]; }   ///< of `replace`: the new handler
  [[nodiscard]] const term& arguments() const noexcept { return parts_[2]; }

 private:
  act act_;
  term answer_ = term{"ok"_atom};
  std::array<term, 3> parts_;
};

/// The handler goes; its `terminate(remove_handler)` is called.
inline handler_result remove_handler() { return handler_result{handler_result::act::remove, "ok"_atom}; }
/// The handler makes room for `other`, which is constructed with `{arguments, what terminate(how) returned}`.
inline handler_result replace_handler(const term& how, const term& other, const term& arguments) {
  return handler_result{handler_result::act::replace, "ok"_atom, how, other, arguments};
}

}  // namespace ergo::inline v0::otp
