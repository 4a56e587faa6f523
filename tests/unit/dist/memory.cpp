// Memory that runs out in the protocol machines: each allocation in turn fails; `std::bad_alloc` arrives, and nothing
// is left behind, neither memory nor half a packet.
#include <ergo/dist/control_decode.hpp>
#include <ergo/dist/control_encode.hpp>
#include <ergo/dist/packet.hpp>
#include <ergo/dist/peers.hpp>

#include "handshake_fixture.hpp"
#include "packet_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <ergo_test/allocations.hpp>

#include <stdexcept>
#include <string>
#include <type_traits>

using namespace ergo::test;
namespace peering = ergo::dist::peering;
using dist::attempt_id;
using dist::waiter_id;

namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error{what};
}

/// Appends a packet with any message, and a payload where one belongs to it.
dist::encode_result put(etf::buffer& out, const control::message& message, const etf::term& term) {
  return std::visit(
      [&](const auto& signal) {
        if constexpr (requires { dist::encode(out, signal, term, with_29); })
          return dist::encode(out, signal, term, with_29);
        else
          return dist::encode(out, signal, with_29);
      },
      message);
}

/// The life of a table: a dial that fails, an accepted peer, one that is replaced, the stop.
void live(dist::peers& table) {
  const auto pass = [&](const peering::event& event) { return table.resume(event).size(); };
  const std::string far = "a-peer-with-a-long-name@a-host-with-a-long-name";
  const std::string near = "m@h";
  pass(peering::want{far, waiter_id{1}});
  pass(peering::want{far, waiter_id{2}});
  pass(peering::ended{attempt_id{1}, {dist::peer_errc::unreachable}});
  for (int time = 0; time < 2; ++time) {
    const auto id = table.next_id();
    pass(peering::incoming{id, near});
    pass(peering::proven{id});
    pass(peering::established{id});
  }
  require(table.nodes().size() <= 1, "one peer is up twice");
  pass(peering::disconnect{near});
  pass(peering::stop{});
}

}  // namespace

