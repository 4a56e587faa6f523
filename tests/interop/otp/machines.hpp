// State machines of ours that play the scripts of machines.erl.
#pragma once

#include <ergo/otp/gen_statem.hpp>

#include <cstdint>
#include <deque>

namespace ergo_interop {

/// Decides as a script says, and tells its log what it got.
class script_player {
 public:
  ergo::otp::transition init(const ergo::term& script, ergo::pid log);
  void terminate(ergo::process& self, const ergo::exit_reason& reason, const ergo::term& state);

 protected:
  ergo::otp::transition play(ergo::process& self, const ergo::otp::state_event& event, const ergo::term& state);

 private:
  [[nodiscard]] ergo::otp::transition decided(ergo::otp::transition decision, const ergo::term& actions);
  [[nodiscard]] ergo::otp::transition decided(const ergo::term& decision);
  [[nodiscard]] ergo::otp::transition with_action(ergo::otp::transition decision, const ergo::term& action);

  std::deque<ergo::term> decisions_;
  std::deque<ergo::term> entries_;
  std::deque<ergo::otp::from> waiting_;
  std::int64_t replies_ = 0;
  ergo::pid log_;
};

/// A machine with a function for each state.
template <bool Enters>
class player_of_states : public script_player {
 public:
  using script_player::init;

  ergo::otp::transition s1(ergo::process& self, const ergo::otp::state_event& event) { return at<"s1">(self, event); }
  ergo::otp::transition s2(ergo::process& self, const ergo::otp::state_event& event) { return at<"s2">(self, event); }
  ergo::otp::transition s3(ergo::process& self, const ergo::otp::state_event& event) { return at<"s3">(self, event); }
  ergo::otp::transition s4(ergo::process& self, const ergo::otp::state_event& event) { return at<"s4">(self, event); }

  static constexpr bool state_enter = Enters;
  static constexpr auto states =
      ergo::otp::states(ergo::otp::state<"s1">(&player_of_states::s1), ergo::otp::state<"s2">(&player_of_states::s2),
                        ergo::otp::state<"s3">(&player_of_states::s3), ergo::otp::state<"s4">(&player_of_states::s4));

 private:
  template <ergo::etf::detail::literal Name>
  ergo::otp::transition at(ergo::process& self, const ergo::otp::state_event& event) {
    return play(self, event, ergo::term{ergo::etf::detail::literal_atom<Name>()});
  }
};

/// A machine with one function for everything.
template <bool Enters>
class player_of_events : public script_player {
 public:
  ergo::otp::transition handle_event(ergo::process& self, const ergo::otp::state_event& event,
                                     const ergo::term& state) {
    return play(self, event, state);
  }
  static constexpr bool state_enter = Enters;
};

/// Call `{start, Script, Log}` answers `{ok, Pid}`.
class machines {
 public:
  ergo::task<ergo::otp::result> handle_call(ergo::process& self, const ergo::term& request);
};

}  // namespace ergo_interop
