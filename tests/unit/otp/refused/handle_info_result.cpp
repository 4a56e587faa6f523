// refused: handle_cast, handle_info, handle_continue, terminate
#include <ergo/otp/gen_server.hpp>
struct wrong {
  int handle_info() { return 5; }
};
auto made() { return ergo::otp::make_server<wrong>(); }
