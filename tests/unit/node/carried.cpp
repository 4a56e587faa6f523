// Packing a destination into an envelope and taking it out again.
#include "carried.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace ergo;
using namespace ergo::detail;

namespace {

const auto here = etf::node_id::make(atom::of("here@h"), 7).value();
const auto there = etf::node_id::make(atom::of("there@h"), 9).value();
const pid sender{here, 123, 4};
const pid receiver{there, 0xFFFFFFFF, 0xFFFFFFFE};
const reference own_ref{here, 3, {0x3FFFF, 0xFFFFFFFF, 0x3FFF}};

term alias_tag(const reference& ref) { return etf::make_list(std::array{term{"alias"_atom}}, term{ref}); }

signal* envelope(signal_kind kind) {
  auto* const made = make_signal(kind, sender, term{"payload"_atom});
  if (kind == signal_kind::call || kind == signal_kind::monitor || kind == signal_kind::demonitor ||
      kind == signal_kind::down)
    made->tag = term{own_ref};
  if (kind == signal_kind::monitor || kind == signal_kind::demonitor) made->payload = term{};
  if (kind == signal_kind::reply) made->tag = term{reference{there, 2, {1, 2}}};
  if (kind == signal_kind::down) made->name = "watched"_atom;
  return made;
}

}  // namespace

TEST_CASE("every kind comes out as it went in, with its destination") {
  const auto kind =
      GENERATE(signal_kind::message, signal_kind::cast, signal_kind::call, signal_kind::reply, signal_kind::link,
               signal_kind::unlink, signal_kind::unlink_ack, signal_kind::link_exit, signal_kind::exit,
               signal_kind::monitor, signal_kind::demonitor, signal_kind::down, signal_kind::group_leader);
  const auto to = GENERATE(destination{receiver}, destination{"registered"_atom, "there@h"_atom});
  auto* const expected = envelope(kind);
  const auto out = unpack(pack(to, envelope(kind), 100), "there@h"_atom);
  REQUIRE(out.envelope != nullptr);
  CHECK(out.to == to);
  CHECK(out.envelope->kind == kind);
  CHECK(out.envelope->from == sender);
  CHECK(out.envelope->payload == expected->payload);
  CHECK(out.envelope->tag == expected->tag);
  CHECK(out.envelope->name == expected->name);
  release(out.envelope);
  release(expected);
}

TEST_CASE("a call whose reference is not of this program keeps it") {
  auto* const made =
      make_signal(signal_kind::call, sender, term{reference{there, 5, {1, 2, 3, 4, 5}}}, term{"request"_atom});
  const auto out = unpack(pack(destination{receiver}, made, 1), "there@h"_atom);
  CHECK(out.envelope->tag == term{reference{there, 5, {1, 2, 3, 4, 5}}});
  CHECK(out.to == destination{receiver});
  release(out.envelope);
}

TEST_CASE("an answer to an alias needs no destination beside it") {
  const auto tag = alias_tag(reference{there, 3, {1, 2, 3}});
  auto* const made = make_signal(signal_kind::reply, sender, tag, term{42});
  auto* const packed = pack(destination{receiver}, made, 1);
  CHECK(packed == made);
  const auto out = unpack(packed, "there@h"_atom);
  CHECK(out.envelope->tag == tag);
  CHECK(out.envelope->payload == term{42});
  release(out.envelope);
}

TEST_CASE("what goes over an alias of a process keeps the alias, and its urgency") {
  const auto kind = GENERATE(signal_kind::message, signal_kind::exit);
  auto* const made = make_signal(kind, sender, term{own_ref}, term{42});
  made->flags |= signal::over_alias | signal::urgent;
  auto* const packed = pack(destination{pid{there, 0, 0}}, made, 1);
  CHECK(packed == made);
  const auto out = unpack(packed, "there@h"_atom);
  CHECK(out.envelope->tag == term{own_ref});
  CHECK(out.envelope->flags == (signal::over_alias | signal::urgent));
  release(out.envelope);
}

TEST_CASE("only the two shapes of OTP are aliases") {
  const reference ref{there, 3, {1, 2, 3}};
  CHECK(has_alias(alias_tag(ref)));
  CHECK(has_alias(etf::make_list(std::array{alias_tag(ref)}, term{ref})));
  CHECK_FALSE(has_alias(term{ref}));
  CHECK_FALSE(has_alias(etf::make_list(std::array{term{"alien"_atom}}, term{ref})));
  CHECK_FALSE(has_alias(etf::list("alias"_atom, ref)));
  CHECK_FALSE(has_alias(etf::make_list(std::array{term{"alias"_atom}}, term{1})));
  CHECK_FALSE(has_alias(term{}));
}

TEST_CASE("sizes are exact below 32 KiB, then whole KiB, at most 32 MiB") {
  for (const std::size_t size : {0UZ, 1UZ, 100UZ, 32'767UZ}) CHECK(rounded_size(size) == size);
  CHECK(rounded_size(32'768) == 32'768);
  CHECK(rounded_size(100'000) == 99'328);
  CHECK(rounded_size(1UZ << 30) == (32'767UZ << 10));
  auto* const packed = pack(destination{receiver}, envelope(signal_kind::cast), 100'000);
  CHECK(size_of(*packed) == rounded_size(100'000));
  release(unpack(packed, "there@h"_atom).envelope);
}
