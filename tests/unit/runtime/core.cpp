// The queues of a core: the list that only its thread uses, and the ring that others steal from.
#include "fixture.hpp"

#include <core.hpp>
#include <first_inside.hpp>
#include <runtime_state.hpp>

#include <atomic>
#include <map>
#include <string>

namespace ergo::test {
namespace {

using detail::core;
using detail::run_list;
using detail::schedulable;
using detail::slice_end;
using detail::steal_ring;
using detail::worker;

struct item final : schedulable {
  slice_end run_slice(worker& /*on*/) override { return slice_end::gone; }
  void before_wait(core& /*on*/) override {}
  std::atomic<int> taken{0};
  std::size_t number = 0;
};

TEST_CASE("a run list keeps the order and gives up any of its members") {
  std::array<item, 5> items;
  run_list list;
  CHECK(list.empty());
  CHECK(list.pop() == nullptr);
  for (auto& one : items) list.push(&one);
  CHECK(list.size() == 5);
  CHECK(list.take(4) == &items[4]);
  CHECK(list.take(1) == &items[1]);
  CHECK(list.take(0) == &items[0]);
  list.push(&items[4]);
  CHECK(list.pop() == &items[2]);
  CHECK(list.pop() == &items[3]);
  CHECK(list.pop() == &items[4]);
  CHECK(list.empty());
  list.push(&items[0]);
  CHECK(list.pop() == &items[0]);
}

TEST_CASE("a steal ring is a bounded queue, also when its counters pass its size many times") {
  std::vector<item> items(steal_ring::capacity + 1);
  steal_ring ring;
  CHECK(ring.pop() == nullptr);
  for (int round = 0; round < 10; ++round) {
    for (std::size_t index = 0; index < steal_ring::capacity; ++index) REQUIRE(ring.push(&items[index]));
    CHECK_FALSE(ring.push(&items.back()));
    CHECK(ring.size() == steal_ring::capacity);
    for (std::size_t index = 0; index < steal_ring::capacity; ++index) REQUIRE(ring.pop() == &items[index]);
    CHECK(ring.size() == 0);
    for (int odd = 0; odd < 37; ++odd) {  // so that the next round starts elsewhere
      REQUIRE(ring.push(&items[0]));
      REQUIRE(ring.pop() == &items[0]);
    }
  }
}

TEST_CASE("what three thieves and the owner take from a ring they take exactly once") {
  constexpr std::size_t count = 200'000;
  std::vector<item> items(count);
  for (std::size_t index = 0; index < count; ++index) items[index].number = index;
  steal_ring ring;
  std::atomic<std::size_t> taken{0};
  std::atomic<int> disorder{0};
  const auto take = [&](std::size_t& last) {
    auto* const one = static_cast<item*>(ring.pop());
    if (one == nullptr) return false;
    one->taken.fetch_add(1, std::memory_order_relaxed);
    if (one->number < last) disorder.fetch_add(1, std::memory_order_relaxed);  // each taker sees ascending numbers
    last = one->number;
    taken.fetch_add(1, std::memory_order_relaxed);
    return true;
  };
  std::vector<std::thread> thieves;
  for (int thief = 0; thief < 3; ++thief) {
    thieves.emplace_back([&] {
      std::size_t last = 0;
      while (taken.load(std::memory_order_relaxed) < count) {
        if (!take(last)) std::this_thread::yield();
      }
    });
  }
  std::size_t last = 0;
  for (auto& one : items) {
    while (!ring.push(&one)) (void)take(last);
    if (one.number % 5 == 0) (void)take(last);
  }
  while (taken.load(std::memory_order_relaxed) < count) (void)take(last);
  for (auto& thief : thieves) thief.join();
  std::size_t wrong = 0;
  for (auto& one : items) wrong += one.taken == 1 ? 0U : 1U;
  CHECK(wrong == 0);
  CHECK(disorder == 0);
}

TEST_CASE("a table with its first entry inside is a map like any other") {
  detail::first_inside<int, std::string> table;
  std::map<int, std::string> expected;
  for (int step = 0; step < 400; ++step) {
    const int key = step * 7 % 11;
    if (expected.contains(key)) {
      REQUIRE(table.find(key) != nullptr);
      CHECK(*table.find(key) == expected.at(key));
      CHECK(table.erase(key));
      expected.erase(key);
    } else {
      CHECK(table.find(key) == nullptr);
      CHECK_FALSE(table.erase(key));
      table.add(key, std::to_string(step));
      expected.emplace(key, std::to_string(step));
    }
    std::map<int, std::string> seen;
    table.visit([&](const auto& entry) { seen.insert(entry); });
    REQUIRE(seen == expected);
    REQUIRE(table.size() == expected.size());
  }
}

TEST_CASE("what a slice woke runs before those that wait, in order, but not for ever") {
  // A core whose runtime has threads, which leave it alone.
  runtime busy{{.cores = 1}};
  core queues{busy.state(), 0, make_condition_parker()};
  std::vector<item> items(300);
  queues.enqueue_last(&items[0]);
  queues.enqueue_last(&items[1]);
  for (std::size_t index = 2; index < items.size(); ++index) queues.enqueue_first(&items[index]);
  std::vector<schedulable*> order;
  while (auto* const next = queues.next()) order.push_back(next);
  REQUIRE(order.size() == items.size());
  CHECK(order[0] == &items[2]);
  CHECK(order[1] == &items[3]);
  const auto first_waiting = std::ranges::find(order, &items[0]) - order.begin();
  CHECK(first_waiting > 2);
  CHECK(first_waiting < 200);
  std::ranges::sort(order);
  CHECK(std::ranges::adjacent_find(order) == order.end());
}

}  // namespace
}  // namespace ergo::test
