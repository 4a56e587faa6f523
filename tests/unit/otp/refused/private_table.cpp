// refused: .calls. must be a public .static constexpr auto. made by otp::on
#include <ergo/otp/gen_server.hpp>
class wrong {
  int one() { return 1; }
  static constexpr auto calls = ergo::otp::on(ergo::otp::match<"one">(&wrong::one));
};
auto made() { return ergo::otp::make_server<wrong>(); }
