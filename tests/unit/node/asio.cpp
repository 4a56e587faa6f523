// Where Asio and processes meet and one of them ends first; and whose memory a handler's operation uses.
#include <ergo/asio.hpp>

#include "lone_node.hpp"

#include <ergo/reactor.hpp>
#include <ergo/spawn.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// Takes calls and answers none.
task<> silence(process& self) {
  for (;;) (void)co_await self.receive_any();
}

/// Answers each call with its request.
task<> echo(process& self) {
  for (;;) {
    message got = co_await self.receive_any();
    if (got.is_call()) self.reply(got.from(), got.payload());
  }
}

std::unique_ptr<node> start_lonely() {
  auto made = node::start(lonely(), runtime_options{.cores = 2});
  REQUIRE(made);
  REQUIRE((*made)->spawn(spawn_options{.name = "silence"_atom}, make_body(silence)));
  REQUIRE((*made)->spawn(spawn_options{.name = "echo"_atom}, make_body(echo)));
  return std::move(*made);
}

/// A node that stops ends its processes in no certain order: the one that is called may have gone before the call came.
bool ends(const auto& seen) { return seen == errc::stopped || seen == errc::exited || seen == errc::noproc; }

}  // namespace

TEST_CASE("an operation that is kept to be started later may be started more than once") {
  const auto on = start_lonely();
  const auto later = async_call(*on, "echo"_atom, "again"_atom, patience, asio::deferred);
  const auto whole = async_call(*on, "echo"_atom, "whole"_atom, patience, as_result(asio::deferred));
  for (int round = 0; round < 2; ++round) {
    CHECK(later(asio::use_future).get() == term{"again"_atom});
    CHECK(whole(asio::use_future).get().value() == term{"whole"_atom});
  }
}

// ----- the node ends first ------------------------------------------------------------------------------------------

TEST_CASE("a handler with an executor of its own is called when the node has gone") {
  asio::io_context mine;
  for (int round = 0; round < 20; ++round) {
    auto on = start_lonely();
    std::vector<boost::system::error_code> seen;
    const auto handler = [&](boost::system::error_code failed, const term&) { seen.push_back(failed); };
    async_call(*on, "silence"_atom, round, 1h, asio::bind_executor(mine.get_executor(), handler));
    async_call(*on, "silence"_atom, round, 1h,
               asio::any_completion_handler<void(boost::system::error_code, term)>{[&](auto, const term&) {}});
    async_connect(*on, "gone@localhost", asio::bind_executor(mine.get_executor(), [&](auto failed) {
      CHECK((failed == errc::stopped || failed == errc::nodedown));
    }));
    on.reset();
    mine.restart();
    mine.run();
    REQUIRE(seen.size() == 1);
    CHECK(ends(seen.front()));
  }
}

TEST_CASE("a handler without an executor is called or destroyed when the node goes, and once at most") {
  for (int round = 0; round < 20; ++round) {
    const auto called = std::make_shared<std::atomic<int>>(0);
    auto on = start_lonely();
    for (int call = 0; call < 10; ++call) {
      async_call(*on, "silence"_atom, call, 1h, [called](boost::system::error_code failed, const term&) {
        if (ends(failed)) ++*called;
      });
    }
    on.reset();
    CHECK(called.use_count() == 1);
    CHECK(*called <= 10);
  }
}

TEST_CASE("a coroutine that waits for an answer of a node that goes ends with an error") {
  asio::io_context mine;
  auto on = start_lonely();
  auto outcome = asio::co_spawn(
      mine,
      [](node* of) -> asio::awaitable<bool> {
        const auto got = co_await async_call(*of, "silence"_atom, 1, 1h, as_result(asio::use_awaitable));
        co_return !got && ends(got.error());
      }(on.get()),
      asio::use_future);
  mine.poll();
  on.reset();
  mine.restart();
  mine.run();
  CHECK(outcome.get());
}

TEST_CASE("a call that is cancelled when its node has gone does nothing") {
  asio::io_context mine;
  asio::cancellation_signal stop;
  auto on = start_lonely();
  int calls = 0;
  async_call(
      *on, "silence"_atom, 1, 1h,
      asio::bind_cancellation_slot(stop.slot(), asio::bind_executor(mine.get_executor(), [&](auto failed, const term&) {
                                     ++calls;
                                     CHECK(ends(failed));
                                   })));
  on.reset();
  stop.emit(asio::cancellation_type::all);
  mine.run();
  stop.emit(asio::cancellation_type::all);
  CHECK(calls == 1);
}

