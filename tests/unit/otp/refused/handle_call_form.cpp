// refused: handle_call must be public and take
#include <ergo/otp/gen_server.hpp>
struct wrong {
  ergo::term handle_call(int, int, int) { return {}; }
};
auto made() { return ergo::otp::make_server<wrong>(); }
