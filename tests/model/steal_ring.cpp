// The run queue that other cores steal from: small, so that its slots are used again while thieves look at them.
#include <steal_ring.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>

#include "checker.hpp"

namespace ergo::model {
namespace {

constexpr int items = 5;
constexpr unsigned thieves = 2;

struct item {
  plain<int> content;
  plain<int> taken;
};

/// The owner appends five items to a ring of two, taking what does not fit; two thieves steal meanwhile.
template <template <typename> typename Atomic>
struct everything_is_taken_once : rl::test_suite<everything_is_taken_once<Atomic>, thieves + 1> {
  detail::basic_steal_ring<item, 2, Atomic> ring;
  std::array<item, items> all;

  void before() {
    for (auto& one : all) one.taken = 0;
  }
  void thread(unsigned index) { index == 0 ? own() : steal(); }

  static void take(item& one) {
    RL_ASSERT(one.content == 7);
    one.taken = one.taken + 1;
  }
  void own() {
    for (auto& one : all) {
      one.content = 7;
      if (!ring.push(&one)) take(one);
    }
    while (ring.size() != 0) {
      if (auto* const mine = ring.pop()) take(*mine);
    }
  }
  void steal() {
    for (int turn = 0; turn < 3; ++turn) {
      if (auto* const stolen = ring.pop()) take(*stolen);
    }
  }
  void after() {
    for (auto& one : all) RL_ASSERT(one.taken == 1);
  }
};

TEST_CASE("what owner and thieves take from a steal ring they take exactly once, however often it wraps", "[model]") {
  CHECK(holds<everything_is_taken_once<atomic>>(200'000));
}

TEST_CASE("a steal ring without its memory orders is found out", "[model]") {
  CHECK(is_found_out<everything_is_taken_once<loose_atomic>>(10'000));
}

}  // namespace
}  // namespace ergo::model
