// refused: the callbacks of an event handler return void, otp::handler_result
#include <ergo/otp/gen_event.hpp>
struct wrong {
  int handle_event(const ergo::term& /*event*/) { return 1; }
};
void provide(ergo::otp::event_handlers& known) { known.provide<wrong>({}); }
