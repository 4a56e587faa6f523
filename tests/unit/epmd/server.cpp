// The server over loopback: exchanges, deadlines, ends.
#include "ergo/epmd/server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include "support.hpp"

using namespace ergo::epmd;
using namespace ergo::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

std::string listed(std::uint16_t port, std::string lines) { return encode_listing_head(port) + std::move(lines); }

}  // namespace

TEST_CASE("A name lives as long as its connection") {
  running_server server;
  REQUIRE(server.started());
  const auto port = server.port();
  raw_client node{port};
  const auto answer = node.enlist("a", 1234);
  REQUIRE(answer);
  CHECK(answer->result == 0);
  CHECK(ask(port, port_please2_request{"a"}) == encode_port2_answer({.name = "a", .port = 1234}));
  CHECK(ask(port, names_request{}) == listed(port, "name a at port 1234\n"));
  node.close();
  CHECK(eventually([&] { return !server.knows("a"); }));
  CHECK(ask(port, port_please2_request{"a"}) == "w\1"s);
  CHECK(ask(port, names_request{}) == listed(port, ""));
  raw_client again{port};
  CHECK(again.enlist("a")->creation == answer->creation + 1);
}

TEST_CASE("A reset connection frees its name") {
  running_server server;
  raw_client node{server.port()};
  REQUIRE(node.enlist("a"));
  const linger hard{1, 0};
  ::setsockopt(node.native(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  node.close();
  CHECK(eventually([&] { return !server.knows("a"); }));
}

TEST_CASE("Requests may come byte by byte, answers are complete") {
  running_server server;
  const auto port = server.port();
  raw_client node{port};
  const auto bytes = encode(alive2_request{{.name = "a", .port = 7}}).value();
  for (const char byte : bytes) REQUIRE(node.send(std::string{byte}));
  CHECK(node.read(6).size() == 6);
  CHECK(ask(port, dump_request{}).starts_with(listed(port, "active name     <a> at port 7, fd = ")));
}

TEST_CASE("A refused client is not closed at once, and does not disturb the holder") {
  running_server server;
  const auto port = server.port();
  raw_client node{port}, rival{port};
  REQUIRE(node.enlist("a")->result == 0);
  CHECK(rival.enlist("a")->result == 1);
  CHECK(rival.is_open());
  rival.send("x");
  CHECK(rival.is_closed_within());
  CHECK(server.knows("a"));
}

TEST_CASE("A byte on a registered connection frees the name and closes") {
  running_server server;
  raw_client node{server.port()};
  REQUIRE(node.enlist("a"));
  node.send("x");
  CHECK(node.is_closed_within());
  CHECK(eventually([&] { return !server.knows("a"); }));
}

TEST_CASE("Nonsense is closed without an answer") {
  running_server server;
  for (const auto& bytes : {"\0\0"s, "\0\1?"s, "\0\1nn"s, "\xff\xff"s, "GET / HTTP/1.0\r\n\r\n"s, "\0\2x\0"s}) {
    raw_client one{server.port()};
    one.send(bytes);
    CHECK(one.read_all().empty());
    CHECK(one.is_closed_within(0ms));
  }
  CHECK(eventually([&] { return server.clients() == 0; }));
}

TEST_CASE("The deadline counts from the first byte and is not extended by dribbling") {
  constexpr auto deadline = 1s;
  running_server server{{.request_deadline = deadline}};
  raw_client one{server.port()};
  REQUIRE_FALSE(one.is_closed_within(deadline / 2));
  const auto start = steady_clock::now();
  REQUIRE(one.send("\x0b\xf1z"));  // announces the longest request
  // A dribbling client would last for minutes if each byte counted anew.
  while (!one.is_closed_within(20ms) && steady_clock::now() - start < 10s) one.send("a");
  const auto lasted = steady_clock::now() - start;
  CHECK(lasted >= 900ms);
  CHECK(lasted < 5s);
  CHECK(eventually([&] { return server.count(errc::timed_out) == 1; }));
}

TEST_CASE("Who says nothing has as long as who asks, from the connection on") {
  constexpr auto deadline = 300ms;
  running_server server{{.request_deadline = deadline}};
  const auto start = steady_clock::now();
  raw_client silent{server.port()};
  CHECK(silent.is_closed_within());
  const auto lasted = steady_clock::now() - start;
  CHECK(lasted >= deadline);
  CHECK(lasted < 2s);
}

TEST_CASE("Silent and refused clients are closed at the deadline, registrations live on") {
  running_server server{{.request_deadline = 2s}};
  const auto port = server.port();
  raw_client node{port}, rival{port}, silent{port};
  REQUIRE(node.enlist("a")->result == 0);
  REQUIRE(rival.enlist("a")->result == 1);
  CHECK(silent.is_closed_within());
  CHECK(rival.is_closed_within());
  CHECK(node.is_open());
  CHECK(server.knows("a"));
  CHECK(server.clients() == 1);
}

TEST_CASE("A client that does not read its answer is closed at the deadline") {
  auto socket = listening_socket();
  const auto port = port_of(socket);
  const int small = 4096;  // inherited by accepted sockets, so that an answer does not fit into the system's buffers
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  running_server server{{.request_deadline = 3s}, [&](ergo::epmd::server& one) { return one.adopt(socket.release()); }};
  std::vector<raw_client> nodes;
  for (int i = 0; i < 500; ++i) {
    std::string name = std::to_string(i);
    while (name.size() + 4 <= 1000) name += "\xf0\x9f\x98\x80";
    REQUIRE(nodes.emplace_back(port).enlist(name)->result == 0);
  }
  raw_client reader{port};
  ::setsockopt(reader.native(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  reader.send(names_request{});
  CHECK(eventually([&] { return server.count(errc::timed_out) == 1; }));
  CHECK(server.clients() == 500);
  CHECK(ask(port, names_request{}).size() > 500 * 1000);
}

TEST_CASE("A permitted kill stops the server, a refused one does not") {
  running_server server;
  const auto port = server.port();
  raw_client node{port};
  REQUIRE(node.enlist("a"));
  CHECK(ask(port, kill_request{}) == "NO");
  node.close();
  REQUIRE(eventually([&] { return !server.knows("a"); }));
  raw_client silent{port};
  CHECK(ask(port, kill_request{}) == "OK");
  CHECK(silent.is_closed_within());
  CHECK(eventually([&] { return server.count(server_event::kind::killed) == 1; }));
  CHECK_FALSE(server.with([](auto& one) { return one.is_running(); }));
  CHECK_THROWS(raw_client{port});
}

TEST_CASE("A relaxed server lets names be stopped and itself be killed") {
  running_server server{{.check = command_check::relaxed}};
  const auto port = server.port();
  raw_client node{port}, other{port};
  REQUIRE(node.enlist("a"));
  REQUIRE(other.enlist("b"));
  CHECK(ask(port, stop_request{"x"}) == "NOEXISTSTOPPED");
  CHECK(ask(port, stop_request{"a"}) == "STOPPED");
  CHECK(node.is_closed_within());
  CHECK_FALSE(server.knows("a"));
  CHECK(ask(port, kill_request{}) == "OK");
  CHECK(other.is_closed_within());
}

TEST_CASE("Every registration that was reported is reported gone") {
  running_server server{{.check = command_check::relaxed}};
  const auto port = server.port();
  {
    raw_client a{port}, b{port}, c{port};
    REQUIRE((a.enlist("a") && b.enlist("b") && c.enlist("c")));
    ask(port, stop_request{"b"});
    c.send("x");
    CHECK(c.is_closed_within());
  }
  CHECK(eventually([&] { return server.clients() == 0; }));
  std::vector<std::string> living;
  for (const auto& report : server.reports()) {
    if (report.what == happening::registered) living.push_back(report.name);
    if (report.what == happening::unregistered) std::erase(living, report.name);
  }
  CHECK(living.empty());
}

TEST_CASE("A second server learns that the address is in use, and may take over later") {
  auto first = std::make_optional<running_server>();
  const auto port = first->port();
  running_server second{{.port = port}};
  REQUIRE_FALSE(second.started());
  CHECK(second.started().error().what.code == errc::address_in_use);
  CHECK(second.started().error().where.port() == port);
  first.reset();
  CHECK(second.with([](auto& one) { return one.listen().has_value(); }));
  CHECK(ask(port, names_request{}) == listed(port, ""));
}

TEST_CASE("An address of another host cannot be listened on") {
  running_server server{{.addresses = {boost::asio::ip::make_address("192.0.2.1")}}};
  REQUIRE_FALSE(server.started());
  CHECK(server.started().error().what.code == errc::cannot_listen);
  CHECK(server.started().error().what.cause == std::errc::address_not_available);
  CHECK(server.started().error().where.address() == boost::asio::ip::make_address("192.0.2.1"));
}

TEST_CASE("All addresses, IPv4 and IPv6, are listened on by default") {
  boost::asio::io_context io;
  server one{io.get_executor(), {.port = 0}};
  REQUIRE(one.listen());
  REQUIRE_FALSE(one.endpoints().empty());
  CHECK(one.endpoints().front().address().is_unspecified());
  for (const auto& where : one.endpoints()) CHECK(where.port() == one.port());
}

TEST_CASE("A socket of somebody else's is adopted if it listens") {
  auto socket = listening_socket();
  const auto port = port_of(socket);
  running_server server{{.port = 4321}, [&](auto& one) { return one.adopt(socket.release()); }};
  REQUIRE(server.started());
  CHECK(ask(port, names_request{}) == listed(4321, ""));  // as the C daemon, which knows its option only

  descriptor pipe_ends[2];
  int raw[2];
  REQUIRE(::pipe(raw) == 0);
  pipe_ends[0].reset(raw[0]);
  pipe_ends[1].reset(raw[1]);
  const descriptor idle{::socket(AF_INET, SOCK_STREAM, 0)};
  for (const int bad : {raw[0], idle.get(), -1}) {
    const auto refused = server.with([&](auto& one) { return one.adopt(bad); });
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what.code == errc::cannot_listen);
    CHECK(refused.error().what.cause);
  }
}

TEST_CASE("Delays of accepting and answering are as long as asked") {
  running_server server{{.request_deadline = 100ms, .delay_accept = 150ms, .delay_write = 250ms}};
  const auto start = steady_clock::now();
  CHECK(ask(server.port(), names_request{}).size() == 4);
  CHECK(steady_clock::now() - start >= 400ms);
}

TEST_CASE("A stopping server says how many names of others it holds") {
  running_server server;
  const auto port = server.port();
  raw_client a{port}, b{port}, c{port};
  REQUIRE((a.enlist("mine") && b.enlist("yours") && c.enlist("theirs")));
  const std::vector<std::string> own{"mine"};
  CHECK(server.with([&](auto& one) { return one.foreign_names(own); }) == 2);
  CHECK(server.with([&](auto& one) { return one.foreign_names({}); }) == 3);
}

TEST_CASE("A destroyed server leaves nothing to do on its executor") {
  running_server server;
  const auto port = server.port();
  raw_client node{port}, silent{port};
  REQUIRE(node.enlist("a"));
  server.finish();  // returns only when the context has run out of work
  CHECK(node.is_closed_within());
  CHECK(silent.is_closed_within());
  CHECK_THROWS(raw_client{port});
  for (const auto& report : server.reports()) CHECK(report.what != happening::unregistered);
}

TEST_CASE("The observer may stop the server") {
  boost::asio::io_context io{1};
  std::optional<server> one;
  int events = 0;
  one.emplace(io.get_executor(), server_options{.port = 0, .addresses = {boost::asio::ip::make_address("127.0.0.1")}},
              [&](const server_event& event) {
                ++events;
                if (event.report.what == happening::registered) one->stop();
              });
  REQUIRE(one->listen());
  raw_client node{one->port()}, silent{one->port()};
  node.send(alive2_request{{.name = "a"}});
  io.run_for(10s);
  CHECK(io.stopped());
  CHECK(node.is_closed_within());
  CHECK(silent.is_closed_within());
  CHECK(one->names().living().empty());
  CHECK(events <= 3);
}

TEST_CASE("An unused server costs nothing and can be destroyed") {
  boost::asio::io_context io;
  {
    server one{io.get_executor()};
    CHECK_FALSE(one.is_running());
    CHECK(one.port() == 4369);
    one.stop();
  }
  CHECK(io.run() == 0);
}
