// refused: state must be public, const, take nothing and return a term
#include <ergo/otp/gen_server.hpp>
struct wrong {
  void state(const ergo::term& next);
};
auto made() { return ergo::otp::make_server<wrong>(); }
