// Nodes that start without a name and get one from the first node they call.
#include "lone_node.hpp"

#include <ergo/connect_failure.hpp>

#include <stdexcept>
#include <string>

using namespace ergo;
using namespace ergo_test;

namespace {

/// A node that gives names, and is found at its port.
std::unique_ptr<node> start_namer(const std::string& name, std::vector<std::string> allow = {}) {
  auto options = lonely();
  options.name = name;
  options.allow = std::move(allow);
  auto made = node::start(options, runtime_options{.cores = 1});
  REQUIRE(made);
  return *std::move(made);
}

node_options unnamed(const node& by) {
  auto options = lonely();
  options.name = "undefined@guest";
  options.named_by = by.name().text();
  options.routes = {{std::string{by.name().text()}, {"", by.port()}}};
  return options;
}

std::unique_ptr<node> start(const node_options& options) {
  auto made = node::start(options, runtime_options{.cores = 1});
  INFO((made ? "" : made.error().message()));
  REQUIRE(made);
  return *std::move(made);
}

bool eventually_alone(const node& one) {
  return eventually([&] { return one.nodes(node_set::all).empty(); });
}

}  // namespace

TEST_CASE("a node without a name is named by the node that it calls, and hidden") {
  const auto namer = start_namer("namer@localhost");
  auto options = unnamed(*namer);
  options.visibility = visibility::visible;
  const auto guest = start(options);
  const std::string name{guest->name().text()};
  CHECK(name.ends_with("@guest"));
  CHECK_FALSE(name.starts_with("undefined"));
  CHECK(guest->creation() >= 4);
  CHECK(guest->port() == 0);
  CHECK(guest->is_connected("namer@localhost"));
  CHECK(eventually([&] { return namer->nodes(node_set::hidden) == std::vector{guest->name()}; }));
  CHECK(namer->nodes().empty());
  const auto second = start(unnamed(*namer));
  CHECK(second->name() != guest->name());
}

TEST_CASE("a name that its node has left is given out again, as the next incarnation") {
  const auto namer = start_namer("namer@localhost");
  atom name;
  std::uint32_t creation = 0;
  for (int round = 0; round < 3; ++round) {
    const auto guest = start(unnamed(*namer));
    if (round > 0) {
      CHECK(guest->name() == name);
      CHECK(guest->creation() == creation + 1);
    }
    name = guest->name();
    creation = guest->creation();
    guest->stop();
    REQUIRE(eventually_alone(*namer));
  }
}

TEST_CASE("a guest that has lost its connection reaches nobody else until it has its name again") {
  const auto namer = start_namer("namer@localhost");
  const auto other = start_namer("other@localhost");
  auto options = unnamed(*namer);
  options.routes.push_back({"other@localhost", {"", other->port()}});
  const auto guest = start(options);
  const auto name = guest->name();
  REQUIRE(guest->connect("other@localhost", patience));
  REQUIRE(eventually([&] { return namer->disconnect(name.text()); }));
  REQUIRE(eventually_alone(*guest));
  CHECK(eventually_alone(*other));
  CHECK(guest->connect("other@localhost", patience).error() == errc::not_alive);
  REQUIRE(guest->connect("namer@localhost", patience));
  CHECK(guest->name() == name);
  CHECK(guest->connect("other@localhost", patience));
}

TEST_CASE("a guest whose name was given to another node is told so, and leaves that node alone") {
  const auto namer = start_namer("namer@localhost");
  const auto guest = start(unnamed(*namer));
  REQUIRE(eventually([&] { return namer->disconnect(guest->name().text()); }));
  REQUIRE(eventually_alone(*guest));
  REQUIRE(eventually_alone(*namer));
  const auto heir = start(unnamed(*namer));
  CHECK(heir->name() == guest->name());
  CHECK(heir->creation() == guest->creation() + 1);
  const auto refused = guest->connect("namer@localhost", patience);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message().find("another node since") != std::string::npos);
  CHECK(heir->is_connected("namer@localhost"));
}

TEST_CASE("a node that nobody names does not start, and says which step failed") {
  const auto namer = start_namer("namer@localhost", {"*@elsewhere"});
  const auto step_of = [](const node_options& options) {
    const auto made = node::start(options, runtime_options{.cores = 1});
    REQUIRE_FALSE(made);
    const auto failure = connect_failure_of(made.error());
    REQUIRE(failure);
    return failure->step;
  };
  CHECK(step_of(unnamed(*namer)) == connect_step::allow);
  const auto open = start_namer("open@localhost");
  auto stranger = unnamed(*open);
  stranger.cookie = "another";
  CHECK(step_of(stranger) == connect_step::cookie);
  stranger.peer_cookies = {{"open@localhost", "secret"}};
  CHECK(start(stranger)->is_connected("open@localhost"));
  stranger.routes = {{"*", {"", free_port()}}};
  CHECK(step_of(stranger) == connect_step::tcp);
}

TEST_CASE("a node without a name asks the program where its first peer listens") {
  const auto namer = start_namer("namer@localhost");
  auto options = unnamed(*namer);
  options.routes.clear();
  options.resolve = [&](std::string_view who) -> std::optional<node_address> {
    if (who != "namer@localhost") throw std::runtime_error{"the directory is closed"};
    return node_address{"", namer->port()};
  };
  CHECK(start(options)->is_connected("namer@localhost"));
  options.named_by = "other@localhost";
  const auto refused = node::start(options, runtime_options{.cores = 1});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message().find("the directory is closed") != std::string::npos);
}

TEST_CASE("a node that is to be named has no name of its own") {
  auto options = lonely();
  options.name = "own@localhost";
  options.named_by = "namer@localhost";
  const auto made = node::start(options, runtime_options{.cores = 1});
  REQUIRE_FALSE(made);
  CHECK(made.error() == errc::badarg);
  CHECK(made.error().message().find("named_by") != std::string::npos);
}
