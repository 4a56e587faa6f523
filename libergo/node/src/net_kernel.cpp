// net_kernel (protocol §6.3).
#include "net_kernel.hpp"

namespace ergo::inline v0::detail {
namespace {

class net_kernel final : public behaviour {
 public:
  void start(process& /*self*/) override {}
  void receive(process& self, message received) override {
    if (const auto told = received.as<exit_message>()) return end_with_node(self, *told);
    if (received.is_call()) return self.reply(received.from(), net_kernel_answer(received.payload()));
    if (received.kind() == signal_kind::message) refuse_io(self, received.payload());
  }
  void task_ended(process& /*self*/) override {}

 private:
  // It is the group leader of what processes without one have started elsewhere, on a node without `user`.
  static void refuse_io(process& self, const term& content) {
    if (!etf::is_tagged(content, "io_request"_atom, 4)) return;
    const auto parts = content.elements();
    if (const auto from = parts[1].as_pid())
      self.send(*from, etf::tuple("io_reply"_atom, parts[2], etf::tuple("error"_atom, "enotsup"_atom)));
  }
};

}  // namespace

void end_with_node(process& self, const exit_message& told) {
  if (told.from == pid{}) self.stop(told.reason);
}

term net_kernel_answer(const term& request) {
  if (etf::is_tagged(request, "is_auth"_atom, 2)) return term{"yes"_atom};
  return etf::tuple("error"_atom, "notsup"_atom);
}

std::unique_ptr<behaviour> make_net_kernel() { return std::make_unique<net_kernel>(); }

}  // namespace ergo::inline v0::detail
