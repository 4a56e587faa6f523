// Nodes without a name, which the first peer names: Erlang's here, ours there.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

namespace ergo_interop {
namespace {

/// Which incarnation of its name an Erlang node is.
constexpr std::string_view creation_of = "{apply, erts_internal, get_creation, []}";

/// `net_adm:ping/1` is not for nodes without a name.
std::string connecting_to(const our_node& node) {
  return "{apply, net_kernel, connect_node, [" + node.quoted_name() + "]}";
}

ergo::node_options unnamed(const std::string& by, std::uint16_t epmd_port) {
  auto options = options_for("undefined", epmd_port);
  options.named_by = by;
  return options;
}

TEST_CASE("An Erlang node without a name is named by ours, and a freed name is given out again") {
  for_every_release("dynamic name: ours names Erlang's, creation + 1", [](const release& otp) {
    const auto port = free_port();
    our_node ours{options_for(fresh_name("cpp"), port)};
    std::string name;
    std::uint64_t creation = 0;
    for (int round = 0; round < 3; ++round) {
      auto options = peer_at(otp, port);
      options.name = "undefined@localhost";
      erlang_peer peer{options};
      expect_same(peer.run("node"), "nonode@nohost");
      expect_same(peer.run(connecting_to(ours)), "true");
      eventually("it is in nodes(hidden)", [&] { return ours->nodes(ergo::node_set::hidden).size() == 1; });
      const auto hidden = ours->nodes(ergo::node_set::hidden);
      expect_same(peer.run("node"), ergo::etf::to_text(hidden.front()));
      const auto now = std::stoull(peer.run(std::string{creation_of}));
      if (round > 0) {
        expect_same(hidden.front().text(), name);
        expect(now == creation + 1, "its creation is " + std::to_string(now) + " after " + std::to_string(creation));
      }
      name = hidden.front().text();
      creation = now;
      expect_same(peer.run("{echo_all, {echo, " + ours.quoted_name() + "}}"), "all");
      expect_term(ours.call({"erl_server"_atom, hidden.front()}, round), std::to_string(round));
      peer.kill_now();
      eventually("it is gone", [&] { return ours->nodes(ergo::node_set::all).empty(); });
    }
  });
}

TEST_CASE("Two Erlang nodes without a name have two names, and see each other through us") {
  for_every_release("dynamic name: two of Erlang's at once", [](const release& otp) {
    const auto port = free_port();
    our_node ours{options_for(fresh_name("cpp"), port)};
    auto options = peer_at(otp, port);
    options.name = "undefined@localhost";
    erlang_peer one{options};
    erlang_peer two{options};
    for (auto* const peer : {&one, &two}) expect_same(peer->run(connecting_to(ours)), "true");
    expect(one.run("node") != two.run("node"), "one name for two nodes");
    eventually("both are connected", [&] { return ours->nodes(ergo::node_set::hidden).size() == 2; });
  });
}

TEST_CASE("An Erlang node loses the name that it has from ours with that connection, and all others") {
  for_every_release("dynamic name: Erlang's is lost, and another one had from another node", [](const release& otp) {
    const auto port = free_port();
    our_node first{options_for(fresh_name("cpp"), port)};
    our_node second{options_for(fresh_name("cpp"), port)};
    auto options = peer_at(otp, port);
    options.name = "undefined@localhost";
    erlang_peer peer{options};
    for (auto* const node : {&first, &second}) expect_same(peer.run(connecting_to(*node)), "true");
    const auto name = peer.run("node");
    eventually("the first one knows it", [&] { return !first->nodes(ergo::node_set::hidden).empty(); });
    first->disconnect(first->nodes(ergo::node_set::hidden).front().text());
    eventually("it has no name", [&] { return peer.run("node") == "nonode@nohost"; });
    eventually("the other connection is ended", [&] { return second->nodes(ergo::node_set::all).empty(); });
    expect_same(peer.run(connecting_to(second)), "true");
    expect(peer.run("node") != name && peer.run("node") != "nonode@nohost", peer.run("node"));
    expect_same(peer.run("{echo_all, {echo, " + second.quoted_name() + "}}"), "all");
  });
}

TEST_CASE("Our node without a name is named by Erlang, reached by that name, and gets it back") {
  for_every_release("dynamic name: Erlang names ours, lost and back", [](const release& otp) {
    const auto port = free_port();
    our_node mapper{options_for(fresh_name("mapper"), port)};
    erlang_peer peer{peer_at(otp, port)};
    our_node guest{unnamed(peer.name(), port)};
    expect(guest->creation() >= 4 && guest.name().ends_with("@localhost"), guest.name());
    const auto named = "{[],[" + ergo::etf::to_text(guest->name()) + "]}";
    eventually("they have named it", [&] { return peer.run("nodes") == named; });
    expect_same(peer.run("{ping, " + guest.quoted_name() + "}"), "pong");
    expect_same(peer.run("{echo_all, {echo, " + guest.quoted_name() + "}}"), "all");
    const ergo::destination server{"erl_server"_atom, parsed(atom_text(peer.name())).as_atom().value()};
    expect_term(guest.call(server, "hello"_atom), "hello");
    expect(guest->connect(mapper.name()).has_value(), "another node");
    expect_same(peer.run("{disconnect, " + guest.quoted_name() + "}"), "true");
    eventually("it is alone", [&] { return guest->nodes(ergo::node_set::all).empty(); });
    expect(guest->connect(mapper.name()).error() == ergo::errc::not_alive, "it went on without its name");
    const auto again = guest->connect(peer.name());
    expect(again.has_value(), again ? "" : again.error().message());
    expect_same(peer.run("{call, {echo, " + guest.quoted_name() + "}, again}"), "again");
  });
}

TEST_CASE("Erlang gives our freed name to our next node, as the next incarnation, and not to two") {
  for_every_release("dynamic name: freed by ours, given to the next one", [](const release& otp) {
    const auto port = free_port();
    our_node mapper{options_for(fresh_name("mapper"), port)};
    erlang_peer peer{peer_at(otp, port)};
    our_node first{unnamed(peer.name(), port)};
    const auto connected = [&](our_node& one) { return peer.run("{connected, " + one.quoted_name() + "}") == "true"; };
    {
      std::optional<our_node> second{std::in_place, unnamed(peer.name(), port)};
      expect(first.name() != second->name(), "one name for two nodes");
      const auto ended = "{connected, " + second->quoted_name() + "}";
      second.reset();
      eventually("the second is gone",
                 [&] { return peer.run(ended) == "false"; });  // the name that is freed last is given
    }
    expect_same(peer.run("{disconnect, " + first.quoted_name() + "}"), "true");
    eventually("it is gone", [&] { return !connected(first); });
    our_node heir{unnamed(peer.name(), port)};
    expect_same(heir.name(), first.name());
    expect(heir->creation() == first->creation() + 1, "the creation of the heir");
    const auto refused = first->connect(peer.name());
    expect(!refused.has_value(), "one name for two nodes");
    expect(refused.error().message().find("another node since") != std::string::npos, refused.error().message());
    expect(connected(heir), "the heir was cut off");
  });
}

}  // namespace
}  // namespace ergo_interop
