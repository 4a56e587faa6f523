// refused: .events. must be a public .static constexpr auto. made by otp::on
#include <ergo/otp/gen_event.hpp>
struct wrong {
  int events = 0;
};
void provide(ergo::otp::event_handlers& known) { known.provide<wrong>({}); }
