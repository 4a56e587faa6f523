// Whose fragment is next, and who waits.
#include "large_messages.hpp"

#include <ergo/dist/control_encode.hpp>
#include <ergo/dist/packet_reader.hpp>
#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace ergo;
using namespace ergo::detail;

namespace {

const dist::flags negotiated =
    dist::expand_digest(dist::pass_through_offer.with(dist::flag::dist_hdr_atom_cache).with(dist::flag::fragments));
const etf::node_id here = etf::node_id::make(atom::of("here@h"), 7).value();
const etf::node_id there = etf::node_id::make(atom::of("there@h"), 9).value();

pid sender(std::uint32_t number) { return {here, number, 0}; }

/// One end of a connection whose fragments have a thousand bytes, and the other.
struct two_ends {
  dist::packet_writer writer{negotiated, {.fragment = 1000}};
  dist::packet_reader reader{negotiated};
  etf::buffer out;
  large_messages large;

  ~two_ends() {
    while (auto lost = large.drop()) {
      while (!lost->waiting.empty()) release(lost->waiting.pop_front());
    }
  }
  void add(std::uint32_t number, std::size_t fragments) {
    const auto payload = etf::binary(std::string(fragments * 1000 - 500, 'x'));
    REQUIRE(dist::encode(out, dist::control::send{sender(number), pid{there, 1, 1}}, payload, writer));
    auto made = writer.take_large();
    REQUIRE(made);
    REQUIRE(made->left() == fragments);
    large.add(sender(number), *std::move(made), number);
  }
  /// The next fragment goes over; 0, or the number of the sender whose message is complete.
  std::uint32_t pass() {
    const auto over = large.next(out, writer);
    const auto bytes = out.to_string();
    out.clear();
    const auto message = reader.read(std::as_bytes(std::span{bytes}).subspan(4), nullptr);
    REQUIRE(message);
    REQUIRE(message->has_value() == over.has_value());
    if (!over) return 0;
    REQUIRE(over->sender == sender(static_cast<std::uint32_t>(over->counted)));
    return static_cast<std::uint32_t>(over->counted);
  }
};

}  // namespace

TEST_CASE("large messages take turns, and the shortest is through first") {
  two_ends on;
  on.add(1, 4);
  on.add(2, 2);
  on.add(3, 3);
  std::vector<std::uint32_t> passed;
  while (!on.large.empty()) passed.push_back(on.pass());
  CHECK(passed == std::vector<std::uint32_t>{0, 0, 0, 0, 2, 0, 0, 3, 1});
}

TEST_CASE("what follows a large message of the same sender waits, in order, and nobody else does") {
  two_ends on;
  on.add(1, 2);
  CHECK(on.large.holds(sender(1)));
  CHECK_FALSE(on.large.holds(sender(2)));
  for (int number = 1; number <= 3; ++number)
    on.large.wait(sender(1), make_signal(signal_kind::message, sender(1), term{number}));
  CHECK_FALSE(on.large.next(on.out, on.writer));
  auto over = on.large.next(on.out, on.writer);
  REQUIRE(over);
  CHECK_FALSE(on.large.holds(sender(1)));
  for (int number = 1; number <= 3; ++number) {
    REQUIRE_FALSE(over->waiting.empty());
    auto* const next = over->waiting.pop_front();
    CHECK(next->payload == term{number});
    release(next);
  }
  CHECK(over->waiting.empty());
}

TEST_CASE("the peer never has more than 64 unfinished messages of ours, and all arrive") {
  two_ends on;
  constexpr std::uint32_t senders = 200;
  for (std::uint32_t number = 1; number <= senders; ++number) on.add(number, 3);
  std::size_t arrived = 0;
  std::size_t most_open = 0;
  while (!on.large.empty()) {
    if (on.pass() != 0) ++arrived;
    most_open = std::max(most_open, on.reader.open());
  }
  CHECK(arrived == senders);
  CHECK(most_open == large_messages::at_a_time);
}

TEST_CASE("giving up finds every message once, those that have not begun too") {
  two_ends on;
  for (std::uint32_t number = 1; number <= 100; ++number) on.add(number, 3);
  (void)on.pass();
  std::size_t lost = 0;
  while (on.large.drop()) ++lost;
  CHECK(lost == 100);
  CHECK(on.large.empty());
  CHECK_FALSE(on.large.holds(sender(1)));
}
