// What one peer may hold of a node, and how large its messages may be.
#include <catch2/catch_test_macros.hpp>

#include "wire_fixture.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ergo_test {
namespace {

class counting_watch final : public limit_watch {
 public:
  void refused(atom, std::string_view option) override { options.emplace_back(option); }
  std::vector<std::string> options;
};

reference nth_reference(const wire_fixture& on, std::uint32_t number) { return reference{on.peer, 3, {number, 2, 3}}; }

TEST_CASE("links and monitors of a peer beyond its quota are refused with system_limit, and others stay") {
  wire_fixture on;
  counting_watch watch;
  on.over.quota.links = 2;
  on.over.quota.monitors = 2;
  on.over.quota.watch = &watch;
  const auto self = on.spawn("srv"_atom);
  for (std::uint32_t number = 1; number <= 2; ++number) {
    REQUIRE(on.receive(control::link{pid{on.peer, number, 1}, self}));
    REQUIRE(on.receive(control::monitor{on.remote, self, nth_reference(on, number)}));
  }
  CHECK(on.written().empty());
  REQUIRE(on.receive(control::link{pid{on.peer, 3, 1}, self}));
  auto said = on.written();
  REQUIRE(said.size() == 1);
  CHECK(said[0].ends_with(" system_limit"));
  REQUIRE(on.receive(control::monitor{on.remote, self, nth_reference(on, 3)}));
  said = on.written();
  REQUIRE(said.size() == 1);
  CHECK(said[0].ends_with(" system_limit"));
  CHECK(on.table.links() == 2);
  CHECK(on.table.peer_monitors() == 2);
  CHECK(watch.options == std::vector<std::string>{"node_limits::links_per_peer", "node_limits::monitors_per_peer"});
  REQUIRE(on.receive(control::demonitor{on.remote, self, nth_reference(on, 1)}));
  REQUIRE(on.receive(control::monitor{on.remote, self, nth_reference(on, 4)}));
  CHECK(on.written().empty());
}

TEST_CASE("a peer starts no more processes than its quota while those that it has started live") {
  wire_fixture on;
  counting_watch watch;
  on.over.quota.processes = 2;
  on.over.quota.spawned = std::make_shared<std::atomic<std::size_t>>(0);
  on.over.quota.watch = &watch;
  REQUIRE(on.functions->add({"m"_atom, "wait"_atom, 0},
                            erase_function([](process& self) -> task<> { (void)co_await self.receive_any(); })));
  const auto ask = [&](atom name) {
    const control::spawn_request request{
        nth_reference(on, 1), on.remote, on.remote, "m"_atom, "wait"_atom, 0, etf::list(etf::tuple("name"_atom, name))};
    REQUIRE(on.receive(request, term{}));
    const auto said = on.written();
    REQUIRE(said.size() == 1);
    return said[0];
  };
  CHECK_FALSE(ask("first"_atom).ends_with("system_limit}"));
  CHECK_FALSE(ask("second"_atom).ends_with("system_limit}"));
  CHECK(ask("third"_atom).ends_with(",0,system_limit}"));
  CHECK_FALSE(on.local.whereis("third"_atom));
  CHECK(watch.options == std::vector<std::string>{"node_limits::processes_per_peer"});
  REQUIRE(on.receive(control::reg_send{on.remote, "first"_atom}, "end"_atom));
  CHECK(on.over.quota.spawned->load() == 1);
  CHECK_FALSE(ask("third"_atom).ends_with("system_limit}"));
}

// ----- limits of decoding -------------------------------------------------------------------------------------------

TEST_CASE("a message beyond a limit is refused with the name of its option, and counted as too large", "[S14]") {
  const auto refused = [](const etf::decode_limits& limits, const term& payload, std::string_view end = {}) {
    wire_fixture on;
    signal_reader strict{on.over, on.writer, on.functions, limits};
    const auto self = on.spawn("srv"_atom);
    etf::buffer packet;
    REQUIRE(dist::encode(packet, control::send{on.remote, self}, payload, modern));
    auto body = packet.to_string().substr(4);
    body.replace(body.size() - end.size(), end.size(), end);
    const auto read = strict.read(std::as_bytes(std::span{body}), nullptr);
    REQUIRE_FALSE(read);
    on.run();
    CHECK(on.lines.empty());
    return read.error();
  };
  etf::decode_limits shallow;
  shallow.depth = 4;
  term deep;
  for (int level = 0; level < 6; ++level) deep = etf::tuple(deep);
  const auto depth = refused(shallow, deep);
  CHECK(depth.how == breach::message);
  CHECK(depth.text == "message_too_large: deeper than node_limits::depth");
  etf::decode_limits small;
  small.memory = 1'000;
  const auto size = refused(small, etf::binary(std::string(10'000, 'x')));
  CHECK(size.how == breach::message);
  CHECK(size.text.find("node_limits::message") != std::string::npos);
  etf::atom_budget none{0};
  etf::decode_limits poor;
  poor.budget = &none;
  const auto atoms = refused(poor, "nobody_has_made_this"_atom, "THIS");
  CHECK(atoms.how == breach::atoms);
  CHECK(atoms.text.find("node_limits::atoms_per_peer") != std::string::npos);
}

}  // namespace
}  // namespace ergo_test