TEST_CASE("a handler that cannot be posted to is dispatched to its executor") {
  asio::io_context mine;
  auto on = start_lonely();
  std::optional<std::int64_t> got;
  asio::any_completion_handler<void(boost::system::error_code, std::int64_t)> handler{
      asio::bind_executor(mine.get_executor(), [&](boost::system::error_code failed, std::int64_t answer) {
        if (!failed && mine.get_executor().running_in_this_thread()) got = answer;
      })};
  async_call<std::int64_t>(*on, "echo"_atom, 5, 5s, std::move(handler));
  mine.run();
  CHECK(got == 5);
}

// ----- the user's context ends first --------------------------------------------------------------------------------

namespace {

using told = std::shared_ptr<std::promise<term>>;

task<> wait_for(process& self, asio::steady_timer* timer, told to) {
  const auto failed = co_await timer->async_wait(self.use());
  to->set_value(failed == asio::error::operation_aborted ? "aborted"_atom : "other"_atom);
}

/// An operation without an error code whose handler waits here until it is called or dropped.
struct hook {
  std::mutex mutex;
  asio::any_completion_handler<void()> caught;

  template <typename Token>
  auto async_hang(Token&& token) {
    return asio::async_initiate<Token, void()>(
        [this](auto handler) {
          const std::scoped_lock lock{mutex};
          caught = std::move(handler);
        },
        token);
  }
  [[nodiscard]] asio::any_completion_handler<void()> take() {
    const std::scoped_lock lock{mutex};
    return std::move(caught);
  }
};

task<> wait_at(process& self, hook* at, told to) {
  try {
    co_await at->async_hang(self.use());
    to->set_value("called"_atom);
  } catch (const boost::system::system_error& thrown) {
    to->set_value(thrown.code() == asio::error::operation_aborted ? "thrown"_atom : "other"_atom);
  }
}

asio::awaitable<int> never(asio::io_context* on, bool* started) {
  *started = true;
  asio::steady_timer timer{*on, 1h};
  co_await timer.async_wait(asio::use_awaitable);
  co_return 1;
}

task<> wait_for_coroutine(process& self, asio::io_context* on, bool* started, told to) {
  const auto done = co_await asio::co_spawn(*on, never(on, started), self.use());
  try {
    if (std::get<0>(done)) std::rethrow_exception(std::get<0>(done));
    to->set_value("returned"_atom);
  } catch (const boost::system::system_error& thrown) {
    to->set_value(thrown.code() == asio::error::operation_aborted ? "aborted"_atom : "other"_atom);
  }
}

/// Whether something waits in `context`: what a process started there is under way.
bool has_work(asio::io_context& context) {
  context.poll();
  return !context.stopped();
}

term outcome_of(std::future<term>& from) {
  REQUIRE(from.wait_for(patience) == std::future_status::ready);
  return from.get();
}

}  // namespace

TEST_CASE("a process whose operation goes with the user's context is told so, and goes on") {
  auto on = start_lonely();
  for (int round = 0; round < 100; ++round) {
    const auto to = std::make_shared<std::promise<term>>();
    auto outcome = to->get_future();
    std::optional<asio::io_context> mine{std::in_place};
    std::optional<asio::steady_timer> timer{std::in_place, *mine, 1h};
    // A context has work already before the coroutine is in its queue; it may go only when it is.
    bool started = round % 2 == 0;
    const auto waiting =
        started ? on->spawn(wait_for, &*timer, to) : on->spawn(wait_for_coroutine, &*mine, &started, to);
    REQUIRE(waiting);
    REQUIRE(eventually([&] {
      mine->restart();
      return has_work(*mine) && started;
    }));
    timer.reset();
    mine.reset();
    CHECK(outcome_of(outcome).is("aborted"_atom));
  }
}

TEST_CASE("an operation without an error code throws when its handler is dropped") {
  auto on = start_lonely();
  for (const bool called : {true, false}) {
    hook at;
    const auto to = std::make_shared<std::promise<term>>();
    auto outcome = to->get_future();
    REQUIRE(on->spawn(wait_at, &at, to));
    asio::any_completion_handler<void()> caught;
    REQUIRE(eventually([&] {
      caught = at.take();
      return static_cast<bool>(caught);
    }));
    if (called) {
      std::move(caught)();
    } else {
      caught = nullptr;
    }
    CHECK(outcome_of(outcome).is(called ? "called"_atom : "thrown"_atom));
  }
}

TEST_CASE("a process that was killed is gone when the context of its operation goes") {
  auto on = start_lonely();
  const auto before = on->runtime().process_count();
  for (int round = 0; round < 100; ++round) {
    const auto to = std::make_shared<std::promise<term>>();
    std::optional<asio::io_context> mine{std::in_place};
    std::optional<asio::steady_timer> timer{std::in_place, *mine, 1h};
    const auto waiting = on->spawn(wait_for, &*timer, to);
    REQUIRE(waiting);
    REQUIRE(eventually([&] {
      mine->restart();
      return has_work(*mine);
    }));
    on->runtime().exit(*waiting, "kill"_atom);
    REQUIRE(eventually([&] { return !on->runtime().alive(*waiting); }));
    timer.reset();
    mine.reset();
    REQUIRE(eventually([&] { return on->runtime().process_count() == before; }));
  }
}

