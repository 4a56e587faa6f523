// The inbox of a process: two writers, and a reader that blocks or closes.
//
// Its header is read here with watched atomics in place of the standard ones: in its namespace `std` means what is
// declared below. So nothing of the runtime that holds the real inbox may be used in this program.
#include <ergo/detail/signal.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>

#include "checker.hpp"

namespace ergo::inline v0::detail::std {
using ::std::memory_order_acq_rel;
using ::std::memory_order_acquire;
using ::std::memory_order_relaxed;
using ::std::memory_order_release;
using ::std::uint8_t;
using ::std::uintptr_t;
template <typename T>
using atomic = model::switched_atomic<T>;
}  // namespace ergo::inline v0::detail::std

#include <ergo/detail/inbox.hpp>

namespace ergo::model {
namespace {

using detail::inbox;
using detail::pushed;

constexpr unsigned writers = 2;
constexpr unsigned letters = 2;

struct letter : detail::signal {
  plain<unsigned> writer;
  plain<unsigned> number;
};

/// Each writer pushes two letters; a push that finds the reader blocked must wake it, and nobody else does.
struct every_letter_arrives : rl::test_suite<every_letter_arrives, writers + 1> {
  inbox box;
  std::array<std::array<letter, letters>, writers> all;
  atomic<int> awake{1};  // as the scheduler: set by who must make the reader runnable

  void before() { box.open(); }
  void thread(unsigned index) { index < writers ? write(index) : read(); }

  void write(unsigned who) {
    for (unsigned number = 0; number < letters; ++number) {
      auto& one = all[who][number];
      one.writer = who;
      one.number = number;
      const auto found = box.push(&one);
      RL_ASSERT(found != pushed::closed);
      if (found == pushed::woke) RL_ASSERT(awake.exchange(1, std::memory_order::acq_rel) == 0);
    }
  }
  void read() {
    std::array<unsigned, writers> next{};
    for (unsigned got = 0; got < writers * letters;) {
      auto* fetched = box.fetch();
      for (; fetched != nullptr; ++got, fetched = fetched->next) {
        const auto& one = static_cast<const letter&>(*fetched);
        RL_ASSERT(one.number == next[one.writer]++);
      }
      if (got < writers * letters) rest();
    }
    RL_ASSERT(box.looks_empty());
  }
  void rest() {
    awake.store(0, std::memory_order::relaxed);
    if (!box.try_block()) return awake.store(1, std::memory_order::relaxed);
    while (awake.load(std::memory_order::acquire) == 0) rl::yield(1, $);
  }
};

/// The reader closes while others push: each letter is delivered or refused, and what is refused stays its pusher's.
struct a_close_loses_nothing : rl::test_suite<a_close_loses_nothing, writers + 1> {
  inbox box;
  std::array<letter, writers> all;
  std::array<unsigned, writers> refused{};
  unsigned delivered = 0;

  void before() { box.open(); }
  void thread(unsigned index) {
    if (index == writers) {
      take(box.fetch());
      take(box.close());
      RL_ASSERT(box.close() == nullptr);
      return;
    }
    all[index].number = 7;
    if (box.push(&all[index]) != pushed::closed) return;
    all[index].number = 8;
    refused[index] = 1;
  }
  void take(detail::signal* fetched) {
    for (; fetched != nullptr; ++delivered, fetched = fetched->next)
      RL_ASSERT(static_cast<const letter&>(*fetched).number == 7);
  }
  void after() { RL_ASSERT(delivered + refused[0] + refused[1] == writers); }
};

TEST_CASE("every signal pushed into an inbox arrives once, in each writer's order, and no wake-up is lost", "[model]") {
  CHECK(holds<every_letter_arrives>(100'000));
}

TEST_CASE("a push that races the close of an inbox is delivered or refused, never lost", "[model]") {
  CHECK(holds<a_close_loses_nothing>(100'000));
}

TEST_CASE("an inbox without its memory orders is found out", "[model]") {
  const orders_forgotten now;
  CHECK(is_found_out<every_letter_arrives>(10'000));
  CHECK(is_found_out<a_close_loses_nothing>(10'000));
}

}  // namespace
}  // namespace ergo::model
