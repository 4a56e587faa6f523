// refused: T must be a type that a term converts to
#include <ergo/otp/gen_server.hpp>
struct opaque {
  explicit opaque(int) {}
};
struct wrong {
  int one(const opaque&) { return 1; }
  static constexpr auto calls = ergo::otp::on(ergo::otp::match<opaque>(&wrong::one));
};
auto made() { return ergo::otp::make_server<wrong>(); }
