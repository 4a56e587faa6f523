// Calls from outside with completion tokens, and Asio operations inside processes.
#include <ergo/asio.hpp>

#include <ergo/spawn.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect_pipe.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/writable_pipe.hpp>

#include <catch2/catch_test_macros.hpp>

#include <future>
#include <optional>
#include <thread>

using namespace ergo;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

node_options lonely() {
  node_options options;
  options.name = "alone@localhost";
  options.cookie = "secret";
  options.epmd = epmd_mode::none;
  options.on_event = [](const event&) {};
  return options;
}

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

task<exit_reason> read_from(process& self, asio::readable_pipe* pipe) {
  std::array<char, 16> room{};
  const auto buffer = asio::buffer(room);
  const auto done = co_await pipe->async_read_some(buffer, use(self));
  if (std::get<0>(done)) co_return exit_reason{"failed"_atom};
  const std::string_view got{room.data(), std::get<1>(done)};
  co_return exit_reason{etf::binary(got)};
}

task<exit_reason> wait_for_timer(process& self) {
  asio::steady_timer timer{reactor_of(self.runtime(), 0), 10ms};
  const auto failed = co_await timer.async_wait(use(self));
  co_return exit_reason{failed ? "failed"_atom : "went_off"_atom};
}

}  // namespace

TEST_CASE("a process awaits an Asio operation and goes on with its result") {
  bench on;
  auto& reactor = reactor_of(on.self->runtime(), 0);
  asio::readable_pipe reading{reactor};
  asio::writable_pipe writing{reactor};
  asio::connect_pipe(reading, writing);
  const auto reader = *on.self->spawn(spawn_options{.pinned = true}, make_body(read_from, &reading));
  REQUIRE(asio::write(writing, asio::buffer("hello", 5)) == 5);
  CHECK(on.self->runtime().wait(reader, 20s)->value() == etf::binary("hello"));
  const auto waiter = *on.self->spawn(wait_for_timer);
  CHECK(on.self->runtime().wait(waiter, 20s)->is("went_off"_atom));
}

TEST_CASE("a process that dies while it awaits Asio takes the operation with it") {
  bench on;
  auto& reactor = reactor_of(on.self->runtime(), 0);
  for (int round = 0; round < 100; ++round) {
    asio::readable_pipe reading{reactor};
    asio::writable_pipe writing{reactor};
    asio::connect_pipe(reading, writing);
    const auto reader = *on.self->spawn(spawn_options{.pinned = true}, make_body(read_from, &reading));
    if (round % 2 == 0) std::this_thread::yield();
    on.self->runtime().exit(reader, "kill"_atom);
    REQUIRE(on.self->runtime().wait(reader, 20s));
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (on.self->runtime().process_count() > 2 && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    REQUIRE(on.self->runtime().process_count() <= 2);
  }
}
