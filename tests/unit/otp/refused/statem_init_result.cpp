// refused: init of a state machine returns its first state
#include <ergo/otp/gen_statem.hpp>
struct wrong {
  void init() {}
  void handle_event(const ergo::otp::state_event& /*event*/) {}
};
auto made() { return ergo::otp::make_server<wrong>(); }
