// The client against our server, against wrong servers, and against none.
#include "ergo/epmd/client.hpp"

#include <catch2/catch_test_macros.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <string>
#include <vector>

#include "support.hpp"

#include <ergo_test/free_port.hpp>

using namespace ergo::epmd;
using namespace ergo::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
namespace asio = boost::asio;

namespace {

/// A peer that accepts one client, says `answer` and closes; or that keeps silent.
class impostor {
 public:
  enum class manner { speak, stay_silent };

  explicit impostor(std::string answer, manner how = manner::speak)
      : socket_{listening_socket()}, port_{port_of(socket_)}, thread_{[this, answer = std::move(answer), how] {
          const descriptor client{::accept(socket_.get(), nullptr, nullptr)};
          char piece[4096];
          if (::recv(client.get(), piece, sizeof piece, 0) <= 0) return;
          if (how == manner::speak)
            ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
          else
            ::recv(client.get(), piece, sizeof piece, 0);
        }} {}

  std::uint16_t port() const { return port_; }

 private:
  descriptor socket_;
  std::uint16_t port_;
  std::jthread thread_;
};

/// Runs the operation that `begin` starts, and returns its answer.
template <typename Begin>
auto run(client_options options, Begin begin) {
  asio::io_context io{1};
  client one{io.get_executor(), options};
  auto answer = begin(one, asio::use_future);
  io.run();
  return answer.get();
}

auto lookup(std::uint16_t port, std::string_view name, std::chrono::milliseconds timeout = 10s) {
  return run({.port = port, .timeout = timeout},
             [&](client& one, auto token) { return one.async_lookup("", name, token); });
}

auto names(std::uint16_t port, std::string_view host = "") {
  return run({.port = port}, [&](client& one, auto token) { return one.async_names(host, token); });
}

}  // namespace

TEST_CASE("A node is found with its address") {
  running_server server;
  raw_client node{server.port()};
  REQUIRE(node.enlist("a", 1234));
  const auto found = lookup(server.port(), "a");
  REQUIRE(found);
  CHECK(*found == located_node{{.name = "a", .port = 1234}, asio::ip::make_address("127.0.0.1")});
  CHECK(lookup(server.port(), "b").error() == error{errc::not_found, {}});
}

TEST_CASE("Names are listed and dumped, from a host by name or address") {
  running_server server;
  raw_client node{server.port()};
  REQUIRE(node.enlist("a", 1234));
  for (const auto* host : {"", "127.0.0.1", "localhost"}) {
    const auto listed = names(server.port(), host);
    REQUIRE(listed);
    CHECK(listed->epmd_port == server.port());
    CHECK(names_in(*listed) == std::vector<listed_name>{{"a", 1234}});
  }
  const auto dumped = run({.port = server.port()}, [](client& one, auto token) { return one.async_dump("", token); });
  REQUIRE(dumped);
  CHECK(dumped->text.starts_with("active name     <a> at port 1234, fd = "));
}

TEST_CASE("A kill and a stop report what came of them") {
  running_server server{{.check = command_check::relaxed}};
  const auto stop = [&](std::string_view name) {
    return run({.port = server.port()}, [&](client& one, auto token) { return one.async_stop("", name, token); });
  };
  const auto kill = [](std::uint16_t port) {
    return run({.port = port}, [&](client& one, auto token) { return one.async_kill("", token); });
  };
  raw_client node{server.port()};
  REQUIRE(node.enlist("a"));
  CHECK(stop("x") == stop_answer::unknown_name);
  CHECK(stop("a") == stop_answer::stopped);
  CHECK(kill(server.port()) == kill_answer::killed);

  running_server strict;
  raw_client other{strict.port()};
  REQUIRE(other.enlist("a"));
  CHECK(kill(strict.port()) == kill_answer::nodes_alive);
  CHECK(run({.port = strict.port()}, [&](client& one, auto token) { return one.async_stop("", "a", token); })
            .error()
            .code == errc::closed_early);
}

