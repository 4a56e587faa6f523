// Being registered: the connection that is the registration, patience with a dying one, and its loss.
#include <catch2/catch_test_macros.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string>

#include "ergo/epmd/client.hpp"
#include "support.hpp"

using namespace ergo::epmd;
using namespace ergo::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// A client on a context that the test runs step by step.
struct bench {
  asio::io_context io{1};
  client_options options;

  explicit bench(std::uint16_t port) { options.port = port; }

  answer<registration> enlist(const node_record& node) {
    std::optional<answer<registration>> got;
    client{io.get_executor(), options}.async_register(node, [&](answer<registration> done) { got = std::move(done); });
    run_until([&] { return got.has_value(); });
    return std::move(*got);
  }

  error wait_lost(registration& held, std::function<void()> meanwhile) {
    std::optional<error> got;
    held.async_lost([&](error why) { got = why; });
    asio::post(io, std::move(meanwhile));
    run_until([&] { return got.has_value(); });
    return *got;
  }

  template <typename Condition>
  void run_until(Condition done) {
    io.restart();
    const auto end = steady_clock::now() + 10s;
    while (!done() && steady_clock::now() < end) io.run_one_for(100ms);
    REQUIRE(done());
  }
};

}  // namespace

TEST_CASE("A registration holds its name until it is dropped") {
  running_server server;
  bench one{server.port()};
  const node_record node{.name = "a", .port = 55, .type = node_type::hidden, .lowest_version = 5, .extra = "x"};
  {
    auto held = one.enlist(node);
    REQUIRE(held);
    CHECK(held->is_open());
    CHECK(held->creation() >= 4);
    CHECK(held->node() == node);
    CHECK(server.with([](auto& s) { return s.names().find("a")->node; }) == node);
  }
  CHECK(eventually([&] { return !server.knows("a"); }));
}

TEST_CASE("A node of version 5 gets a small creation") {
  running_server server;
  bench one{server.port()};
  const auto held = one.enlist({.name = "a", .highest_version = 5, .lowest_version = 5});
  REQUIRE(held);
  CHECK(held->creation() >= 1);
  CHECK(held->creation() <= 3);
}

TEST_CASE("A living name is refused after some patience") {
  running_server server;
  raw_client holder{server.port()};
  REQUIRE(holder.enlist("a"));
  bench one{server.port()};
  one.options.duplicate_patience = 250ms;
  const auto start = steady_clock::now();
  CHECK(one.enlist({.name = "a"}).error() == error{errc::name_taken, {}});
  CHECK(steady_clock::now() - start >= 250ms);
}

TEST_CASE("A name that becomes free within the patience is taken") {
  running_server server;
  auto holder = std::make_unique<raw_client>(server.port());
  REQUIRE(holder->enlist("a"));
  bench one{server.port()};
  one.options.duplicate_patience = 5s;
  asio::steady_timer soon{one.io, 150ms};
  soon.async_wait([&](const boost::system::error_code&) { holder.reset(); });
  CHECK(one.enlist({.name = "a"}).has_value());
}

TEST_CASE("The end of the port mapper is noticed as a loss") {
  auto server = std::make_unique<running_server>();
  bench one{server->port()};
  auto held = one.enlist({.name = "a"});
  REQUIRE(held);
  const auto why = one.wait_lost(*held, [&] { server.reset(); });
  CHECK(why.code == errc::connection_lost);
  CHECK_FALSE(held->is_open());
  CHECK(one.wait_lost(*held, [] {}).code == errc::stopped);
}

TEST_CASE("A closed registration ends its watch") {
  running_server server;
  bench one{server.port()};
  auto held = one.enlist({.name = "a"});
  REQUIRE(held);
  CHECK(one.wait_lost(*held, [&] { held->close(); }).code == errc::stopped);
  held->close();
  CHECK(eventually([&] { return !server.knows("a"); }));
}

TEST_CASE("A watch is cancelled through its slot and the name stays") {
  running_server server;
  bench one{server.port()};
  auto held = one.enlist({.name = "a"});
  REQUIRE(held);
  asio::cancellation_signal signal;
  std::optional<error> got;
  held->async_lost(asio::bind_cancellation_slot(signal.slot(), [&](error why) { got = why; }));
  asio::post(one.io, [&] { signal.emit(asio::cancellation_type::total); });
  one.run_until([&] { return got.has_value(); });
  CHECK(got->code == errc::cancelled);
  CHECK(held->is_open());
  CHECK(server.knows("a"));
}

TEST_CASE("A registration moves, and the one it replaces is given back") {
  running_server server;
  bench one{server.port()};
  auto a = one.enlist({.name = "a"});
  auto b = one.enlist({.name = "b"});
  REQUIRE((a && b));
  *a = std::move(*b);
  CHECK(a->node().name == "b");
  CHECK_FALSE(b->is_open());
  CHECK(eventually([&] { return !server.knows("a"); }));
  CHECK(server.knows("b"));
}

TEST_CASE("An empty registration is closed and lost") {
  registration none;
  CHECK_FALSE(none.is_open());
  CHECK(none.creation() == 0);
  CHECK(none.node().name.empty());
  none.close();
}

TEST_CASE("A port mapper without an answer, or with a bad one, is no success") {
  for (const auto& [reply, problem] :
       {std::pair{std::string{}, errc::closed_early}, std::pair{std::string{"HTTP/1.1"}, errc::bad_answer}}) {
    auto socket = listening_socket();
    bench one{port_of(socket)};
    const std::jthread impostor{[&socket, reply] {
      const descriptor client{::accept(socket.get(), nullptr, nullptr)};
      char piece[100];
      if (::recv(client.get(), piece, sizeof piece, 0) > 0)
        ::send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
    }};
    CHECK(one.enlist({.name = "a"}).error().code == problem);
  }
}

TEST_CASE("A registration at a silent port mapper ends at the deadline") {
  const auto socket = listening_socket();  // never accepts
  bench one{port_of(socket)};
  one.options.timeout = 100ms;
  CHECK(one.enlist({.name = "a"}).error().code == errc::timed_out);
}
