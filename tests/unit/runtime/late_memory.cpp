// What a thread keeps of the memory of terms: while its core works, and when that is taken from it.
#include "fixture.hpp"
#include "worker.hpp"

#include <ergo_test/allocations.hpp>
#include <ergo_test/sanitizers.hpp>

#include <atomic>
#include <set>
#include <string>
#include <string_view>

namespace ergo::test {
namespace {

/// A slice that was late: where it ran, and whether a term could be made of what its thread had kept.
struct late_slice {
  std::thread::id thread;
  bool from_cache = false;
  bool lost = false;
};

constexpr std::string_view bytes = "a term of some bytes, which its thread keeps when it has ended";

bool is_made_of_what_was_kept() {
  const auto before = allocations();
  const auto made = etf::binary(bytes);
  return allocations() == before;
}

task<> be_late(process& /*self*/, reports<late_slice>* seen) {
  late_slice here{.thread = std::this_thread::get_id(), .from_cache = is_made_of_what_was_kept()};
  const auto* const thread = detail::current_worker();
  const auto until = std::chrono::steady_clock::now() + 10s;
  while (!thread->lost && std::chrono::steady_clock::now() < until) {
  }
  here.lost = thread->lost;
  seen->add(here);
  co_return;
}

}  // namespace

TEST_CASE("a thread whose core was taken keeps no memory of terms while it waits for another") {
  threaded_world world{{.cores = 1, .takeover = 1ms}};
  reports<late_slice> seen;
  std::set<std::thread::id> threads;
  bool came_back = false;
  for (std::size_t round = 1; round <= 50 && !came_back; ++round) {
    world.spawn(be_late, &seen);
    REQUIRE(seen.wait_for(round, 20s));
    const auto last = seen.all().back();
    REQUIRE(last.lost);
    came_back = !threads.insert(last.thread).second;
    if (came_back) CHECK_FALSE(last.from_cache);
  }
  CHECK(came_back);
}

TEST_CASE("a core at work gives back bit by bit what it keeps of terms that have ended there") {
  if (sanitized) SKIP("a sanitizer sees all memory come back at once");
  threaded_world world{{.cores = 1, .takeover = 1min}};
  std::atomic<int> taken = 0;
  const auto use_all_sizes = [&](process&, const message&) {
    std::vector<term> all;
    for (std::size_t size = 100; taken == 1 && size < 1'000; size += 16) {
      for (int count = 0; count < 400; ++count) all.push_back(etf::binary(std::string(size, 'x')));
    }
    all.clear();
    ++taken;
  };
  const auto taker = world.runtime().spawn(world.node(), {}, plain({.receive = use_all_sizes}));
  REQUIRE(taker);
  const auto is_taken = [&] {
    const int before = taken;
    world.runtime().send(*taker, "work"_atom);
    return eventually([&] { return taken > before; });
  };
  REQUIRE(is_taken());
  const auto before = held_everywhere();
  REQUIRE(is_taken());
  const auto kept = held_everywhere() - before;
  REQUIRE(kept > 3'000);
  CHECK(eventually([&] { return is_taken() && held_everywhere() - before < kept / 3; }));
}

}  // namespace ergo::test
