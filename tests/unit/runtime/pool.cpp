// Envelopes and frames come back: memory does not grow with traffic, whichever thread frees.
#include "fixture.hpp"

#include <pool.hpp>

#include <cstring>

namespace ergo::test {
namespace {

TEST_CASE("blocks of a depot do not overlap and are used again") {
  detail::block_depot depot{64};
  detail::block_cache cache;
  std::vector<void*> held;
  for (int round = 0; round < 3; ++round) {
    for (int count = 0; count < 1000; ++count) {
      held.push_back(cache.allocate(depot));
      std::memset(held.back(), round, 64);
    }
    auto sorted = held;
    std::ranges::sort(sorted);
    for (std::size_t index = 1; index < sorted.size(); ++index) {
      REQUIRE(static_cast<std::byte*>(sorted[index]) - static_cast<std::byte*>(sorted[index - 1]) >= 64);
    }
    for (void* one : held) cache.deallocate(one, depot);
    held.clear();
  }
  cache.drain(depot);
  CHECK(cache.active.count == 0);
  CHECK(cache.spare.count == 0);
}

TEST_CASE("what one thread allocates another may free, for ever, without growth") {
  detail::block_depot depot{64};
  detail::block_cache giver;
  detail::block_cache taker;
  std::vector<void*> first_round;
  const auto pass = [&](std::size_t count) {
    std::vector<void*> held;
    for (std::size_t index = 0; index < count; ++index) held.push_back(giver.allocate(depot));
    for (void* one : held) taker.deallocate(one, depot);
    return held;
  };
  std::vector<void*> seen = pass(5000);
  for (int round = 0; round < 50; ++round) {
    auto again = pass(5000);
    seen.insert(seen.end(), again.begin(), again.end());
  }
  std::ranges::sort(seen);
  const auto distinct = std::ranges::unique(seen);
  seen.erase(distinct.begin(), distinct.end());
  CHECK(seen.size() <= 5000 + 4 * detail::block_depot::magazine);
  giver.drain(depot);
  taker.drain(depot);
}

TEST_CASE("frames of every size are usable in full") {
  for (std::size_t size = 1; size < 5000; size += 13) {
    void* const frame = detail::allocate_frame(size);
    std::memset(frame, 0x5A, size);
    detail::deallocate_frame(frame, size);
  }
  auto* const envelope = detail::make_signal(detail::signal_kind::message, pid{}, etf::binary("payload"));
  CHECK(envelope->next == nullptr);
  CHECK(envelope->flags == 0);
  detail::release(envelope);
}

}  // namespace
}  // namespace ergo::test
