// What a state machine's callback gets and decides: events, the next state, and actions on the way there.
// Plain values, after OTP's gen_statem; nothing happens before the callback has returned.
#pragma once

#include <ergo/otp/result.hpp>

#include <initializer_list>
#include <utility>
#include <variant>
#include <vector>

namespace ergo::inline v0::otp {

/// Where an event comes from; gen_statem's `event_type()`.
enum class event_type : std::uint8_t {
  call,           ///< a request, whose caller waits for a reply
  cast,           ///< what `cast` sent
  info,           ///< any other message
  internal,       ///< inserted by the machine itself with `next_event`
  timeout,        ///< the event time-out: no event came in time
  state_timeout,  ///< the state time-out: the state lasted too long
  named_timeout,  ///< a time-out with a name of the machine's own, `{timeout, Name}`
  enter,          ///< no event, but the call at the entry of a state
};

/// The Erlang name of a kind of event, without the name of a named time-out.
[[nodiscard]] atom name_of(event_type type) noexcept;

/// An event, owned by the machine until it is consumed; a postponed one comes again. Move-only.
class state_event {
 public:
  state_event(event_type type, term content);
  /// A call, which `caller` waits for.
  state_event(const from& caller, term request);
  /// The message of a process as an event: call, cast or info.
  explicit state_event(const message& received);
  /// A time-out with a name.
  [[nodiscard]] static state_event named(term name, term content);

  [[nodiscard]] event_type type() const noexcept { return type_; }
  [[nodiscard]] bool is(event_type type) const noexcept { return type_ == type; }
  /// The request, message or time-out's content; of an `enter`, the state before.
  [[nodiscard]] const term& content() const noexcept { return is_rebuilt_ ? rebuilt_ : envelope_.payload(); }
  /// Who waits for the reply of a call.
  [[nodiscard]] otp::from from() const { return envelope_.from(); }
  /// The name of a named time-out.
  [[nodiscard]] const term& name() const noexcept { return name_; }
  /// The event as an envelope, for handler tables: `as<down>()` of an info, say.
  [[nodiscard]] const message& envelope() const noexcept { return envelope_; }
  /// `{Type, Content}`, as gen_statem shows events.
  [[nodiscard]] term to_term() const;

 private:
  event_type type_;
  bool is_rebuilt_ = false;  // the content is the Erlang form of an envelope that carries its parts apart
  message envelope_;
  term rebuilt_;
  term name_;
};

/// Answers `to`; made by `reply_to`.
struct reply_action {
  bool present = false;  ///< the caller of the present event
  from to;
  term value;
};

/// Starts, changes or ends a time-out; made by `event_timeout`, `state_timeout` and `named_timeout`.
struct timeout_action {
  enum class what : std::uint8_t { after, at, cancel, update };
  event_type type = event_type::timeout;
  term name;
  what act = what::cancel;
  duration after = forever;
  time_point at{};
  term content;
};

/// Keeps the event for the next state; see `postpone`.
struct postpone_tag {};
/// As an action: the event comes again once the state has changed, before events that came later.
inline constexpr postpone_tag postpone{};

namespace detail {

/// One of the machine's time-outs, at most one of each runs; starting it again replaces it.
class timeout_kind {
 public:
  explicit timeout_kind(event_type type, term name = {}) noexcept : type_{type}, name_{std::move(name)} {}

  /// Gives the event with `content` after a time: `forever` for never, zero for before any message that is unread.
  template <typename T = term>
  [[nodiscard]] timeout_action after(duration delay, const T& content = {}) const {
    return {type_, name_, timeout_action::what::after, delay, {}, ergo::detail::as_term(content)};
  }
  /// The same at a point of time of `process::now`.
  template <typename T = term>
  [[nodiscard]] timeout_action at(time_point when, const T& content = {}) const {
    return {type_, name_, timeout_action::what::at, forever, when, ergo::detail::as_term(content)};
  }
  [[nodiscard]] timeout_action cancel() const { return {type_, name_, timeout_action::what::cancel, forever, {}, {}}; }
  /// Gives the running time-out another content and the same end; if none runs, one that is over at once.
  template <typename T = term>
  [[nodiscard]] timeout_action update(const T& content) const {
    return {type_, name_, timeout_action::what::update, forever, {}, ergo::detail::as_term(content)};
  }

