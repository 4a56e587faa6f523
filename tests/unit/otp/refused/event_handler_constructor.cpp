// refused: an event handler needs a constructor that takes
#include <ergo/otp/gen_event.hpp>
struct wrong {
  explicit wrong(int /*depth*/, int /*width*/) {}
};
void provide(ergo::otp::event_handlers& known) { known.provide<wrong>({}); }
