// What the demo's servers do beyond one line.
#include "servers.hpp"

#include <stdexcept>

namespace demo {

using namespace ergo::literals;

std::int64_t counter::crash() { throw std::runtime_error{"counter was asked to crash"}; }

ergo::term ponger::handle_call(const ergo::term& /*request*/) const { return ergo::term{"ok"_atom}; }

ergo::task<std::vector<ergo::pid>> pong_server::start(ergo::process& self, std::int64_t count) {
  std::vector<ergo::pid> started;
  for (std::int64_t number = 0; number < count; ++number) {
    const auto one = co_await ergo::otp::start_link<ponger>(self);
    if (!one) self.exit(ergo::exit_reason::from(one.error()));
    started.push_back(*one);
  }
  co_return started;
}

}  // namespace demo