 private:
  event_type type_;
  term name_;
};

}  // namespace detail

/// The time-out that any event ends.
inline const detail::timeout_kind event_timeout{event_type::timeout};
/// The time-out that a change of state ends.
inline const detail::timeout_kind state_timeout{event_type::state_timeout};
/// A time-out that nothing but its own actions ends.
template <typename T>
[[nodiscard]] detail::timeout_kind named_timeout(const T& name) {
  return detail::timeout_kind{event_type::named_timeout, ergo::detail::as_term(name)};
}

/// As an action: `content` is the next event, before those that wait. Not from the entry of a state.
template <typename T>
[[nodiscard]] state_event next_event(event_type type, const T& content) {
  return {type, ergo::detail::as_term(content)};
}
/// The same for an event of kind `internal`, which nobody outside can send.
template <typename T>
[[nodiscard]] state_event internal_event(const T& content) {
  return {event_type::internal, ergo::detail::as_term(content)};
}
/// As an action: answers a call, the present one or one that was kept.
template <typename T>
[[nodiscard]] reply_action reply_to(const from& caller, const T& value) {
  return {false, caller, ergo::detail::as_term(value)};
}

/// What a state's callback decides: the next state and, in order, what is done on the way there.
///
/// Made by `keep_state`, `next_state`, `repeat_state`, or from what servers return: `reply(v)` answers the present call
/// and keeps the state, `noreply()` keeps it, `stop(…)` ends the machine, `ignore()` and `refuse(…)` are for `init`.
/// Actions that make no sense (an event inserted or postponed at a state's entry, anything but replies when it stops)
/// end the machine with gen_statem's reasons. Move-only.
class [[nodiscard]] transition {
 public:
  enum class act : std::uint8_t { keep, next, repeat, stop, ignore, refuse };
  using action = std::variant<reply_action, state_event, timeout_action, postpone_tag, hibernate_tag>;

  explicit transition(act what, term state = {}) noexcept : act_{what}, state_{std::move(state)} {}
  transition(result outcome);  // NOLINT: servers' results are decisions, too

  /// Adds actions; they are done in this order, a later time-out of a kind replaces an earlier one.
  template <typename... Action>
  [[nodiscard]] transition with(Action&&... more) && {
    (add(std::forward<Action>(more)), ...);
    return std::move(*this);
  }

  [[nodiscard]] act what() const noexcept { return act_; }
  [[nodiscard]] term& state() noexcept { return state_; }                     ///< of `next`
  [[nodiscard]] term& reason() noexcept { return state_; }                    ///< of `stop` and `refuse`
  [[nodiscard]] std::vector<action>& actions() noexcept { return actions_; }  ///< in the order of `with`

 private:
  void add(reply_action wanted) { actions_.emplace_back(std::move(wanted)); }
  void add(state_event inserted) { actions_.emplace_back(std::move(inserted)); }
  void add(timeout_action wanted) { actions_.emplace_back(std::move(wanted)); }
  void add(postpone_tag wanted) { actions_.emplace_back(wanted); }
  void add(hibernate_tag wanted) { actions_.emplace_back(wanted); }
  /// An event time-out whose content is its time in milliseconds, as the plain number is in gen_statem.
  void add(timeout limit);

  act act_;
  term state_;
  std::vector<action> actions_;
};

/// Stays in the present state.
inline transition keep_state() { return transition{transition::act::keep}; }
/// Goes to `state`; if it is the present one, this is `keep_state`.
template <typename T>
transition next_state(const T& state) {
  return transition{transition::act::next, ergo::detail::as_term(state)};
}
/// Stays in the present state, but enters it again.
inline transition repeat_state() { return transition{transition::act::repeat}; }

}  // namespace ergo::inline v0::otp