namespace {

/// Notes, when its context ends, whether the gate was closed before.
class late_service final : public asio::execution_context::service {
 public:
  using key_type = late_service;
  inline static asio::execution_context::id id;

  explicit late_service(asio::execution_context& owner) : service{owner} {}

  std::shared_ptr<ergo::detail::context_gate::state> gate;
  bool* closed_before = nullptr;

 private:
  void shutdown() noexcept override {
    const std::scoped_lock lock{gate->mutex};
    *closed_before = gate->closed;
  }
};

}  // namespace

TEST_CASE("the gate of a context is closed before what was made in it earlier goes") {
  bool closed_before = false;
  std::optional<asio::io_context> mine{std::in_place};
  auto& earlier = asio::use_service<late_service>(*mine);
  const auto gate = ergo::detail::context_gate::of(mine->get_executor());
  CHECK(gate == ergo::detail::context_gate::of(asio::any_io_executor{mine->get_executor()}));
  CHECK_FALSE(gate->closed);
  earlier.gate = gate;
  earlier.closed_before = &closed_before;
  mine.reset();
  CHECK(gate->closed);
  CHECK(closed_before);
}

TEST_CASE("a runtime stops in time though nobody runs the context that a process waits for") {
  std::mutex mutex;
  std::vector<std::string> reports;
  asio::io_context mine;
  asio::steady_timer timer{mine, 1h};
  {
    runtime_options options{.cores = 1};
    options.on_event = [&](const event& happened) {
      const std::scoped_lock lock{mutex};
      if (happened.what == event::kind::limit) reports.push_back(happened.text);
    };
    ergo::runtime on{networked(std::move(options))};
    const auto to = std::make_shared<std::promise<term>>();
    REQUIRE(on.spawn(on.anonymous(), wait_for, &timer, to));
    REQUIRE(eventually([&] {
      mine.restart();
      return has_work(mine);
    }));
    const auto begun = std::chrono::steady_clock::now();
    on.stop(10ms);
    CHECK(std::chrono::steady_clock::now() - begun < 4s);
  }
  REQUIRE(reports.size() == 1);
  CHECK(reports.front().find("an Asio operation has not ended") == 0);
  // What the operation may touch is there for as long as it takes.
  timer.cancel();
  mine.restart();
  mine.poll();
}

// ----- memory -------------------------------------------------------------------------------------------------------

namespace {

struct ledger {
  std::atomic<int> taken{0};
  std::atomic<int> given_back{0};
};

template <typename T>
struct counted {
  using value_type = T;
  ledger* book;

  explicit counted(ledger* in) noexcept : book{in} {}
  template <typename U>
  counted(const counted<U>& other) noexcept : book{other.book} {}  // NOLINT: rebinding
  [[nodiscard]] T* allocate(std::size_t count) {
    ++book->taken;
    return std::allocator<T>{}.allocate(count);
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    ++book->given_back;
    std::allocator<T>{}.deallocate(memory, count);
  }
  template <typename U>
  bool operator==(const counted<U>& other) const noexcept {
    return book == other.book;
  }
};

/// A handler with an allocator, which has everything back when this is called.
struct thrifty {
  using allocator_type = counted<char>;
  using executor_type = asio::io_context::executor_type;

  ledger* book;
  asio::io_context* on;

  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type{book}; }
  [[nodiscard]] executor_type get_executor() const noexcept { return on->get_executor(); }
  template <typename... Argument>
  void operator()(Argument&&... /*argument*/) {
    CHECK(book->taken > 0);
    CHECK(book->given_back == book->taken);
  }
};

}  // namespace

TEST_CASE("what is kept for a handler comes from its allocator and is given back before it is called") {
  auto on = start_lonely();
  asio::io_context mine;
  ledger book;
  const thrifty bound{&book, &mine};
  const auto run = [&] {
    mine.restart();
    CHECK(mine.run() > 0);
  };
  async_call(*on, "echo"_atom, 1, 5s, bound);
  run();
  async_call(*on, "echo"_atom, 1, 5s, as_result(bound));
  run();
  async_call<std::int64_t>(*on, "nobody"_atom, 1, 5s, bound);
  run();
  async_send(*on, "echo"_atom, 1, bound);
  run();
  async_connect(*on, "gone@localhost", bound);
  run();
  async_call(*on, "silence"_atom, 1, 1h, bound);
  on.reset();
  run();
}
