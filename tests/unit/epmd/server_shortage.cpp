// The server without a free descriptor, driven step by step on the test's own thread. The R33 tests of
// `server_limits.cpp` show what clients of such a server see; these show what it does and says.
#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ergo_test/outside.hpp"
#include "support.hpp"

using namespace ergo::epmd;
using namespace ergo::test;
using namespace std::chrono_literals;

namespace {

/// Takes all descriptors that this program may have, until it goes.
class no_descriptors {
 public:
  no_descriptors() {
    for (;;) {
      descriptor next{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
      if (next.get() < 0) return;
      taken_.push_back(std::move(next));
    }
  }

 private:
  descriptor_limit limit_{256};
  std::vector<descriptor> taken_;
};

/// A server that runs only while something is waited for.
class stepped_server {
 public:
  stepped_server() {
    if (!one_.listen()) throw std::runtime_error{"the server does not listen"};
  }

  template <typename Condition>
  bool runs_until(Condition condition) {
    return eventually([&] {
      io_.poll();
      return condition();
    });
  }

  /// A client that has registered this name.
  raw_client enlist(const std::string& name) {
    raw_client node{port()};
    node.send(alive2_request{{.name = name, .port = 1}});
    if (!runs_until([&] { return one_.names().find(name) != nullptr; })) throw std::runtime_error{"not registered"};
    return node;
  }
  /// A client that has been accepted and says nothing.
  raw_client idle() {
    raw_client client{port()};
    const auto before = count(server_event::kind::connected);
    if (!runs_until([&] { return count(server_event::kind::connected) > before; }))
      throw std::runtime_error{"not accepted"};
    return client;
  }

  std::uint16_t port() const { return one_.port(); }
  std::size_t clients() const { return one_.clients(); }
  const std::vector<server_event>& events() const { return events_; }
  std::size_t count(server_event::kind what) const {
    return static_cast<std::size_t>(std::ranges::count(events_, what, &server_event::what));
  }

 private:
  boost::asio::io_context io_{1};
  std::vector<server_event> events_;
  server one_{io_.get_executor(),
              {.port = 0, .addresses = {boost::asio::ip::make_address("127.0.0.1")}, .request_deadline = 60s},
              [this](const server_event& event) { events_.push_back(event); }};
};

/// Whether the server has closed the connection, behind all that it had to say.
bool has_ended(const raw_client& client) {
  pollfd state{client.native(), POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0;
}

bool is_listed(raw_client& client, const std::string& name) {
  const auto listed = parse_listing(client.read_all());
  return listed && names_in(*listed).size() == 1 && names_in(*listed).front().name == name;
}

}  // namespace

TEST_CASE("Without a free descriptor the oldest idle clients go, and the next one is served") {
  stepped_server server;
  auto node = server.enlist("node");
  auto oldest = server.idle();
  auto second = server.idle();
  auto newest = server.idle();
  raw_client next{server.port()};
  next.send(names_request{});
  {
    const no_descriptors none;
    REQUIRE(server.runs_until([&] { return has_ended(next); }));
  }
  CHECK(is_listed(next, "node"));
  CHECK(oldest.is_closed_within());
  CHECK(newest.is_open());
  CHECK(node.read(6).size() == 6);
  CHECK(node.is_open());
  REQUIRE(server.count(server_event::kind::accept_failed) >= 1);
  CHECK(server.count(server_event::kind::turned_away) == 0);
  for (const auto& event : server.events()) {
    if (event.what == server_event::kind::accept_failed) CHECK(event.cause == std::errc::too_many_files_open);
    if (event.report.problem != errc::ok) CHECK(event.report.problem == errc::displaced);
  }
}

TEST_CASE("Without a free descriptor and with registrations only, who waits is turned away until one is free") {
  stepped_server server;
  auto node = server.enlist("node");
  CHECK(node.read(6).size() == 6);
  std::vector<raw_client> waiting;
  for (int i = 0; i < 3; ++i) waiting.emplace_back(server.port());
  {
    const no_descriptors none;
    REQUIRE(server.runs_until([&] { return server.count(server_event::kind::turned_away) == waiting.size(); }));
  }
  for (auto& client : waiting) CHECK(client.is_closed_within());
  CHECK(node.is_open());
  CHECK(server.clients() == 1);
  raw_client late{server.port()};
  late.send(names_request{});
  REQUIRE(server.runs_until([&] { return has_ended(late); }));
  CHECK(is_listed(late, "node"));
}
