// Whole nodes that meet over TLS, or do not.
#include "lone_node.hpp"
#include "tls_fixture.hpp"

#include <ergo/calls.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/spawn.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;

namespace {

/// A node at one of the loopback addresses, called at `port`, and what it has reported.
struct member {
  member(const std::string& name, std::uint16_t port, std::optional<tls_options> tls) {
    options.name = name;
    options.cookie = "secret";
    options.epmd = epmd_mode::none;
    options.peer_port = port;
    options.tls = std::move(tls);
    options.on_event = [told = told_](const event& happened) {
      const std::scoped_lock lock{told->mutex};
      told->lines += happened.text + "\n";
    };
    auto made = node::start(options, runtime_options{.cores = 2});
    INFO((made ? std::string{} : made.error().message()));
    REQUIRE(made.has_value());
    self = *std::move(made);
  }
  [[nodiscard]] bool told(std::string_view part) const {
    const std::scoped_lock lock{told_->mutex};
    return told_->lines.find(part) != std::string::npos;
  }

  struct journal {
    std::mutex mutex;
    std::string lines;
  };
  std::shared_ptr<journal> told_ = std::make_shared<journal>();
  node_options options;
  std::unique_ptr<node> self;
};

task<> echo(process& self) {
  for (;;) {
    message got = co_await self.receive_any();
    if (got.is_call()) self.reply(got.from(), got.payload());
  }
}

task<> ask(process& self, destination to, term request, std::shared_ptr<std::promise<term>> told) {
  auto answer = co_await call(self, to, request, 20s);
  told->set_value(answer ? *answer : answer.error().reason());
}

term asked(member& from, const destination& to, const term& request) {
  const auto told = std::make_shared<std::promise<term>>();
  auto answer = told->get_future();
  REQUIRE(from.self->spawn(ask, to, request, told));
  REQUIRE(answer.wait_for(patience) == std::future_status::ready);
  return answer.get();
}

std::string why_not(member& from, std::string_view to) {
  const auto connected = from.self->connect(to, patience);
  if (connected) return "connected";
  return connected.error().message();
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

const destination there{"echo"_atom, "b@127.0.0.2"_atom};

tls_options at(const cert::authority& signer, const std::string& host) { return tls_of(signer, {host}); }

}  // namespace

TEST_CASE("two nodes call each other over TLS, with terms of any size") {
  const auto signer = cert::authority::make("authority");
  const auto port = free_port();
  member a{"a@127.0.0.1", port, at(signer, "127.0.0.1")};
  member b{"b@127.0.0.2", port, at(signer, "127.0.0.2")};
  REQUIRE(b.self->spawn(spawn_options{.name = "echo"_atom}, make_body(echo)));
  for (const std::size_t size : {std::size_t{1}, std::size_t{100'000}, std::size_t{8} << 20}) {
    const auto binary = etf::binary(std::string(size, 'x'));
    CHECK(asked(a, there, binary) == binary);
  }
  CHECK(a.self->is_connected("b@127.0.0.2"));
  const auto counted = a.self->counters("b@127.0.0.2");
  REQUIRE(counted);
  CHECK(counted->bytes_in > (8U << 20));
}

TEST_CASE("an end in order over TLS is one, and the next message connects again") {
  const auto signer = cert::authority::make("authority");
  const auto port = free_port();
  member a{"a@127.0.0.1", port, at(signer, "127.0.0.1")};
  member b{"b@127.0.0.2", port, at(signer, "127.0.0.2")};
  REQUIRE(b.self->spawn(spawn_options{.name = "echo"_atom}, make_body(echo)));
  for (int round = 0; round < 20; ++round) {
    CHECK(asked(a, there, round) == term{round});
    auto& ending = round % 2 == 0 ? a : b;
    ending.self->disconnect(round % 2 == 0 ? "b@127.0.0.2" : "a@127.0.0.1");
    REQUIRE(eventually([&] { return !a.self->is_connected("b@127.0.0.2") && !b.self->is_connected("a@127.0.0.1"); }));
  }
}

TEST_CASE("a node that nobody has certified is refused on both sides, in words") {
  const auto signer = cert::authority::make("authority");
  const auto stranger = cert::authority::make("stranger");
  const auto port = free_port();
  member a{"a@127.0.0.1", port, at(signer, "127.0.0.1")};
  member b{"b@127.0.0.2", port, at(stranger, "127.0.0.2")};
  const auto why = why_not(a, "b@127.0.0.2");
  INFO(why);
  CHECK(holds(why, "TLS failed: the peer's certificate is not accepted"));
  CHECK(eventually([&] { return b.told("does not know who has signed our certificate"); }));
}

TEST_CASE("a caller that takes the name of another host is refused, whatever its certificate allows it") {
  const auto signer = cert::authority::make("authority");
  const auto port = free_port();
  auto lax = at(signer, "127.0.0.9");  // certified, but for another host than that of its name
  lax.called = tls_check::authority;
  member a{"a@127.0.0.1", port, lax};
  member b{"b@127.0.0.2", port, at(signer, "127.0.0.2")};
  CHECK(why_not(a, "b@127.0.0.2") != "connected");
  CHECK(eventually([&] { return b.told("its certificate is for 127.0.0.9 and not for the host 127.0.0.1"); }));
  CHECK(b.self->nodes(node_set::all).empty());
}

TEST_CASE("a node with TLS and one without it each say what the other lacks") {
  const auto signer = cert::authority::make("authority");
  const auto port = free_port();
  member clear{"a@127.0.0.1", port, std::nullopt};
  member b{"b@127.0.0.2", port, at(signer, "127.0.0.2")};
  const auto to_tls = why_not(clear, "b@127.0.0.2");
  INFO(to_tls);
  CHECK(holds(to_tls, "TLS failed: the peer asks for TLS, and this node has none (node_options::tls)"));
  CHECK(eventually([&] { return b.told("the peer does not speak TLS (Erlang: -proto_dist inet_tls)"); }));
  const auto to_clear = why_not(b, "a@127.0.0.1");
  INFO(to_clear);
  CHECK(holds(to_clear, "TLS failed: the peer says nothing in TLS"));
  CHECK(eventually([&] { return clear.told("the peer speaks TLS, and this node has none (node_options::tls)"); }));
}

TEST_CASE("a caller that is silent before TLS is dropped in time") {
  const auto signer = cert::authority::make("authority");
  auto options = lonely();
  options.tls = tls_of(signer);
  options.limits.handshake_step = 50ms;
  std::atomic<bool> told = false;
  options.on_event = [&](const event& happened) {
    if (happened.text.find("the peer said nothing") != std::string::npos) told = true;
  };
  const auto quiet = node::start(options, runtime_options{.cores = 1});
  REQUIRE(quiet);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons((*quiet)->port());
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  char byte = 0;
  CHECK(::read(socket, &byte, 1) == 0);
  ::close(socket);
  CHECK(eventually([&] { return told.load(); }));
}

TEST_CASE("certificates are replaced in a node that runs, and connections that are up stay") {
  const auto old_signer = cert::authority::make("old");
  const auto new_signer = cert::authority::make("new");
  const auto port = free_port();
  member a{"a@127.0.0.1", port, at(old_signer, "127.0.0.1")};
  member b{"b@127.0.0.2", port, at(old_signer, "127.0.0.2")};
  member c{"c@127.0.0.3", port, at(new_signer, "127.0.0.3")};
  REQUIRE(b.self->spawn(spawn_options{.name = "echo"_atom}, make_body(echo)));
  CHECK(asked(a, there, 1) == term{1});
  CHECK(holds(why_not(a, "c@127.0.0.3"), "TLS failed"));
  REQUIRE(a.self->reload_tls(at(new_signer, "127.0.0.1")));
  CHECK(why_not(a, "c@127.0.0.3") == "connected");
  CHECK(asked(a, there, 2) == term{2});  // over the connection that was up
  a.self->disconnect("b@127.0.0.2");
  REQUIRE(eventually([&] { return !a.self->is_connected("b@127.0.0.2") && !b.self->is_connected("a@127.0.0.1"); }));
  CHECK(holds(why_not(a, "b@127.0.0.2"), "TLS failed"));
  REQUIRE(b.self->reload_tls(at(new_signer, "127.0.0.2")));
  CHECK(asked(a, there, 3) == term{3});
}

TEST_CASE("a reload that cannot work changes nothing") {
  const auto signer = cert::authority::make("authority");
  const auto port = free_port();
  member a{"a@127.0.0.1", port, at(signer, "127.0.0.1")};
  member b{"b@127.0.0.2", port, at(signer, "127.0.0.2")};
  auto broken = at(signer, "127.0.0.1");
  broken.key.text = "nothing";
  const auto refused = a.self->reload_tls(broken);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::badarg);
  CHECK(holds(refused.error().message(), "tls_options::key holds no private key"));
  CHECK(a.self->reload_tls());
  CHECK(why_not(a, "b@127.0.0.2") == "connected");
  const auto without = node::start(lonely(), runtime_options{.cores = 1});
  REQUIRE(without);
  CHECK_FALSE((*without)->reload_tls());
}

TEST_CASE("a node whose certificate cannot be read does not start") {
  auto options = lonely();
  options.tls.emplace();
  options.tls->certificate.file = "/nowhere/node.pem";
  const auto refused = node::start(options, runtime_options{.cores = 1});
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == errc::badarg);
  CHECK(holds(refused.error().message(), "tls_options::certificate names /nowhere/node.pem"));
}
