// The inbox: its three states, order for each writer, and no lost wake-up between threads.
#include "fixture.hpp"

#include <ergo/detail/inbox.hpp>

#include <atomic>

namespace ergo::test {
namespace {

using detail::inbox;
using detail::make_signal;
using detail::pushed;
using detail::signal;
using detail::signal_kind;

signal* numbered(std::int64_t number) { return make_signal(signal_kind::message, pid{}, term{number}); }

std::vector<std::int64_t> take_all(signal* first) {
  std::vector<std::int64_t> numbers;
  while (first != nullptr) {
    auto* const next = first->next;
    numbers.push_back(*first->payload.as_integer());
    detail::release(first);
    first = next;
  }
  return numbers;
}

TEST_CASE("an inbox is closed before it is opened and after it is closed") {
  inbox box;
  auto* const refused = numbered(1);
  CHECK(box.push(refused) == pushed::closed);
  box.open();
  CHECK(box.push(refused) == pushed::queued);
  CHECK(take_all(box.close()) == std::vector<std::int64_t>{1});
  auto* const late = numbered(2);
  CHECK(box.push(late) == pushed::closed);
  detail::release(late);
  CHECK(box.close() == nullptr);
}

TEST_CASE("only the push that finds the reader blocked wakes it") {
  inbox box;
  box.open();
  CHECK(box.looks_empty());
  CHECK(box.fetch() == nullptr);
  REQUIRE(box.try_block());
  CHECK(box.push(numbered(1)) == pushed::woke);
  CHECK(box.push(numbered(2)) == pushed::queued);
  CHECK_FALSE(box.looks_empty());
  CHECK_FALSE(box.try_block());
  CHECK(take_all(box.fetch()) == std::vector<std::int64_t>{1, 2});
  CHECK(box.try_block());
  CHECK(box.close() == nullptr);
}

TEST_CASE("an inbox tells whether anything but one known signal waits") {
  inbox box;
  box.open();
  auto* const known = numbered(1);
  CHECK(box.holds_at_most(*known));
  CHECK(box.push(known) == pushed::queued);
  CHECK(box.holds_at_most(*known));
  CHECK(box.push(numbered(2)) == pushed::queued);
  CHECK_FALSE(box.holds_at_most(*known));
  CHECK(take_all(box.fetch()) == std::vector<std::int64_t>{1, 2});

  auto* const behind = numbered(3);
  CHECK(box.push(numbered(4)) == pushed::queued);
  CHECK(box.push(behind) == pushed::queued);
  CHECK_FALSE(box.holds_at_most(*behind));
  CHECK(take_all(box.fetch()) == std::vector<std::int64_t>{4, 3});
  REQUIRE(box.try_block());
  auto* const unused = numbered(5);
  CHECK(box.holds_at_most(*unused));
  CHECK(box.close() == nullptr);
  CHECK_FALSE(box.holds_at_most(*unused));
  detail::release(unused);
}

TEST_CASE(
    "four writers and one reader that blocks: everything arrives once, in each writer's order, and no wake-up is "
    "lost") {
  constexpr std::int64_t each = 50'000;
  constexpr int writers = 4;
  inbox box;
  box.open();
  std::atomic<int> wakes{0};  // how often a writer had to wake the reader; the reader takes them back
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      for (std::int64_t number = 0; number < each; ++number) {
        if (box.push(numbered(writer * each + number)) == pushed::woke) wakes.fetch_add(1, std::memory_order_acq_rel);
      }
    });
  }
  std::array<std::int64_t, writers> next{};
  std::int64_t received = 0;
  bool in_order = true;
  bool lost = false;
  while (received < writers * each && !lost) {
    for (const auto number : take_all(box.fetch())) {
      auto& expected = next[static_cast<std::size_t>(number / each)];
      in_order = in_order && number % each == expected;
      ++expected;
      ++received;
    }
    if (received == writers * each || !box.try_block()) continue;
    lost = !eventually([&] { return wakes.load(std::memory_order_acquire) > 0; });
    wakes.fetch_sub(1, std::memory_order_acq_rel);
  }
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(lost);
  CHECK(in_order);
  CHECK(received == writers * each);
  CHECK(wakes == 0);
  CHECK(take_all(box.close()).empty());
}

TEST_CASE("a push that races the close is either delivered or refused, never lost") {
  for (int round = 0; round < 2000; ++round) {
    inbox box;
    box.open();
    int refused = 0;
    std::thread writer{[&] {
      for (int number = 0; number < 20; ++number) {
        auto* const one = numbered(number);
        if (box.push(one) == pushed::closed) {
          ++refused;
          detail::release(one);
        }
      }
    }};
    const auto fetched = take_all(box.fetch()).size();
    const auto left = take_all(box.close()).size();
    writer.join();
    REQUIRE(static_cast<int>(fetched + left) + refused == 20);
  }
}

}  // namespace
}  // namespace ergo::test
