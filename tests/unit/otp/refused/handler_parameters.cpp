// refused: a handler of calls takes
#include <ergo/otp/gen_server.hpp>
struct wrong {
  int one(const std::string&) { return 1; }
  static constexpr auto calls = ergo::otp::on(ergo::otp::match<"one">(&wrong::one));
};
auto made() { return ergo::otp::make_server<wrong>(); }
