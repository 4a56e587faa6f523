// What a server shows of itself when somebody asks for its status, or when it crashes.
#pragma once

#include <ergo/error.hpp>

namespace ergo::inline v0::otp {

/// What `format_status` of a server is given, and gives back without what nobody should read: passwords, large tables.
///
/// It is asked before a status leaves the process (`sys:get_status/1`) and before a crash is reported;
/// `sys:get_state/1` and process info show the state as it is, as in OTP. Source: gen_server(3), gen_statem(3),
/// gen_event(3), `format_status/1`.
struct status {
  term state;      ///< what `sys:get_state/1` would answer
  term message;    ///< of a crash: the last message; else `[]`
  term reason;     ///< of a crash: the exit reason; else `[]`
  term log;        ///< the events that `sys:log/2` keeps, oldest first
  term queue;      ///< of a state machine's crash: the event that it failed at, and those that were next
  term postponed;  ///< of a state machine: events that come again when the state has changed
  term timeouts;   ///< of a state machine: `[{Type, Content}]` of those that run
};

}  // namespace ergo::inline v0::otp
