// What passes through the packets of a connection: every size, many atoms, large messages of many senders at once.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;

constexpr std::size_t three_fragments = 150'000;

std::string side(world& in, const std::string& function, const std::string& arguments) {
  in.peer().load(std::filesystem::path{ERGO_SOURCE_DIR "/tests/interop/node/packets_side.erl"}.string());
  return in.erl("{apply, packets_side, " + function + ", [" + arguments + "]}");
}

ergo::term bulk(std::size_t size) { return ergo::etf::binary(std::string(size, static_cast<char>(size % 251))); }

// ----- everything comes back ----------------------------------------------------------------------------------------

TEST_CASE("Binaries of every size come there and back") {
  static constexpr std::size_t sizes[] = {1,      63,      64,      1'499,   1'500,    65'535,         65'536,
                                          65'537, 131'072, 131'073, 300'000, 1U << 20, (8U << 20) - 1, 8U << 20};
  in_every_world("binaries of 1 B to 8 MiB, both ways", [](world& in) {
    std::string listed;
    for (const auto size : sizes) listed += (listed.empty() ? "" : ",") + std::to_string(size);
    expect_same(side(in, "sizes", in.at("echo") + ", [" + listed + "]"), "[]");
    for (const auto size : sizes) {
      const auto sent = bulk(size);
      expect(ergo::etf::compare_exact(in.ours().call(in.erl_server(), sent, 60s), sent) == 0,
             std::to_string(size) + " bytes came back differently");
    }
  });
}

std::vector<ergo::term> many_atoms(std::size_t count) {
  std::vector<ergo::term> made;
  for (std::size_t number = 1; number <= count; ++number)
    made.emplace_back(ergo::atom::of("interop_packet_" + std::to_string(number)));
  return made;
}

