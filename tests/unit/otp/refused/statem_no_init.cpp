// refused: a state machine needs init, which returns its first state
#include <ergo/otp/gen_statem.hpp>
struct wrong {
  void handle_event(const ergo::otp::state_event& /*event*/) {}
};
auto made() { return ergo::otp::make_server<wrong>(); }
