// What the demo's servers do beyond one line.
#include "servers.hpp"

#include <ergo/otp/io.hpp>

#include <stdexcept>
#include <utility>

namespace demo {

using namespace ergo::literals;

std::int64_t counter::crash() { throw std::runtime_error{"counter was asked to crash"}; }

ergo::task<ergo::otp::result> caller::call(ergo::process& self, ergo::atom node, ergo::term request) {
  const ergo::destination to{"erlang_server"_atom, node};
  auto answer = co_await ergo::otp::call<ergo::term>(self, to, request);
  if (!answer) co_return ergo::otp::reply(ergo::etf::tuple("error"_atom, answer.error().reason()));
  co_return ergo::otp::reply(*answer);
}

ergo::term ponger::handle_call(const ergo::term& /*request*/) const { return ergo::term{"ok"_atom}; }

ergo::task<std::vector<ergo::pid>> pong_server::start(ergo::process& self, std::int64_t count) {
  std::vector<ergo::pid> started;
  const ergo::otp::start_options plain;
  for (std::int64_t number = 0; number < count; ++number) {
    const auto one = co_await ergo::otp::start_link<ponger>(self, plain);
    if (!one) self.exit(ergo::exit_reason::from(one.error()));
    started.push_back(*one);
  }
  co_return started;
}

ergo::task<ergo::result<void>> say(ergo::process& self, std::string text) {
  auto printing = ergo::otp::io::put_chars(self, text + "\n");
  co_return co_await std::move(printing);
}

}  // namespace demo
