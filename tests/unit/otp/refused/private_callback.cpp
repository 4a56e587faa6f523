// refused: terminate must be public and take
#include <ergo/otp/gen_server.hpp>
class wrong {
  void terminate() {}
};
auto made() { return ergo::otp::make_server<wrong>(); }
