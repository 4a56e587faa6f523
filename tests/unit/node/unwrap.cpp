// Wrappings that are read in their bytes: the same verdict as on the decoded term, or none.
#include "unwrap.hpp"

#include <ergo/etf/codec.hpp>
#include <ergo/etf/packet_atoms.hpp>
#include <ergo/etf/term.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <vector>

using namespace ergo;
using namespace ergo::etf::literals;
using etf::atom;
using etf::term;

namespace {

// A payload as a peer with an atom cache writes it, or one without.
struct written {
  explicit written(const term& content, bool cached = true) {
    if (cached) out.set_atoms(&atoms);
    etf::encode_bare(out, content);
    limits.cache = atoms.atoms();
  }
  [[nodiscard]] detail::payload_view all() const { return std::as_const(out).bytes(); }

  etf::packet_atoms atoms;
  etf::buffer out;
  etf::decode_limits limits;
};

const auto there = etf::node_id::make(atom::of("there@h"), 7).value();
const etf::pid caller{there, 5, 1};
const etf::reference ref{there, 3, {1, 2, 3}};

term rest_of(detail::payload_view& rest, const written& from) {
  auto decoded = etf::decode_bare(rest, from.limits);
  REQUIRE(decoded);
  rest = rest.subspan(decoded->consumed);
  return decoded->value;
}

term alias_tag(const etf::reference& of) { return etf::make_list(std::array{term{"alias"_atom}}, term{of}); }

}  // namespace

TEST_CASE("a cast is unwrapped up to its request, with and without an atom cache") {
  for (const bool cached : {true, false}) {
    const written payload{etf::tuple("$gen_cast"_atom, etf::tuple("add"_atom, 3)), cached};
    auto rest = payload.all();
    REQUIRE(detail::unwrap_cast(rest, payload.limits));
    CHECK(rest_of(rest, payload) == etf::tuple("add"_atom, 3));
    CHECK(rest.empty());
  }
}

TEST_CASE("a call is unwrapped up to its tag") {
  for (const bool cached : {true, false}) {
    for (const auto& tag : {alias_tag(ref), term{ref}, term{"any"_atom}}) {
      const written payload{etf::tuple("$gen_call"_atom, etf::tuple(caller, tag), "get"_atom), cached};
      auto rest = payload.all();
      etf::pid from;
      REQUIRE(detail::unwrap_call(rest, from, payload.limits));
      CHECK(from == caller);
      CHECK(rest_of(rest, payload) == tag);
      CHECK(rest_of(rest, payload) == term{"get"_atom});
    }
  }
}

TEST_CASE("an answer is unwrapped up to what it says") {
  for (const bool cached : {true, false}) {
    for (const auto& tag : {alias_tag(ref), term{ref}}) {
      const written payload{etf::tuple(tag, "ok"_atom), cached};
      auto rest = payload.all();
      etf::reference found;
      REQUIRE(detail::unwrap_answer(rest, found, payload.limits));
      CHECK(found == ref);
      CHECK(rest_of(rest, payload) == term{"ok"_atom});
    }
  }
}

TEST_CASE("what only looks like a wrapping is left as it is") {
  const auto tag = alias_tag(ref);
  const std::vector<term> others{
      term{1},
      term{},
      etf::tuple(),
      etf::tuple("$gen_cast"_atom),
      etf::tuple("$gen_cast"_atom, 1, 2),
      etf::tuple("$gen_casts"_atom, 1),
      etf::tuple("$gen_call"_atom, caller, 1),
      etf::tuple("$gen_call"_atom, etf::tuple(caller), 1),
      etf::tuple("$gen_call"_atom, etf::tuple("name"_atom, tag), 1),
      etf::tuple(etf::make_list(std::array{term{"other"_atom}}, term{ref}), 1),
      etf::tuple(etf::make_list(std::array{term{"alias"_atom}}), 1),
      etf::tuple(etf::make_list(std::array{term{"alias"_atom}, term{"alias"_atom}}, term{ref}), 1),
      etf::tuple(etf::make_list(std::array{tag}, term{ref}), 1),
      etf::tuple(tag, 1, 2),
      etf::make_list(std::array{term{"$gen_cast"_atom}, term{1}}),
  };
  for (const auto& other : others) {
    const written payload{other};
    auto rest = payload.all();
    etf::pid from;
    etf::reference found;
    CHECK_FALSE(detail::unwrap_cast(rest, payload.limits));
    CHECK_FALSE(detail::unwrap_call(rest, from, payload.limits));
    CHECK_FALSE(detail::unwrap_answer(rest, found, payload.limits));
    CHECK(rest.data() == payload.all().data());
    CHECK(rest.size() == payload.all().size());
  }
}

TEST_CASE("no truncation of a wrapping is read beyond its end") {
  const std::vector<term> whole{etf::tuple("$gen_cast"_atom, "x"_atom),
                                etf::tuple("$gen_call"_atom, etf::tuple(caller, alias_tag(ref)), "x"_atom),
                                etf::tuple(alias_tag(ref), "x"_atom)};
  for (const auto& content : whole) {
    for (const bool cached : {true, false}) {
      const written payload{content, cached};
      for (std::size_t size = 0; size < payload.all().size(); ++size) {
        const std::vector<std::byte> part{payload.all().begin(),
                                          payload.all().begin() + static_cast<std::ptrdiff_t>(size)};
        detail::payload_view rest{part};
        etf::pid from;
        etf::reference found;
        if (!detail::unwrap_cast(rest, payload.limits) && !detail::unwrap_call(rest, from, payload.limits) &&
            !detail::unwrap_answer(rest, found, payload.limits)) {
          CHECK(rest.size() == size);
          continue;
        }
        CHECK(rest.data() + rest.size() == part.data() + size);
      }
    }
  }
}
