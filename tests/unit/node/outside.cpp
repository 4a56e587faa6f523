// Calls from outside with completion tokens, and Asio operations inside processes.
#include <ergo/asio.hpp>

#include "lone_node.hpp"

#include <ergo/spawn.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect_pipe.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/writable_pipe.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

task<> echo(process& self) {
  for (;;) {
    message got = co_await self.receive_any();
    if (got.is_call() && !got.payload().is("silence"_atom)) self.reply(got.from(), got.payload());
  }
}

struct bench {
  bench() {
    auto made = node::start(lonely(), runtime_options{.cores = 2});
    REQUIRE(made);
    self = std::move(*made);
    server = *self->spawn(spawn_options{.name = "echo"_atom}, make_body(echo));
  }
  std::unique_ptr<node> self;
  pid server{};
};

}  // namespace

TEST_CASE("a call from outside completes on the caller's executor with the converted answer") {
  bench on;
  asio::io_context mine;
  std::optional<std::int64_t> got;
  async_call<std::int64_t>(
      *on.self, "echo"_atom, 42, 5s,
      asio::bind_executor(mine.get_executor(), [&](boost::system::error_code failed, std::int64_t answer) {
        CHECK_FALSE(failed);
        CHECK(mine.get_executor().running_in_this_thread());
        got = answer;
      }));
  CHECK_FALSE(got);
  mine.run();
  CHECK(got == 42);
}

TEST_CASE("each failure of a call has its own code") {
  bench on;
  const auto code_of = [&](const destination& to, const term& request, duration timeout) {
    auto answer = async_call(*on.self, to, request, timeout, asio::as_tuple(asio::use_future)).get();
    return std::get<0>(answer);
  };
  CHECK(code_of("nobody"_atom, 1, 5s) == errc::noproc);
  CHECK(code_of("echo"_atom, "silence"_atom, 20ms) == errc::timeout);
  CHECK(code_of(destination{"echo"_atom, "gone@localhost"_atom}, 1, 5s) == errc::nodedown);
  auto wrong =
      async_call<std::int64_t>(*on.self, "echo"_atom, term{"text"_atom}, 5s, asio::as_tuple(asio::use_future)).get();
  CHECK(std::get<0>(wrong) == errc::bad_answer);
}

TEST_CASE("as_result gives the whole error") {
  bench on;
  auto answer =
      async_call(*on.self, destination{"echo"_atom, "gone@localhost"_atom}, 1, 5s, as_result(asio::use_future)).get();
  REQUIRE_FALSE(answer);
  CHECK(answer.error() == error{errc::nodedown, "gone@localhost"_atom});
  auto fine = async_call(*on.self, "echo"_atom, 7, 5s, as_result(asio::use_future)).get();
  CHECK(fine == term{7});
}

TEST_CASE("every kind of token completes a call: constants, deferred and detached ones too") {
  bench on;
  static constexpr auto whole = as_result(asio::deferred);
  auto later = async_call<std::int64_t>(*on.self, "echo"_atom, 7, 5s, whole);
  asio::io_context mine;
  std::optional<result<std::int64_t>> got;
  std::move(later)(
      asio::bind_executor(mine.get_executor(), [&](result<std::int64_t> answer) { got = std::move(answer); }));
  mine.run();
  REQUIRE(got);
  CHECK(*got == 7);
  async_send(*on.self, "echo"_atom, 1, asio::detached);
  async_call(*on.self, "echo"_atom, 1, 5s, asio::detached);
  CHECK(async_call<std::int64_t>(*on.self, "echo"_atom, 8, 5s, asio::use_future).get() == 8);
}

TEST_CASE("a coroutine of Asio awaits a call") {
  bench on;
  asio::io_context mine;
  auto ended = asio::co_spawn(
      mine,
      [](bench* given) -> asio::awaitable<std::int64_t> {
        const auto doubled =
            co_await async_call<std::int64_t>(*given->self, given->server, 21, 5s, asio::use_awaitable);
        co_return 2 * doubled;
      }(&on),
      asio::use_future);
  mine.run();
  CHECK(ended.get() == 42);
}

TEST_CASE("a cancelled call completes at once with cancelled") {
  bench on;
  asio::io_context mine;
  asio::cancellation_signal stop;
  boost::system::error_code seen;
  async_call(*on.self, "echo"_atom, "silence"_atom, 1h,
             asio::bind_cancellation_slot(
                 stop.slot(), asio::bind_executor(mine.get_executor(),
                                                  [&](boost::system::error_code failed, term) { seen = failed; })));
  asio::post(mine, [&] { stop.emit(asio::cancellation_type::terminal); });
  mine.run();
  CHECK(seen == errc::cancelled);
}