TEST_CASE("Three thousand atoms pass through a cache of 2,048, and more than 255 in one message") {
  in_every_world("3,000 atoms, 1,000 in a message, both ways", [](world& in) {
    expect_same(side(in, "atoms", in.at("echo") + ", [3000, 200]"), "true");
    expect_same(side(in, "atoms", in.at("echo") + ", [3000, 1000]"), "true");
    const auto atoms = many_atoms(3'000);
    for (const std::size_t each : {200UZ, 1'000UZ, 3'000UZ}) {
      for (std::size_t at = 0; at < atoms.size(); at += each) {
        const auto some = ergo::etf::make_list(std::span{atoms}.subspan(at, each));
        expect(ergo::etf::compare_exact(in.ours().call(in.erl_server(), some), some) == 0,
               "the atoms from " + std::to_string(at) + " on came back differently");
      }
    }
  });
}

TEST_CASE("Atoms of 255 characters of one to four bytes pass by text and by number") {
  in_every_world("atoms of 255 UTF-8 characters, both ways", [](world& in) {
    expect_same(side(in, "long_atoms", in.at("echo")), "[true,true,true,true]");
    for (const std::string_view one : {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"}) {
      std::string text;
      for (int count = 0; count < 255; ++count) text += one;
      const ergo::term sent{ergo::atom::of(text)};
      for (int round = 0; round < 2; ++round)
        expect(ergo::etf::compare_exact(in.ours().call(in.erl_server(), sent), sent) == 0, "came back differently");
    }
  });
}

// ----- many at once -------------------------------------------------------------------------------------------------

ergo::task<ergo::term> call_with_bulk(ergo::process& self, ergo::destination to, std::int64_t number, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    const auto sent = tuple(number, round, bulk(three_fragments + static_cast<std::size_t>(number)));
    const auto back = co_await ergo::otp::call<ergo::term>(self, to, sent, 60s);
    if (!back) co_return back.error().reason();
    if (ergo::etf::compare_exact(*back, sent) != 0) co_return "different"_atom;
  }
  co_return "same"_atom;
}

TEST_CASE("Messages of three fragments from many senders at once arrive whole, each at its receiver") {
  in_every_world("60 senders × 10 messages of three fragments at once, both ways", [](world& in) {
    expect_same(side(in, "at_once", in.at("echo") + ", 60, 10, 150000"), "[]");
    std::vector<running<decltype(&call_with_bulk), ergo::destination, std::int64_t, int>> callers;
    for (std::int64_t number = 0; number < 60; ++number)
      callers.emplace_back(in.node(), &call_with_bulk, in.erl_server(), number, 10);
    for (auto& one : callers) expect_term(one.get(60s), "same");
  });
}

TEST_CASE("Two hundred processes send a megabyte each at the same time, and the connection bears it") {
  for_every_release("200 senders × 1 MiB at once, both ways", [](const release& otp) {
    world in{otp};
    in.connect(true);
    expect_same(side(in, "at_once", in.at("echo") + ", 200, 1, 1048576"), "[]");
    std::vector<running<decltype(&call_with_bulk), ergo::destination, std::int64_t, int>> callers;
    for (std::int64_t number = 0; number < 200; ++number)
      callers.emplace_back(in.node(), &call_with_bulk, in.erl_server(), 900'000 + number, 1);
    for (auto& one : callers) expect_term(one.get(60s), "same");
    expect(!in.node().nodes(ergo::node_set::all).empty(), "the connection was lost");
  });
}

// ----- order --------------------------------------------------------------------------------------------------------

constexpr std::int64_t mixed = 2'000;

std::int64_t number_of(const ergo::term& message) {
  return (message.is_tuple(2) ? message.elements()[0] : message).as_integer().value_or(0);
}

ergo::task<ergo::term> expect_in_order(ergo::process& self) {
  (void)self.register_name("packet_order"_atom);
  for (std::int64_t wanted = 1; wanted <= mixed; ++wanted) {
    const auto received = co_await self.receive_any();
    if (number_of(received.to_term()) != wanted) co_return "out_of_order"_atom;
  }
  co_return "in_order"_atom;
}

ergo::task<ergo::term> send_mixed(ergo::process& self, ergo::destination to) {
  (void)self.register_name("packet_order"_atom);
  for (std::int64_t number = 1; number <= mixed; ++number) {
    if (number % 10 == 0) {
      const auto large = tuple(number, bulk(three_fragments));
      co_await self.send(to, large);
    } else {
      co_await self.send(to, number);
    }
  }
  const auto told = co_await self.receive_any();
  co_return told.to_term();
}

TEST_CASE("Small and large messages of one sender never pass each other") {
  in_every_world("2,000 messages in order, every tenth of three fragments, both ways", [](world& in) {
    running receiver{in.node(), &expect_in_order};
    eventually("the receiver has its name", [&] { return in.node().local().whereis("packet_order"_atom).has_value(); });
    expect_same(side(in, "burst_of", in.at("packet_order") + ", 2000, 150000"), "ok");
    expect_term(receiver.get(60s), "in_order");
    eventually("the name is free", [&] { return !in.node().local().whereis("packet_order"_atom).has_value(); });

    const auto to = in.remote("{apply, packets_side, to_many, [" + in.at("packet_order") + ", 2000]}").as_pid();
    expect(to.has_value(), "no receiver");
    running sender{in.node(), &send_mixed, ergo::destination{*to}};
    expect_term(sender.get(60s), "{in_order,true}");
  });
}

// ----- forms --------------------------------------------------------------------------------------------------------

TEST_CASE("Every form of packets that a node may be told to use is understood") {
  struct form {
    std::string_view name;
    bool atom_cache;
    std::size_t fragment;
  };
  static constexpr form forms[] = {{"pass-through", false, 0},
                                   {"cache, no fragments", true, 0},
                                   {"fragments, no cache", false, 64U << 10},
                                   {"fragments of 1,500 bytes", true, 1'500}};
  for (const auto& one : forms) {
    for_every_release("options: " + std::string{one.name}, [&](const release& otp) {
      ergo::node_options options;
      options.atom_cache = one.atom_cache;
      options.fragment = one.fragment;
      world in{otp, std::move(options)};
      for (const bool they_first : {true, false}) {
        in.connect(they_first);
        expect_same(in.erl("{echo_all, " + in.at("echo") + "}"), "all");
        expect_same(side(in, "sizes", in.at("echo") + ", [1,1500,1501,65536,1000000]"), "[]");
        expect_same(side(in, "atoms", in.at("echo") + ", [600, 300]"), "true");
        const auto sent = tuple(ergo::etf::make_list(many_atoms(600)), bulk(1'000'000));
        for (int round = 0; round < 2; ++round)
          expect(ergo::etf::compare_exact(in.ours().call(in.erl_server(), sent), sent) == 0, "came back differently");
      }
    });
  }
}

}  // namespace
}  // namespace ergo_interop
