// refused: .states. of a state machine must be a public .static constexpr auto. made by otp::states
#include <ergo/otp/gen_statem.hpp>
class wrong {
 public:
  ergo::atom init() { return {}; }
  void any(const ergo::otp::state_event& /*event*/) {}

 private:
  static constexpr auto states = ergo::otp::states(ergo::otp::state<"only">(&wrong::any));
};
auto made() { return ergo::otp::make_server<wrong>(); }