TEST_CASE("a call resolves when its node stops") {
  bench on;
  auto answer = async_call(*on.self, "echo"_atom, "silence"_atom, 1h, asio::as_tuple(asio::use_future));
  on.self->stop(1s);
  REQUIRE(answer.wait_for(20s) == std::future_status::ready);
  CHECK(std::get<0>(answer.get()));
}

TEST_CASE("a send from outside completes, and arrives") {
  bench on;
  CHECK_NOTHROW(async_send(*on.self, "echo"_atom, 1, asio::use_future).get());
  CHECK(std::get<0>(async_connect(*on.self, "gone@localhost", asio::as_tuple(asio::use_future)).get()) ==
        errc::nodedown);
  CHECK(std::get<0>(async_connect(*on.self, "no name", asio::as_tuple(asio::use_future)).get()) == errc::badarg);
}

namespace {

using told = std::shared_ptr<std::promise<term>>;

task<> read_from(process& self, asio::readable_pipe* pipe, told to) {
  std::array<char, 16> room{};
  const auto buffer = asio::buffer(room);
  const auto done = co_await pipe->async_read_some(buffer, self.use());
  const std::string_view got{room.data(), std::get<1>(done)};
  to->set_value(std::get<0>(done) ? term{"failed"_atom} : etf::binary(got));
}

task<> wait_for_timer(process& self, told to) {
  auto& reactor = reactor_of(self);
  asio::steady_timer timer{reactor, 10ms};
  const auto failed = co_await timer.async_wait(self.use());
  to->set_value(failed || &reactor_of(self) != &reactor ? "failed"_atom : "went_off"_atom);
}

/// Reads from a pipe of its own that nobody writes to, into its own frame; `alive` shows when the frame is gone.
task<> read_for_ever(process& self, std::shared_ptr<int> alive) {
  auto& reactor = reactor_of(self);
  asio::readable_pipe reading{reactor};
  asio::writable_pipe writing{reactor};
  asio::connect_pipe(reading, writing);
  std::array<char, 64> room{};
  const auto buffer = asio::buffer(room);
  co_await reading.async_read_some(buffer, self.use());
  *alive = 0;
}

/// An operation that cannot be started.
template <typename Token>
auto async_refuse(Token&& token) {
  return asio::async_initiate<Token, void(boost::system::error_code)>(
      [](auto) { throw std::runtime_error{"cannot be started"}; }, token);
}

task<> start_what_cannot(process& self, told to) {
  try {
    co_await async_refuse(self.use());
  } catch (const std::runtime_error& thrown) {
    to->set_value(etf::binary(thrown.what()));
  }
}

term outcome_of(std::future<term>& from) {
  REQUIRE(from.wait_for(20s) == std::future_status::ready);
  return from.get();
}

}  // namespace

TEST_CASE("a process awaits an Asio operation and goes on with its result") {
  bench on;
  auto& reactor = reactor_of(on.self->runtime(), 0);
  asio::readable_pipe reading{reactor};
  asio::writable_pipe writing{reactor};
  asio::connect_pipe(reading, writing);
  const auto read = std::make_shared<std::promise<term>>();
  auto got = read->get_future();
  REQUIRE(on.self->spawn(spawn_options{.pinned = true}, make_body(read_from, &reading, read)));
  REQUIRE(asio::write(writing, asio::buffer("hello", 5)) == 5);
  CHECK(outcome_of(got) == etf::binary("hello"));
}

TEST_CASE("a timer of a pinned process goes off on the process's own core") {
  bench on;
  for (int core = 0; core < 4; ++core) {
    const auto waited = std::make_shared<std::promise<term>>();
    auto got = waited->get_future();
    REQUIRE(on.self->spawn(spawn_options{.pinned = true}, make_body(wait_for_timer, waited)));
    CHECK(outcome_of(got).is("went_off"_atom));
  }
}

TEST_CASE("an operation that cannot be started throws into the process, which goes on") {
  bench on;
  const auto tried = std::make_shared<std::promise<term>>();
  auto got = tried->get_future();
  REQUIRE(on.self->spawn(start_what_cannot, tried));
  CHECK(outcome_of(got) == etf::binary("cannot be started"));
}

TEST_CASE("a process that dies while it awaits Asio takes the operation with it", "[R54]") {
  bench on;
  for (int round = 0; round < 1000; ++round) {
    auto alive = std::make_shared<int>(1);
    const std::weak_ptr<int> frame = alive;
    const auto reader = *on.self->spawn(spawn_options{.pinned = true}, make_body(read_for_ever, std::move(alive)));
    if (round % 2 == 0) std::this_thread::yield();
    on.self->runtime().exit(reader, "kill"_atom);
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (!frame.expired() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    REQUIRE(frame.expired());
  }
}
