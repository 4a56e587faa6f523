// refused: the handlers of a state machine's events return void, otp::transition
#include <ergo/otp/gen_statem.hpp>
struct wrong {
  ergo::atom init() { return {}; }
  int count(const ergo::term& /*content*/) { return 1; }
  static constexpr auto states = ergo::otp::states(ergo::otp::state<"only">(ergo::otp::on_timeout(&wrong::count)));
};
auto made() { return ergo::otp::make_server<wrong>(); }
