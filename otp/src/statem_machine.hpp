// The order of a state machine's events, without process, clock and mailbox: which event comes next, what a decision
// does to those that wait, which time-outs run. After the server loop of OTP's gen_statem.
#pragma once

#include <ergo/otp/transition.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <variant>
#include <vector>

namespace ergo::inline v0::otp::detail {

/// Whether a machine's callbacks are called at the entry of states.
enum class state_entry : std::uint8_t { silent, called };

/// Give it what arrives (`begin`, `receive`, `expire`), call the machine's code with `current()` while there is one,
/// tell what it said with `decide`, and carry out the `orders` after each of these.
class statem_machine {
 public:
  struct reply {
    from to;
    term value;
  };
  /// Give `timer` back to `expire` later.
  struct start_timer {
    std::uint64_t timer;
    std::optional<time_point> at;  ///< else `after`
    duration after;
  };
  struct stop_timer {
    std::uint64_t timer;
  };
  /// An event for whoever watches by `sys`; only while `remarks(true)`.
  struct remark {
    term event;
  };
  using order = std::variant<reply, start_timer, stop_timer, remark>;

  /// A time-out that runs; `timer` is 0 for one that is over and comes when no other event waits.
  struct running {
    event_type type;
    term name;
    std::uint64_t timer;
    term content;
  };

  explicit statem_machine(state_entry entry) noexcept : entry_{entry} {}

  /// The first state and its actions; what `init` decided.
  void begin(transition first);
  /// A message; only while there is no `current()`.
  void receive(state_event event);
  /// A timer has gone off; false if it belongs to no time-out any more. Only while there is no `current()`.
  bool expire(std::uint64_t timer);
  /// What the machine's code said to `current()`.
  void decide(transition decision);

  /// The event, or entry of a state, that is to be handled; null while a message is waited for, and at the end.
  [[nodiscard]] const state_event* current() const noexcept;
  /// The state that handles it.
  [[nodiscard]] const term& state() const noexcept { return state_; }
  /// Why the machine has ended, once it has.
  [[nodiscard]] const std::optional<exit_reason>& end() const noexcept { return end_; }
  /// What is to be done, in this order; asking takes it.
  [[nodiscard]] std::vector<order> orders() { return std::exchange(orders_, {}); }
  /// Whether to make remarks among the orders.
  void remarks(bool wanted) noexcept { remarks_ = wanted; }
  /// Gives the machine another state, from outside; only while there is no `current()`. No entry of it is an event, and
  /// what was postponed stays so, as in OTP.
  void become(term state);
  /// Whether the last decision said that nothing is expected for a while.
  [[nodiscard]] bool hibernates() const noexcept { return hibernate_; }

  [[nodiscard]] const std::vector<state_event>& postponed() const noexcept { return postponed_; }  ///< oldest first
  [[nodiscard]] const std::vector<running>& timeouts() const noexcept { return timeouts_; }
  /// The event that is handled, if any, and those that are next.
  [[nodiscard]] std::vector<term> waiting() const;
  /// What a time-out is as an event.
  [[nodiscard]] static state_event event_of(const running& timeout);

 private:
  void act(transition::action& wanted);
  void insert(state_event& event);
  void answer(reply_action& wanted);
  void stop(transition& decision);
  void fail(atom what, const term& because);
  void proceed(bool enters);
  void transit();
  void next();
  void set_timeouts();
  void set_timeout(timeout_action& wanted, std::vector<std::size_t>& at_once);
  void cancel(event_type type, const term& name);
  void come_over(const running& timeout);
  void remark_on(atom what, const term& event);

  state_entry entry_;
  term before_;  // the state until the present transition is complete
  term state_;
  std::optional<state_event> event_;  // under way; stays until its transition is complete
  std::optional<state_event> enter_;  // the entry that is to be handled meanwhile
  std::deque<state_event> queue_;
  std::vector<state_event> postponed_;
  std::vector<running> timeouts_;
  std::vector<std::pair<event_type, term>> over_;  // time-outs that are over, in their order

  // Gathered for the present transition, through all entries on the way.
  std::vector<state_event> inserted_;
  std::vector<timeout_action> wanted_;
  bool postpone_ = false;
  bool hibernate_ = false;
  bool remarks_ = false;

  std::vector<order> orders_;
  std::uint64_t last_timer_ = 0;
  std::optional<exit_reason> end_;
};

}  // namespace ergo::inline v0::otp::detail
