// A core that is taken from a slice: the thread that runs it, the watchdog, and the spare thread that gets the core.
#include <slice_lease.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>

#include "checker.hpp"

namespace ergo::model {
namespace {

constexpr int slices = 2;
constexpr int wakes = 2;  // by each slice

struct runnable {
  plain<int> prepared;
};

/// As it is where the system has no such barrier.
struct no_barrier {
  static bool available() { return false; }
  static void here() {}
  static bool everywhere() { return true; }
};
/// What a barrier of the whole program does to its two sides.
struct barrier {
  static bool available() { return true; }
  static void here() { rl::atomic_thread_fence(rl::mo_seq_cst, $); }
  static bool everywhere() {
    rl::atomic_thread_fence(rl::mo_seq_cst, $);
    return true;
  }
};
struct lost_barrier : barrier {
  static bool everywhere() { return true; }
};

/// As worker::run_slice, watchdog::take_over and core::collect_late do it. The core's queues are touched by the lease
/// holder alone; everything that a slice wakes gets there, through the ring or as what others push in.
template <template <typename> typename Atomic, typename Barrier>
struct a_core_changes_hands : rl::test_suite<a_core_changes_hands<Atomic, Barrier>, 3> {
  static constexpr int expected = slices * wakes;

  detail::basic_slice_lease<Atomic, Barrier> lease;
  detail::basic_wake_ring<runnable, 2, Atomic> ring;
  std::array<runnable, expected> all;
  plain<int> queued;   // of the core: only the lease holder touches it
  plain<int> lost_at;  // written by the watchdog before it takes the core
  Atomic<int> lost{0};
  Atomic<int> finished{0};
  Atomic<int> assigned{0};  // 1: to the spare thread, 2: never
  atomic<int> incoming{0};
  int woken = 0;

  void before() {
    queued = 0;
    lost_at = 0;
  }
  void thread(unsigned index) {
    switch (index) {
      case 0: return work();
      case 1: return watch();
      default: return stand_in();
    }
  }
  void collect() {
    ring.drain([this](runnable* ready) {
      RL_ASSERT(ready->prepared == 7);
      queued = queued + 1;
    });
  }
  void work() {
    for (int number = 0; number < slices; ++number) {
      const auto mark = lease.begin();
      for (int wake = 0; wake < wakes; ++wake) {
        auto& ready = all[static_cast<std::size_t>(woken++)];
        ready.prepared = 7;
        if (lost.load(std::memory_order::relaxed) != 0 || !ring.push(&ready)) push_incoming();
      }
      if (!lease.end(mark)) {
        RL_ASSERT(lost_at == 1);
        finished.store(1, std::memory_order::release);
        return;
      }
      collect();
    }
  }
  void push_incoming() {
    int seen = incoming.load(std::memory_order::relaxed);
    while (!incoming.compare_exchange_weak(seen, seen + 1, std::memory_order::acq_rel, std::memory_order::relaxed)) {
    }
  }
  void watch() {
    for (int look = 0; look < 3; ++look) {
      const auto mark = lease.seen();
      if (!lease.running(mark)) continue;
      lost_at = 1;
      if (!lease.take(mark)) {
        // Not taken: the slice has ended, and the next one does not look at it.
        break;
      }
      lost.store(1, std::memory_order::release);
      assigned.store(1, std::memory_order::release);
      return;
    }
    assigned.store(2, std::memory_order::release);
  }
  void stand_in() {
    int what = 0;
    while ((what = assigned.load(std::memory_order::acquire)) == 0) rl::yield(1, $);
    if (what == 2) return;
    for (bool ended = false; !ended;) {
      ended = finished.load(std::memory_order::acquire) != 0;
      collect();
      if (!ended) rl::yield(1, $);
    }
  }
  void after() { RL_ASSERT(queued + incoming.load(std::memory_order::relaxed) == woken); }
};

TEST_CASE("a core taken from a late slice has one holder at a time, and gets all that the slice wakes", "[model]") {
  SECTION("where the end of a slice is an exchange") {
    CHECK(holds<a_core_changes_hands<atomic, no_barrier>>(200'000));
  }
  SECTION("where the watchdog pays for the barrier") { CHECK(holds<a_core_changes_hands<atomic, barrier>>(200'000)); }
}

TEST_CASE("a lease without its memory orders is found out", "[model]") {
  CHECK(is_found_out<a_core_changes_hands<loose_atomic, no_barrier>>(10'000));
  CHECK(is_found_out<a_core_changes_hands<loose_atomic, barrier>>(10'000));
}

TEST_CASE("a lease without the watchdog's barrier is found out", "[model]") {
  CHECK(is_found_out<a_core_changes_hands<atomic, lost_barrier>>(100'000));
}

}  // namespace
}  // namespace ergo::model
