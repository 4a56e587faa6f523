// An Erlang node and ours over a connection that is reset at chosen bytes: R03, live.
#include "proxied.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <utility>

namespace ergo_interop {
namespace {

using ergo::etf::is_tagged;
using ergo::etf::tuple;

constexpr std::size_t large = 150'000;  // three fragments

/// Counts large messages that came whole, and everything else; call `take` gives both and begins again.
ergo::task<> collect(ergo::process& self) {
  const std::string whole(large, 'x');
  int count = 0;
  int other = 0;
  for (;;) {
    const auto got = co_await self.receive_any();
    if (got.is_call()) {
      self.reply(got.from(), tuple(std::exchange(count, 0), std::exchange(other, 0)));
    } else if (is_tagged(got.payload(), "large"_atom, 2) && got.payload().elements()[1].bytes() == whole) {
      ++count;
    } else {
      ++other;
    }
  }
}

/// Bytes at which to reset: the first ones behind a handshake, those around the beginnings of fragments, and samples.
std::vector<std::uint64_t> cuts_of(std::size_t all) {
  std::vector<std::uint64_t> cuts;
  for (std::size_t cut = 60; cut < 300; cut += 7) cuts.push_back(cut);
  for (const std::size_t fragment : {65'536U, 131'072U}) {
    for (std::size_t cut = fragment - 40; cut < fragment + 400; cut += 23) cuts.push_back(cut);
  }
  for (std::size_t cut = 1000; cut < all; cut += 11'003) cuts.push_back(cut);
  cuts.push_back(all - 1);
  return cuts;
}

/// What must have come of a message that was cut: nothing, or all where all of it may have passed.
void whole_or_not(const std::string& taken, std::uint64_t cut) {
  const bool whole = cut > large && taken == "{1,0}";
  expect(whole || taken == "{0,0}", taken + " came although it was cut after byte " + std::to_string(cut));
}

TEST_CASE("A large message from Erlang that is reset at any byte arrives whole or not at all", "[R03]") {
  for_every_release("reset at bytes of a three-fragment message, Erlang to ours (R03)", [](const release& otp) {
    scenario figures{"R03", "150 KB message, Erlang to ours, reset at sampled bytes"};
    they_dial on{otp};
    ergo::spawn_options named;
    named.name = "collector"_atom;
    expect(on.ours->spawn(named, ergo::make_body(collect)).has_value(), "no collector");
    const auto send = "{apply, flood_side, send_large, [" + on.at("collector") + ", " + std::to_string(large) + "]}";
    const auto taken = [&] { return on.ours.call("collector"_atom, "take"_atom); };
    on.peer.run(send);
    eventually("it comes without a fault", [&] { return ergo::etf::to_text(taken()) == "{1,0}"; });
    for (const auto cut : cuts_of(on.proxy.passed(way::forward).size())) {
      on.proxy.end_all(ending::reset);
      eventually("both are alone", [&] { return on.apart(); });
      (void)taken();
      const auto before = on.proxy.connections();
      on.proxy.cut_after(way::forward, cut, ending::reset);
      on.peer.run(send);
      eventually("it is cut", [&] { return on.proxy.connections() > before && on.proxy.open() == 0 && on.apart(); });
      whole_or_not(ergo::etf::to_text(taken()), cut);
      figures.ran();
    }
    on.proxy.cut_never();
    on.peer.run(send);
    eventually("it comes again", [&] { return ergo::etf::to_text(taken()) == "{1,0}"; });
  });
}

ergo::task<> send_large(ergo::process& self, ergo::destination to) {
  const auto content = tuple("large"_atom, ergo::etf::adopt_binary(std::string(large, 'x')));
  for (;;) {
    (void)co_await self.receive_any();
    self.send(to, content);
  }
}

TEST_CASE("A large message to Erlang that is reset at any byte arrives whole or not at all", "[R03]") {
  for_every_release("reset at bytes of a three-fragment message, ours to Erlang (R03)", [](const release& otp) {
    scenario figures{"R03", "150 KB message, ours to Erlang, reset at sampled bytes"};
    const auto port = free_port();
    const auto behind = free_port();
    fault_proxy proxy{endpoint{other_address, port}, endpoint{other_address, behind}};
    our_node ours{without_mapper(fresh_name("cpp") + "@127.0.0.1", port)};
    erlang_peer peer{erlang_at(otp, "127.0.0.2", behind)};
    peer.load(ERGO_SOURCE_DIR "/tests/interop/node/flood_side.erl");
    peer.run("{set, c, {apply, flood_side, collector, [" + std::to_string(large) + "]}}");
    const auto taken = [&] { return peer.run("{call, {var, c}, take}"); };
    const auto peer_name = parsed(atom_text(peer.name())).as_atom().value();
    const auto sender = ours->spawn(send_large, ergo::destination{"collector"_atom, peer_name});
    expect(sender.has_value(), "no sender");
    const auto apart = [&] {
      return !ours->is_connected(peer.name()) && peer.run("{connected, " + ours.quoted_name() + "}") == "false";
    };
    ours->send(*sender, "now"_atom);
    eventually("it comes without a fault", [&] { return taken() == "{1,0}"; });
    for (const auto cut : cuts_of(proxy.passed(way::forward).size())) {
      proxy.end_all(ending::reset);
      eventually("both are alone", apart);
      taken();
      const auto before = proxy.connections();
      proxy.cut_after(way::forward, cut, ending::reset);
      ours->send(*sender, "now"_atom);
      eventually("it is cut", [&] { return proxy.connections() > before && proxy.open() == 0 && apart(); });
      whole_or_not(taken(), cut);
      figures.ran();
    }
    proxy.cut_never();
    ours->send(*sender, "now"_atom);
    eventually("it comes again", [&] { return taken() == "{1,0}"; });
  });
}

}  // namespace
}  // namespace ergo_interop
