// net_kernel (protocol §6.3).
#include "net_kernel.hpp"

namespace ergo::inline v0::detail {
namespace {

class net_kernel final : public behaviour {
 public:
  void start(process& /*self*/) override {}
  void receive(process& self, message received) override {
    if (received.is_call()) self.reply(received.from(), net_kernel_answer(received.payload()));
  }
  void task_ended(process& /*self*/) override {}
};

}  // namespace

term net_kernel_answer(const term& request) {
  if (etf::is_tagged(request, "is_auth"_atom, 2)) return term{"yes"_atom};
  return etf::tuple("error"_atom, "notsup"_atom);
}

std::unique_ptr<behaviour> make_net_kernel() { return std::make_unique<net_kernel>(); }

}  // namespace ergo::inline v0::detail