TEST_CASE("Without a port mapper there is no connection") {
  const auto failed = names(free_port());
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == errc::cannot_connect);
  CHECK(failed.error().cause == std::errc::connection_refused);
}

TEST_CASE("A host without address is told apart from one without port mapper") {
  // A label of more than 63 characters cannot exist, so nobody is asked.
  const auto failed = names(4369, std::string(80, 'x'));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == errc::cannot_resolve);
  CHECK(failed.error().cause);
}

TEST_CASE("Names that cannot exist are not asked for") {
  CHECK(lookup(free_port(), "").error().code == errc::empty_name);
  CHECK(lookup(free_port(), "\xff").error().code == errc::bad_encoding);
  CHECK(lookup(free_port(), std::string(256, 'a')).error().code == errc::name_too_long);
  const auto refused = run({}, [](client& one, auto token) { return one.async_register({.name = "a\0b"s}, token); });
  CHECK(refused.error().code == errc::nul_in_name);
}

TEST_CASE("Answers of something else are bad answers") {
  const auto other_node = encode_port2_answer({.name = "other"});
  CHECK(lookup(impostor{"HTTP/1.1 400 Bad Request\r\n"}.port(), "a").error().code == errc::bad_answer);
  CHECK(lookup(impostor{other_node}.port(), "a").error().code == errc::bad_answer);
  CHECK(lookup(impostor{"w\0"s}.port(), "a").error().code == errc::truncated);
  CHECK(lookup(impostor{""}.port(), "a").error().code == errc::closed_early);
  CHECK(lookup(impostor{std::string(1'000'000, 'w')}.port(), "a").error().code == errc::bad_answer);
  CHECK(names(impostor{"abc"}.port()).error().code == errc::truncated);
  CHECK(names(impostor{""}.port()).error().code == errc::closed_early);
}

TEST_CASE("A silent port mapper is left at the deadline") {
  impostor silent{"", impostor::manner::stay_silent};
  const auto start = steady_clock::now();
  CHECK(lookup(silent.port(), "a", 100ms).error() == error{errc::timed_out, {}});
  CHECK(steady_clock::now() - start < 5s);
}

TEST_CASE("An operation is cancelled through its slot") {
  impostor silent{"", impostor::manner::stay_silent};
  asio::io_context io{1};
  client one{io.get_executor(), {.port = silent.port()}};
  asio::cancellation_signal signal;
  std::optional<error> got;
  one.async_lookup("", "a", asio::bind_cancellation_slot(signal.slot(), [&](answer<located_node> found) {
                     REQUIRE_FALSE(found);
                     got = found.error();
                   }));
  asio::steady_timer soon{io, 50ms};
  soon.async_wait([&](const boost::system::error_code&) { signal.emit(asio::cancellation_type::terminal); });
  io.run();
  CHECK(got == error{errc::cancelled, {}});
}

TEST_CASE("Handlers run on their own executor and never inside the call") {
  running_server server;
  asio::io_context working{1}, handling{1};
  bool called = false;
  {
    client one{working.get_executor(), {.port = server.port()}};
    // An impossible name needs no network, so nothing but the rule keeps this from completing at once.
    one.async_lookup("", "",
                     asio::bind_executor(handling.get_executor(), [&](answer<located_node>) { called = true; }));
  }
  CHECK_FALSE(called);
  working.run();
  CHECK_FALSE(called);
  handling.run();
  CHECK(called);
}

TEST_CASE("Operations are awaited in coroutines, also of a temporary client") {
  running_server server;
  raw_client node{server.port()};
  REQUIRE(node.enlist("a", 77));
  asio::io_context io{1};
  std::uint16_t port = 0;
  const auto work = [](asio::io_context& on, std::uint16_t at, std::uint16_t& result) -> asio::awaitable<void> {
    client_options options;
    options.port = at;
    const auto found = co_await client{on.get_executor(), options}.async_lookup("", "a", asio::use_awaitable);
    if (found) result = found->node.port;
  };
  asio::co_spawn(io, work(io, server.port(), port), asio::detached);
  io.run();
  CHECK(port == 77);
}
