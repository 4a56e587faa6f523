// The README's bounded mailbox, in a program: what its process does not read in time must go to the archive.
#include <ergo/runtime.hpp>

#include <atomic>
#include <iostream>
#include <thread>

using namespace ergo::literals;
using namespace std::chrono_literals;

namespace {

/// Reads nothing before it is told to.
ergo::task<> read_feed(ergo::process& self) { (void)co_await self.receive<ergo::atom>(); }

ergo::task<> keep(ergo::process& self, std::atomic<int>* kept) {
  for (;;) {
    (void)co_await self.receive_any();
    ++*kept;
  }
}

}  // namespace

#include "readme_overload.inc"

int main() {
  constexpr int sent = 3'000;
  constexpr int bound = 1'000;
  std::atomic<int> kept{0};
  std::atomic<int> warnings{0};
  ergo::runtime runtime{{.on_event = [&](const ergo::event& one) {
    if (one.what == ergo::event::kind::overload && one.level == ergo::log_level::warning) ++warnings;
  }}};
  const auto archive = runtime.spawn(runtime.anonymous(), keep, &kept);
  if (!archive) return 1;
  const auto feed = start_feed(runtime, *archive);
  if (!feed) return 1;
  for (int number = 0; number < sent; ++number) runtime.send("feed"_atom, number);
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (kept != sent - bound && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  const auto counts = runtime.mailbox(*feed);
  const bool right =
      kept == sent - bound && counts.redirected == sent - bound && counts.waiting == bound && warnings == 1;
  std::cout << (right ? "kept" : "lost something") << std::endl;
  return right ? 0 : 1;
}
