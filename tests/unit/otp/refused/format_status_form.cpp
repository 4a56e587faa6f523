// refused: format_status must be public, const, take an otp::status and return one
#include <ergo/otp/gen_server.hpp>
struct wrong {
  ergo::term format_status(const ergo::term& state) const { return state; }
};
auto made() { return ergo::otp::make_server<wrong>(); }
