// A core that goes to rest while others bring it work: none of it is slept through.
#include <landing.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>

#include "checker.hpp"

namespace ergo::model {
namespace {

constexpr unsigned bringers = 2;

struct work {
  work* next_runnable = nullptr;
  plain<int> content;
};

/// Each of two threads brings one piece of work; the core rests whenever it finds none, until it is unparked.
template <template <typename> typename Atomic>
struct nothing_is_slept_through : rl::test_suite<nothing_is_slept_through<Atomic>, bringers + 1> {
  detail::basic_landing<work, Atomic> landing;
  std::array<work, bringers> all;
  atomic<int> token{0};  // the parker: an unpark ends the present or the next park

  void thread(unsigned index) { index < bringers ? bring(index) : serve(); }

  void bring(unsigned which) {
    all[which].content = 7;
    if (landing.push(&all[which])) token.store(1, std::memory_order::release);
  }
  void serve() {
    for (unsigned done = 0; done < bringers;) {
      for (auto* taken = landing.take_all(); taken != nullptr; taken = taken->next_runnable, ++done)
        RL_ASSERT(taken->content == 7);
      if (done < bringers) rest();
    }
  }
  void rest() {
    landing.lie_down();
    if (landing.is_empty()) {
      while (token.load(std::memory_order::acquire) == 0) rl::yield(1, $);
      token.store(0, std::memory_order::relaxed);
    }
    (void)landing.get_up();
  }
};

TEST_CASE("no work that is brought to a core that goes to rest is slept through", "[model]") {
  CHECK(holds<nothing_is_slept_through<atomic>>(200'000));
}

TEST_CASE("a core that lies down without the memory orders is found out", "[model]") {
  CHECK(is_found_out<nothing_is_slept_through<loose_atomic>>(20'000));
}

}  // namespace
}  // namespace ergo::model
