// Envelopes and frames come back: memory does not grow with traffic, whichever thread frees.
#include "fixture.hpp"

#include <pool.hpp>

#include <atomic>
#include <cstring>
#include <memory>
#include <set>
#include <thread>

namespace ergo::test {
namespace {

TEST_CASE("blocks of a depot do not overlap and are used again") {
  detail::block_source source;
  detail::block_depot depot{source, 64, 64 * 1024};
  const auto from_depot = [&]() -> detail::block_depot& { return depot; };
  detail::block_cache cache;
  std::vector<void*> held;
  for (int round = 0; round < 3; ++round) {
    for (int count = 0; count < 1000; ++count) {
      held.push_back(cache.allocate(from_depot));
      std::memset(held.back(), round, 64);
    }
    auto sorted = held;
    std::ranges::sort(sorted);
    for (std::size_t index = 1; index < sorted.size(); ++index) {
      REQUIRE(static_cast<std::byte*>(sorted[index]) - static_cast<std::byte*>(sorted[index - 1]) >= 64);
    }
    for (void* one : held) cache.deallocate(one, from_depot);
    held.clear();
  }
  cache.drain(depot);
  CHECK(cache.active.count + cache.spare.count + cache.near.count + cache.far.count == 0);
}

TEST_CASE("what one thread allocates another may free, for ever, without growth") {
  detail::block_source source;
  detail::block_depot depot{source, 64, 64 * 1024};
  const auto from_depot = [&]() -> detail::block_depot& { return depot; };
  detail::block_cache giver;
  detail::block_cache taker;
  std::vector<void*> first_round;
  const auto pass = [&](std::size_t count) {
    std::vector<void*> held;
    for (std::size_t index = 0; index < count; ++index) held.push_back(giver.allocate(from_depot));
    for (void* one : held) taker.deallocate(one, from_depot);
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
  CHECK(seen.size() <= 5000 + 2 * (2 + 2 * depot.crate_size()) * detail::block_depot::magazine);
  giver.drain(depot);
  taker.drain(depot);
}

TEST_CASE("a thread that frees what it has allocated keeps it, whatever others take and give meanwhile") {
  detail::block_source source;
  detail::block_depot depot{source, 64, 1024 * 1024};
  const auto from_depot = [&]() -> detail::block_depot& { return depot; };
  detail::block_cache own;
  detail::block_cache other;
  const auto take = [&](detail::block_cache& cache, std::size_t count) {
    std::vector<void*> held;
    for (std::size_t index = 0; index < count; ++index) held.push_back(cache.allocate(from_depot));
    return held;
  };
  const auto give = [&](detail::block_cache& cache, const std::vector<void*>& held) {
    for (void* one : held) cache.deallocate(one, from_depot);
  };
  const auto first = take(own, 8000);
  const std::set<void*> mine{first.begin(), first.end()};
  give(own, first);
  for (int round = 0; round < 5; ++round) {
    const auto theirs = take(other, 8000);
    CHECK(std::ranges::none_of(theirs, [&](void* one) { return mine.contains(one); }));
    const auto again = take(own, 7000);
    CHECK(std::ranges::all_of(again, [&](void* one) { return mine.contains(one); }));
    give(other, theirs);
    give(own, again);
  }
  own.drain(depot);
  other.drain(depot);
}

TEST_CASE("what a thread leaves behind at its end is used by others, to the last block") {
  detail::block_source source;
  detail::block_depot depot{source, 64, 64 * 1024};
  const auto from_depot = [&]() -> detail::block_depot& { return depot; };
  std::set<void*> left;
  for (int thread = 0; thread < 5; ++thread) {
    detail::block_cache cache;
    std::vector<void*> held;
    for (int count = 0; count < 100; ++count) held.push_back(cache.allocate(from_depot));
    left.insert(held.begin(), held.end());
    for (void* one : held) cache.deallocate(one, from_depot);
    cache.drain(depot);
  }
  CHECK(left.size() <= 2 * detail::block_depot::magazine);
}

TEST_CASE("a thread that has nothing to do leaves to others what it keeps, but for a little") {
  detail::block_source source;
  detail::block_depot depot{source, 64, 1024 * 1024};
  const auto from_depot = [&]() -> detail::block_depot& { return depot; };
  detail::block_cache idle;
  detail::block_cache busy;
  const auto take = [&](detail::block_cache& cache, std::size_t count) {
    std::set<void*> held;
    while (held.size() < count) held.insert(cache.allocate(from_depot));
    return held;
  };
  // What one thread has freed moves to the other, whichever of them frees more.
  std::set<void*> seen;
  for (int round = 0; round < 50; ++round) {
    const auto held = take(busy, 4000);
    seen.insert(held.begin(), held.end());
    for (void* one : held) (round % 2 == 0 ? idle : busy).deallocate(one, from_depot);
    idle.share(depot);
    busy.share(depot);
  }
  const std::size_t little = (2 + depot.crate_size() / 8) * detail::block_depot::magazine;
  CHECK(idle.active.count + idle.spare.count <= 2 * detail::block_depot::magazine);
  CHECK(idle.near.count + idle.far.count <= depot.crate_size() / 8);
  CHECK(seen.size() <= 4000 + 2 * little);
  idle.drain(depot);
  busy.drain(depot);
}

#if !defined(ERGO_POOLS_PASS_THROUGH)
constexpr std::size_t many = 20'000;

/// Envelopes that a thread of their own has made.
std::vector<detail::signal*> make_many() {
  std::vector<detail::signal*> made;
  std::thread{[&] {
    while (made.size() < many) made.push_back(detail::make_signal(detail::signal_kind::message));
  }}.join();
  return made;
}

void release_all(const std::vector<detail::signal*>& envelopes) {
  for (auto* one : envelopes) detail::release(one);
}

/// Counts how often its core has nothing to do.
class counting_parker final : public parker {
 public:
  explicit counting_parker(std::atomic<int>& rests) : rests_{rests} {}
  void park(time_point until) override {
    ++rests_;
    rests_.notify_all();
    inner_->park(until);
  }
  void poll() override { inner_->poll(); }
  void unpark() noexcept override { inner_->unpark(); }
  [[nodiscard]] bool worth_polling() const noexcept override { return inner_->worth_polling(); }

 private:
  std::atomic<int>& rests_;
  std::unique_ptr<parker> inner_ = make_condition_parker();
};

TEST_CASE("envelopes that another thread has made and this one freed are used again once this one shares them") {
  std::set<detail::signal*> seen;
  for (int round = 0; round < 4; ++round) {
    const auto held = make_many();
    seen.insert(held.begin(), held.end());
    release_all(held);
    detail::share_thread_caches();
  }
  CHECK(seen.size() < many + many / 2);
}

TEST_CASE("a core that has nothing to do gives others the envelopes that its processes have freed") {
  std::atomic<int> rests = 0;
  std::atomic<int> rests_before = 0;
  threaded_world world{
      runtime_options{.cores = 1, .make_parker = [&](unsigned) { return std::make_unique<counting_parker>(rests); }}};
  std::set<detail::signal*> seen;
  for (int round = 0; round < 4; ++round) {
    const auto held = make_many();
    seen.insert(held.begin(), held.end());
    rests_before = -1;
    REQUIRE(world.runtime().spawn(world.node(), {}, plain({.start = [&](process&) {
                                    release_all(held);
                                    rests_before = rests.load();
                                    rests_before.notify_all();
                                  }})));
    rests_before.wait(-1);
    rests.wait(rests_before);
  }
  CHECK(seen.size() < many + many / 2);
}
#endif

TEST_CASE("threads that are none of a runtime leave no envelopes behind when they end") {
  std::set<const void*> seen;
  for (int thread = 0; thread < 200; ++thread) {
    std::thread{[&] {
      std::vector<detail::signal*> held;
      for (int count = 0; count < 10; ++count) held.push_back(detail::make_signal(detail::signal_kind::message));
      seen.insert(held.begin(), held.end());
      for (auto* one : held) detail::release(one);
    }}.join();
  }
#if !defined(ERGO_POOLS_PASS_THROUGH)
  CHECK(seen.size() <= 200);
#endif
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
