// Nodes whose first core lives inside an io_context of the program.
#include <ergo/asio.hpp>

#include "lone_node.hpp"

#include <ergo/reactor.hpp>
#include <ergo/spawn.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

node_options lent_options(asio::io_context& mine) {
  node_options options;
  options.name = "lent@localhost";
  options.cookie = "secret";
  options.epmd = epmd_mode::none;
  options.on_event = [](const event&) {};
  options.executor = &mine;
  return options;
}

/// Answers each call with its request; `thread` with whether it runs on the thread that `home` names.
task<> echo(process& self, std::thread::id home) {
  for (;;) {
    message got = co_await self.receive_any();
    if (!got.is_call() || got.payload().is("never"_atom)) continue;
    const bool at_home = std::this_thread::get_id() == home;
    self.reply(got.from(), got.payload().is("thread"_atom) ? term{at_home} : got.payload());
  }
}

/// A program of one thread: a context and a node in it.
struct program {
  explicit program(runtime_options runtime = {.cores = 1}) {
    auto made = node::start(lent_options(mine), std::move(runtime));
    REQUIRE(made);
    on = std::move(*made);
    REQUIRE(on->spawn(spawn_options{.name = "echo"_atom}, make_body(echo, std::this_thread::get_id())));
  }
  /// Runs the context until `condition` holds.
  template <typename Condition>
  [[nodiscard]] bool run_until(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!condition() && std::chrono::steady_clock::now() < until) mine.run_one_for(100ms);
    return condition();
  }
  /// What the node's `to` answers, asked in the context.
  [[nodiscard]] result<term> ask(const destination& to, const term& request) {
    std::optional<result<term>> got;
    async_call(*on, to, request, patience, as_result([&](result<term> answer) { got = std::move(answer); }));
    REQUIRE(run_until([&] { return got.has_value(); }));
    return *std::move(got);
  }

  asio::io_context mine;
  std::unique_ptr<node> on;
};

std::size_t threads() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator{"/proc/self/task"}) ++count;
  return count;
}

}  // namespace

