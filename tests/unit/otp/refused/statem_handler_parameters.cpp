// refused: a handler of a state takes
#include <ergo/otp/gen_statem.hpp>
struct wrong {
  ergo::atom init() { return {}; }
  void enter(int /*depth*/, int /*width*/) {}
  static constexpr auto states = ergo::otp::states(ergo::otp::state<"only">(ergo::otp::on_enter(&wrong::enter)));
};
auto made() { return ergo::otp::make_server<wrong>(); }
