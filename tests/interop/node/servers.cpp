// The servers of the C++ node that Erlang nodes are tested against.
#include "servers.hpp"

#include <chrono>

namespace ergo_interop {

using namespace ergo::literals;
using ergo::etf::is_tagged;
using ergo::etf::tuple;

ergo::term control::handle_call(ergo::process& self, const ergo::term& request) {
  if (request.is("ping"_atom)) return ergo::term{"pong"_atom};
  if (is_tagged(request, "start_sleeper"_atom, 2)) {
    ergo::spawn_options options;
    if (const auto name = request.elements()[1].as_atom(); name && *name != "none"_atom) options.name = *name;
    return ergo::term{self.spawn(options, ergo::make_body(sleeper))};
  }
  if (is_tagged(request, "whereis"_atom, 2)) {
    const auto found = self.node().whereis(request.elements()[1].as_atom().value());
    return found ? ergo::term{*found} : ergo::term{"undefined"_atom};
  }
  return request;
}

ergo::otp::result trouble::handle_call(ergo::process& self, const ergo::term& request, const ergo::otp::from& caller) {
  if (is_tagged(request, "stop"_atom, 2)) return ergo::otp::stop(ergo::exit_reason{request.elements()[1]});
  if (request.is("never"_atom)) return ergo::otp::noreply();
  if (is_tagged(request, "later"_atom, 2)) {
    late_ = caller;
    self.send_after(std::chrono::milliseconds{request.elements()[1].as_integer().value()}, self.id(),
                    "answer_late"_atom);
    return ergo::otp::noreply();
  }
  if (request.is("wait_late"_atom)) {
    if (std::exchange(answered_late_, false)) return ergo::otp::reply("ok"_atom);
    waits_ = caller;
    return ergo::otp::noreply();
  }
  return ergo::otp::reply(request);
}

void trouble::handle_info(ergo::process& self, const ergo::term& message) {
  if (!message.is("answer_late"_atom) || !late_) return;
  self.reply(*late_, "late"_atom);
  late_.reset();
  answered_late_ = !waits_;
  if (waits_) self.reply(*waits_, "ok"_atom);
  waits_.reset();
}

ergo::task<ergo::exit_reason> sleeper(ergo::process& self) {
  for (;;) {
    const auto received = co_await self.receive_any();
    const auto told = received.payload();
    if (told.is("stop"_atom)) co_return ergo::exit_reason::normal();
    if (is_tagged(told, "exit"_atom, 2)) co_return ergo::exit_reason{told.elements()[1]};
    if (is_tagged(told, "cross"_atom, 3)) {
      const auto other = told.elements()[1].as_pid().value();
      for (auto rounds = told.elements()[2].as_integer().value(); rounds > 0; --rounds) {
        self.link(other);
        self.unlink(other);
      }
      self.send(other, "crossed"_atom);
    }
  }
}

}  // namespace ergo_interop