TEST_CASE("a control message is written whole or not at all when memory runs out", "[R50]") {
  const auto term = etf::tuple("hello"_atom, etf::binary(std::string(2'000, 'x')));
  for (const auto& one : examples()) {
    CAPTURE(dist::to_string(one.op));
    etf::buffer whole;
    if (!put(whole, one.meaning, term)) continue;
    bool clean = true;
    const auto failures = fail_everywhere([&] {
      etf::buffer out;
      try {
        require(put(out, one.meaning, term).has_value(), "not written");
      } catch (const std::bad_alloc&) {
        clean = clean && out.empty();
        throw;
      }
      require(out.to_string() == whole.to_string(), "written wrongly");
    });
    CHECK(failures >= 1);
    CHECK(clean);
  }
}

TEST_CASE("a packet that grows when memory runs out leaves those before it alone") {
  // More than a thread keeps for its next buffers.
  const auto term = etf::make_list(std::vector(1'000, etf::binary(std::string(3'000, 'x'))));
  etf::buffer out;
  REQUIRE(dist::encode(out, control::link{ours, theirs}, with_29));
  const auto before = out.to_string();
  fail_allocation(1);
  CHECK_THROWS_AS(dist::encode(out, control::send{ours, theirs}, term, with_29), std::bad_alloc);
  fail_allocation(0);
  CHECK(out.to_string() == before);
  REQUIRE(dist::encode(out, control::send{ours, theirs}, term, with_29));
  CHECK(out.to_string().starts_with(before));
}

TEST_CASE("a control message is read without a loss when memory runs out", "[R50]") {
  for (const auto& one : examples()) {
    CAPTURE(dist::to_string(one.op));
    const auto bytes = body(one);
    static_cast<void>(fail_everywhere([&] {
      const auto got = dist::decode_control(view(bytes), context(one.negotiated));
      require(got.has_value() && got->message == one.meaning, "read wrongly");
    }));
  }
}

TEST_CASE("a receive buffer that could not grow goes on where it was") {
  dist::receive_buffer input{{.max_packet = 1U << 20, .block = 256, .eager = 1'024}};
  const std::string packet = std::string{"\0\0\x27\x10", 4} + std::string(10'000, 'p');
  std::size_t failures = 0;
  for (std::size_t at = 0; at < packet.size();) {
    fail_allocation(1);
    try {
      const auto room = input.prepare();
      fail_allocation(0);
      const auto count = std::min(room.size(), packet.size() - at);
      std::memcpy(room.data(), packet.data() + at, count);
      input.commit(count);
      at += count;
    } catch (const std::bad_alloc&) {
      fail_allocation(0);
      ++failures;
      static_cast<void>(input.prepare());
    }
  }
  const auto got = input.next();
  CHECK(failures >= 3);
  REQUIRE(got.what == dist::receive_buffer::outcome::packet);
  CHECK(std::string_view{reinterpret_cast<const char*>(got.body.data()), got.body.size()} == packet.substr(4));
}

TEST_CASE("both ends of a handshake lose nothing when memory runs out", "[R50]") {
  const auto failures = fail_everywhere([] {
    dist::connector dialler{config_of("dialler-with-a-long-name@host", 1), "accepter-with-a-long-name@host", "secret"};
    dist::acceptor accepter{config_of("accepter-with-a-long-name@host", 2)};
    const auto ended = duel(dialler, accepter);
    require(ended.dialler.code() == "done" && ended.accepter.code() == "done", "no agreement");
  });
  CHECK(failures >= 10);
}

TEST_CASE("the connection table loses nothing when memory runs out", "[R50]") {
  const auto failures = fail_everywhere([] {
    dist::peers table{"us-with-a-long-name@a-host-with-a-long-name"};
    live(table);
  });
  CHECK(failures >= 5);
}

TEST_CASE("what the connection table has no memory for has not happened, and happens when it is told again", "[R50]") {
  const std::string far = "a-peer-with-a-long-name@a-host-with-a-long-name";
  const std::string near = "another-peer-with-a-long-name@a-host-with-a-long-name";
  dist::peers table{"us-with-a-long-name@a-host-with-a-long-name"};
  std::size_t failures = 0;
  // Tells an event until there is memory for it; before, nothing may have changed.
  const auto tell = [&](const peering::event& event) {
    peering::commands told;
    failures += fail_each_allocation([&] {
      const auto peers = table.size();
      const auto attempts = table.attempts();
      try {
        told = table.resume(event);
      } catch (const std::bad_alloc&) {
        require(table.size() == peers && table.attempts() == attempts, "half an event");
        throw;
      }
    });
    return told;
  };
  const auto first = table.next_id();
  CHECK(std::get<peering::admit>(tell(peering::incoming{first, near}).front()).decision == handshake::decision::ok);
  CHECK(std::get<peering::conclude>(tell(peering::proven{first}).front()).id == first);
  CHECK(std::get<peering::nodeup>(tell(peering::established{first}).front()).peer == near);
  CHECK(std::get<peering::close>(tell(peering::disconnect{near}).front()).id == first);
  CHECK(std::get<peering::nodedown>(tell(peering::ended{first, {dist::peer_errc::closed}}).front()).peer == near);
  CHECK(table.size() == 0);
  // A call that there is no memory for is denied, or was never wanted.
  const auto wanted = tell(peering::want{far, waiter_id{1}});
  REQUIRE(wanted.size() == 1);
  CHECK((std::holds_alternative<peering::denied>(wanted[0]) || std::holds_alternative<peering::dial>(wanted[0])));
  CHECK(table.size() == table.attempts());
  CHECK(failures >= 8);
}

TEST_CASE("what is written behind a header is whole when memory was short, and both ends know the same atoms") {
  const auto first = etf::term{"memory_small"_atom};
  const auto second = etf::tuple("memory_first"_atom, etf::binary(std::string(3'000, 'x')), "memory_second"_atom);
  dist::packet_writer writer{with_both, {.fragment = 1'000}};
  dist::packet_reader reader{with_both};
  std::vector<etf::term> got;
  std::size_t failures = 0;
  // Does a step with each of its allocations failing before it succeeds, into a buffer without memory.
  const auto step = [&](const auto& work) {
    etf::buffer out;
    bool clean = true;
    failures += fail_each_allocation([&] {
      try {
        work(out);
      } catch (const std::bad_alloc&) {
        clean = clean && out.empty() && out.atoms() == nullptr;
        throw;
      }
    });
    CHECK(clean);
    for (const auto& body : bodies(out.to_string())) {
      const auto read = reader.read(view(body), nullptr);
      REQUIRE(read.has_value());
      if (!*read) continue;
      const auto understood = understand(**read, with_both);
      REQUIRE(understood.has_value());
      got.push_back(understood->payload);
    }
  };
  const auto send = [&writer](etf::buffer& out, const etf::term& payload) {
    require(dist::encode(out, control::send{theirs, ours}, payload, writer).has_value(), "not written");
  };
  for (int round = 0; round < 2; ++round) {
    step([&](etf::buffer& out) { send(out, first); });
    step([&](etf::buffer& out) { send(out, second); });
    auto large = writer.take_large();
    REQUIRE(large.has_value());
    while (large->left() != 0) step([&](etf::buffer& out) { large->next(out, writer); });
  }
  CHECK(got == std::vector{first, second, first, second});
  CHECK(failures >= 2);  // many more where a thread keeps no memory for small buffers: under sanitizers
}

TEST_CASE("fragments are read without a loss when memory runs out", "[R50]") {
  dist::packet_writer writer{with_both, {.fragment = 100}};
  const auto term = etf::tuple("memory_first"_atom, etf::binary(std::string(3'000, 'x')));
  const auto stream = bodies(written(writer, term));
  static_cast<void>(fail_everywhere([&] {
    dist::packet_reader reader{with_both};
    std::optional<arrival> last;
    for (const auto& body : stream) {
      const auto got = reader.read(view(body), nullptr);
      require(got.has_value(), "refused");
      if (*got) last = understand(**got, with_both);
    }
    require(last && last->payload == term, "read wrongly");
  }));
}
