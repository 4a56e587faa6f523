// The README's process that takes over a name of the cluster, in a program: when the one that has it ends, the other
// must answer.
#include <ergo/kernel.hpp>
#include <ergo/otp/global.hpp>

#include <future>
#include <iostream>

using namespace ergo::literals;
using namespace std::chrono_literals;

#include "readme_names.inc"

namespace {

/// Ends whoever answers as the boss, and waits for another one.
ergo::task<> rival(ergo::process& self, std::promise<void>* taken_over) {
  const ergo::otp::global_name boss{"boss"_atom};
  ergo::pid first{};
  for (;;) {
    (void)ergo::otp::global::send(self, boss, self.id());
    const auto answer = co_await self.receive<ergo::pid>(50ms);
    if (answer.timed_out()) continue;
    if (first == ergo::pid{}) {
      first = *answer;
      self.exit(first, ergo::exit_reason{"kill"_atom});
    } else if (*answer != first) {
      break;
    }
  }
  taken_over->set_value();
}

}  // namespace

int main() {
  std::promise<void> taken_over;
  ergo::runtime runtime;
  auto& node = runtime.anonymous();
  if (!ergo::otp::global::start(node)) return 1;
  for (int count = 0; count < 2; ++count) {
    if (!runtime.spawn(node, stand_in)) return 1;
  }
  if (!runtime.spawn(node, rival, &taken_over)) return 1;
  const bool done = taken_over.get_future().wait_for(30s) == std::future_status::ready;
  std::cout << (done ? "taken over" : "nobody took over") << std::endl;
  return done ? 0 : 1;
}
