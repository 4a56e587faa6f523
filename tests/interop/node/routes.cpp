// Nodes that meet without a port mapper, through a router, and over IPv6.
#include "harness.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <filesystem>
#include <memory>
#include <thread>

namespace ergo_interop {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// What a router does: whoever connects to one address talks to another.
class port_forwarding {
 public:
  port_forwarding(const std::string& from, std::uint16_t port, const std::string& to, std::uint16_t target)
      : acceptor_{context_, {asio::ip::make_address(from), port}}, target_{asio::ip::make_address(to), target} {
    accept();
    thread_ = std::thread{[this] { context_.run(); }};
  }
  ~port_forwarding() {
    context_.stop();
    thread_.join();
  }
  port_forwarding(const port_forwarding&) = delete;
  port_forwarding& operator=(const port_forwarding&) = delete;

 private:
  struct pair {
    tcp::socket outside;
    tcp::socket inside;
  };
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& failed, tcp::socket from) {
      if (failed) return;
      const auto both = std::make_shared<pair>(std::move(from), tcp::socket{context_});
      boost::system::error_code refused;
      both->inside.connect(target_, refused);
      if (!refused) {
        pump(both, both->outside, both->inside, std::make_shared<chunk>());
        pump(both, both->inside, both->outside, std::make_shared<chunk>());
      }
      accept();
    });
  }
  using chunk = std::array<char, 4096>;
  static void pump(const std::shared_ptr<pair>& both, tcp::socket& from, tcp::socket& to,
                   const std::shared_ptr<chunk>& bytes) {
    from.async_read_some(asio::buffer(*bytes),
                         [both, &from, &to, bytes](const boost::system::error_code& failed, std::size_t count) {
                           boost::system::error_code ignored;
                           if (failed) return void(to.shutdown(tcp::socket::shutdown_send, ignored));
                           asio::write(to, asio::buffer(*bytes, count), ignored);
                           if (!ignored) pump(both, from, to, bytes);
                         });
  }

  asio::io_context context_;
  tcp::acceptor acceptor_;
  tcp::endpoint target_;
  std::thread thread_;
};

/// An Erlang node that listens only at one address, at one port.
peer_options listening_at(const release& otp, std::uint16_t epmd_port, const std::string& host,
                          const std::string& address_tuple, std::uint16_t port) {
  auto options = peer_at(otp, epmd_port, host);
  options.more = {"-kernel",
                  "inet_dist_use_interface",
                  address_tuple,
                  "inet_dist_listen_min",
                  std::to_string(port),
                  "inet_dist_listen_max",
                  std::to_string(port)};
  return options;
}

ergo::atom atom_named(const std::string& name) { return parsed(atom_text(name)).as_atom().value(); }

TEST_CASE("Nodes meet without a port mapper, at one port that all share") {
  for_every_release("no epmd: one port for all, both directions", [](const release& otp) {
    const auto port = free_port();
    auto options = options_for("", 0);
    options.name = fresh_name("cpp") + "@127.0.0.1";
    options.epmd = ergo::epmd_mode::none;
    options.peer_port = port;
    our_node ours{options};
    expect(ours->port() == port, "it listens elsewhere");
    auto theirs = peer_at(otp, free_port(), "127.0.0.2");
    theirs.more = {"-erl_epmd_port", std::to_string(port), "-kernel", "inet_dist_use_interface", "{127,0,0,2}"};
    erlang_peer peer{theirs};
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    expect_same(peer.run("{echo_all, {echo, " + ours.quoted_name() + "}}"), "all");
    ours->disconnect(peer.name());
    eventually("they saw it", [&] { return peer.run("{connected, " + ours.quoted_name() + "}") == "false"; });
    const auto connected = ours->connect(peer.name());
    expect(connected.has_value(), connected ? "" : connected.error().message());
    expect_term(ours.call({"erl_server"_atom, atom_named(peer.name())}, "hello"_atom), "hello");
  });
}

TEST_CASE("A node is found by a route or by the program's resolver, wherever its name points") {
  for_every_release("routes and resolver: a node that listens elsewhere", [](const release& otp) {
    const auto epmd = free_port();
    const auto port = free_port();
    our_node mapper{options_for(fresh_name("mapper"), epmd)};
    erlang_peer peer{listening_at(otp, epmd, "127.0.0.2", "{127,0,0,3}", port)};
    const ergo::destination server{"erl_server"_atom, atom_named(peer.name())};
    auto options = options_for("", 0);
    options.name = fresh_name("cpp") + "@127.0.0.1";
    options.epmd = ergo::epmd_mode::none;
    options.routes = {{"erl*@127.0.0.2", {"127.0.0.3", port}}};
    {
      our_node ours{options};
      expect_term(ours.call(server, "by_route"_atom), "by_route");
    }
    options.routes.clear();
    options.resolve = [port](std::string_view node) -> std::optional<ergo::node_address> {
      if (!node.ends_with("@127.0.0.2")) return std::nullopt;
      return ergo::node_address{"127.0.0.3", port};
    };
    our_node ours{options};
    expect_term(ours.call(server, "by_resolver"_atom), "by_resolver");
  });
}

TEST_CASE("Behind a router our node is reached at the host and port that it advertises") {
  for_every_release("NAT: advertised host and port, both directions", [](const release& otp) {
    const auto epmd = free_port();
    const auto outside = free_port();
    auto options = options_for("", epmd);
    options.name = fresh_name("cpp") + "@127.0.0.9";
    options.listen = {"127.0.0.1"};
    options.advertised_port = outside;
    our_node ours{options};
    const port_forwarding mapper{"127.0.0.9", epmd, "127.0.0.1", epmd};
    const port_forwarding door{"127.0.0.9", outside, "127.0.0.1", ours->port()};
    erlang_peer peer{peer_at(otp, epmd, "127.0.0.1")};
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    expect_same(peer.run("{call, {echo, " + ours.quoted_name() + "}, inside}"), "inside");
    ours->disconnect(peer.name());
    eventually("they saw it", [&] { return peer.run("{connected, " + ours.quoted_name() + "}") == "false"; });
    expect(ours->connect(peer.name()).has_value(), "connect");
  });
}

TEST_CASE("Nodes meet over IPv6, the port mapper included") {
  if (!std::filesystem::exists("/proc/net/if_inet6")) SKIP("this computer has no IPv6");
  for_every_release("IPv6: names at ::1, both directions", [](const release& otp) {
    const auto epmd = free_port();
    auto options = options_for("", epmd);
    options.name = fresh_name("cpp") + "@::1";
    our_node ours{options};
    auto theirs = peer_at(otp, epmd, "::1");
    theirs.more = {"-proto_dist", "inet6_tcp"};
    erlang_peer peer{theirs};
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    expect_same(peer.run("{echo_all, {echo, " + ours.quoted_name() + "}}"), "all");
    ours->disconnect(peer.name());
    eventually("they saw it", [&] { return peer.run("{connected, " + ours.quoted_name() + "}") == "false"; });
    expect(ours->connect(peer.name()).has_value(), "connect");
    expect_term(ours.call({"erl_server"_atom, atom_named(peer.name())}, "hello"_atom), "hello");
  });
}

}  // namespace
}  // namespace ergo_interop
