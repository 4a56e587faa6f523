// refused: code_change must be public, take
#include <ergo/otp/gen_server.hpp>
struct wrong {
  ergo::task<ergo::otp::result> code_change(ergo::term old_version);
};
auto made() { return ergo::otp::make_server<wrong>(); }
