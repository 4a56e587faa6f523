// refused: handle_event must be public and take
#include <ergo/otp/gen_statem.hpp>
struct wrong {
  ergo::atom init() { return {}; }
  void handle_event(int /*event*/, int /*state*/, int /*data*/) {}
};
auto made() { return ergo::otp::make_server<wrong>(); }
