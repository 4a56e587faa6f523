// The README's process that watches a group, in a program: it must welcome whoever joins.
#include <ergo/node.hpp>
#include <ergo/otp/pg.hpp>

#include <future>
#include <iostream>

using namespace ergo::literals;
using namespace std::chrono_literals;

#include "readme_groups.inc"

namespace {

/// Comes and goes until it is welcomed: the usher may not be there at first.
ergo::task<> guest(ergo::process& self, ergo::otp::pg rooms, std::promise<void>* welcomed) {
  for (;;) {
    (void)co_await rooms.join(self, "lobby"_atom);
    const auto told = co_await self.receive<ergo::atom>(50ms);
    if (!told.timed_out()) break;
    (void)co_await rooms.leave(self, "lobby"_atom);
  }
  welcomed->set_value();
}

}  // namespace

int main() {
  std::promise<void> welcomed;
  ergo::runtime runtime;
  auto& node = runtime.anonymous();
  const ergo::otp::pg rooms{"rooms"_atom};
  if (!rooms.start(node)) return 1;
  if (!runtime.spawn(node, usher, rooms) || !runtime.spawn(node, guest, rooms, &welcomed)) return 1;
  const bool done = welcomed.get_future().wait_for(30s) == std::future_status::ready;
  std::cout << (done ? "welcome" : "nobody was welcomed") << std::endl;
  return done ? 0 : 1;
}