TEST_CASE("a node in a lent context has no thread for its core, and its processes run on the context's") {
  const auto before = threads();
  program all;
  const auto until = std::chrono::steady_clock::now() + patience;  // the thread of the start ends on its own
  while (threads() > before + 1 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK(threads() <= before + 1);  // the watchdog
  for (int call = 0; call < 100; ++call) CHECK(all.ask("echo"_atom, call) == term{call});
  CHECK(all.ask("echo"_atom, "thread"_atom) == term{true});
  CHECK(threads() <= before + 1);
}

namespace {

task<> count_ticks(process& self, int* ticks, int last) {
  auto& reactor = reactor_of(self);
  asio::steady_timer timer{reactor};
  while (*ticks < last) {
    if (*ticks % 2 == 0) {
      co_await self.sleep(1ms);
    } else {
      timer.expires_after(1ms);
      (void)co_await timer.async_wait(self.use());
    }
    ++*ticks;
  }
}

/// Accepts one connection in the lent context and sends back what it reads.
task<> serve_once(process& self, std::uint16_t* port) {
  auto& reactor = reactor_of(self);
  const tcp::endpoint loopback{asio::ip::address_v4::loopback(), 0};
  tcp::acceptor acceptor{reactor, loopback};
  *port = acceptor.local_endpoint().port();
  auto accepted = co_await acceptor.async_accept(self.use());
  auto& socket = std::get<1>(accepted);
  std::array<char, 16> room{};
  const auto buffer = asio::buffer(room);
  const auto read = co_await socket.async_read_some(buffer, self.use());
  const auto answer = asio::buffer(room.data(), std::get<1>(read));
  (void)co_await asio::async_write(socket, answer, self.use());
}

}  // namespace

TEST_CASE("processes, timers and sockets of the program share one thread and one context") {
  program all;
  int ticks = 0;
  std::uint16_t port = 0;
  REQUIRE(all.on->spawn(count_ticks, &ticks, 20));
  REQUIRE(all.on->spawn(serve_once, &port));
  int own_ticks = 0;
  asio::steady_timer own{all.mine};
  std::function<void()> tick = [&] {
    own.expires_after(1ms);
    own.async_wait([&](boost::system::error_code failed) {
      if (!failed && ++own_ticks < 20) tick();
    });
  };
  tick();
  REQUIRE(all.run_until([&] { return port != 0; }));
  tcp::socket client{all.mine};
  std::array<char, 5> got{};
  bool answered = false;
  client.async_connect({asio::ip::address_v4::loopback(), port}, [&](boost::system::error_code failed) {
    if (failed) return;
    asio::async_write(client, asio::buffer("hello", 5), [&](auto, std::size_t) {
      asio::async_read(client, asio::buffer(got), [&](auto wrong, std::size_t) { answered = !wrong; });
    });
  });
  CHECK(all.run_until([&] { return answered && ticks == 20 && own_ticks == 20; }));
  CHECK(std::string_view{got.data(), got.size()} == "hello");
}

TEST_CASE("the context runs while the node is up, and no longer than until it has stopped in a handler") {
  program all;
  bool stopped = false;
  asio::steady_timer timer{all.mine, 20ms};
  timer.async_wait([&](boost::system::error_code) {
    stopped = true;
    all.on->stop();
  });
  async_call(*all.on, "echo"_atom, "never"_atom, 1h, [](auto, const term&) {});  // whose timer must not hold it
  all.mine.run();
  CHECK(stopped);
  CHECK(all.on->local().registered().empty());
}

TEST_CASE("a node may be destroyed in a handler, after the run, or before the first one") {
  {
    program all;
    asio::post(all.mine, [&] { all.on.reset(); });
    all.mine.run();
    CHECK(all.on == nullptr);
  }
  {
    program all;
    asio::post(all.mine, [&] { all.on->stop(); });
    all.mine.run();
    all.on.reset();
    CHECK(all.mine.poll() == 0);
  }
  program never_run;
  never_run.on.reset();
  never_run.mine.restart();
  CHECK(never_run.mine.run() == 0);
}

TEST_CASE("a node in a lent context starts and stops a thousand times") {
  asio::io_context mine;
  for (int round = 0; round < 1000; ++round) {
    auto made = node::start(lent_options(mine), runtime_options{.cores = 1});
    REQUIRE(made);
    REQUIRE((*made)->spawn(spawn_options{.name = "echo"_atom}, make_body(echo, std::this_thread::get_id())));
    if (round % 3 == 0) continue;
    bool called = false;
    async_call(**made, "echo"_atom, round, 5s, [&, which = round](boost::system::error_code failed, const term& got) {
      called = !failed && got == term{which};
      if (which % 3 == 2) (*made)->stop();
    });
    while (!called) mine.run_one();
  }
  mine.restart();
  CHECK(mine.poll() == 0);
}

TEST_CASE("an exception of the program's handler passes through run, and the node goes on") {
  program all;
  asio::post(all.mine, [] { throw std::runtime_error{"of the program"}; });
  CHECK_THROWS_AS(all.mine.run(), std::runtime_error);
  CHECK(all.ask("echo"_atom, 1) == term{1});
  // One that is thrown while the node stops waits for the next run.
  asio::post(all.mine, [] { throw std::runtime_error{"of the program"}; });
  all.on.reset();
  all.mine.restart();
  CHECK_THROWS_AS(all.mine.run(), std::runtime_error);
}

TEST_CASE("a context that the program stops and restarts goes on where it was") {
  program all;
  std::optional<term> got;
  async_call(*all.on, "echo"_atom, 7, patience, [&](boost::system::error_code, const term& answer) { got = answer; });
  all.mine.stop();
  CHECK(all.mine.run() == 0);
  CHECK_FALSE(got);
  all.mine.restart();
  CHECK(all.run_until([&] { return got.has_value(); }));
  CHECK(got == term{7});
  all.mine.stop();
  all.on.reset();
  CHECK(all.mine.stopped());
}

TEST_CASE("other cores have threads of their own beside the lent one") {
  program all{{.cores = 3}};
  for (int call = 0; call < 300; ++call) {
    const auto server = all.on->spawn(echo, std::this_thread::get_id());
    REQUIRE(server);
    CHECK(all.ask(*server, call) == term{call});
    all.on->runtime().exit(*server, "kill"_atom);
  }
  CHECK(all.on->runtime().cores() == 3);
}

TEST_CASE("a node in a lent context meets another node and calls go both ways") {
  const auto port = free_port();
  asio::io_context mine;
  auto options = lent_options(mine);
  options.epmd = epmd_mode::embedded;
  options.epmd_port = port;
  auto made = node::start(options, runtime_options{.cores = 1});
  REQUIRE(made);
  auto& lent = **made;
  REQUIRE(lent.spawn(spawn_options{.name = "echo"_atom}, make_body(echo, std::this_thread::get_id())));
  std::unique_ptr<node> other;
  std::jthread starter{[&] {  // its port mapper is in our context, which runs meanwhile
    auto theirs = options;
    theirs.name = "other@localhost";
    theirs.executor = nullptr;
    auto started = node::start(theirs, runtime_options{.cores = 1});
    if (started) other = std::move(*started);
    asio::post(mine, [&] { mine.stop(); });
  }};
  mine.run();
  starter.join();
  mine.restart();
  REQUIRE(other);
  REQUIRE(other->spawn(spawn_options{.name = "echo"_atom}, make_body(echo, std::this_thread::get_id())));
  int right = 0;
  const auto count = [&](boost::system::error_code failed, std::int64_t got) { right += !failed && got == 5 ? 1 : 0; };
  const auto here = asio::bind_executor(mine.get_executor(), count);
  for (int round = 0; round < 50; ++round) {
    async_call<std::int64_t>(lent, destination{"echo"_atom, "other@localhost"_atom}, 5, patience, here);
    async_call<std::int64_t>(*other, destination{"echo"_atom, "lent@localhost"_atom}, 5, patience, here);
  }
  const auto until = std::chrono::steady_clock::now() + patience;
  while (right < 100 && std::chrono::steady_clock::now() < until) mine.run_one_for(100ms);
  CHECK(right == 100);
  made->reset();  // while the other one can still say good-bye by itself
  other.reset();
}

TEST_CASE("a slow slice in a lent context is reported, and stays on its thread") {
  std::atomic<int> slow{0};
  runtime_options options{.cores = 1};
  options.on_event = [&](const event& happened) { slow += happened.what == event::kind::slow_slice ? 1 : 0; };
  program all{std::move(options)};
  const auto busy = all.on->spawn(
      [](process& self, std::atomic<int>* reports) -> task<> {
        const auto until = std::chrono::steady_clock::now() + patience;
        while (*reports == 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
        co_await self.sleep(1ms);
      },
      &slow);
  REQUIRE(busy);
  CHECK(all.run_until([&] { return !all.on->runtime().alive(*busy); }));
  CHECK(slow >= 1);
  CHECK(all.ask("echo"_atom, "thread"_atom) == term{true});
}

TEST_CASE("a runtime that was made for another context is refused") {
  asio::io_context mine;
  ergo::runtime on{networked({.cores = 1})};
  const auto refused = node::start(on, lent_options(mine));
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::badarg);
  ergo::runtime right{networked(mine, {.cores = 1})};
  auto started = node::start(right, lent_options(mine));
  CHECK(started);
}
