// refused: these arguments fit neither init
#include <ergo/otp/gen_server.hpp>
struct wrong {
  explicit wrong(int) {}
};
auto made() { return ergo::otp::make_server<wrong>(std::string{"text"}); }
