// Packets that an Erlang node sent (tests/data/dist/make_packets.escript): headers with atoms of all lengths, more
// atoms than a header has room for, and the fragments of several senders in between each other.
#include "packet_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace ergo::test;

namespace {

// Hexadecimal with `(hh*count)`.
std::string expand(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto open = text.find('(');
    out += unhex(text.substr(0, open));
    if (open == std::string_view::npos) break;
    const auto close = text.find(')');
    const auto count = std::stoul(std::string{text.substr(open + 4, close - open - 4)});
    out.append(count, unhex(text.substr(open + 1, 2))[0]);
    text.remove_prefix(close + 1);
  }
  return out;
}

struct connection {
  flags negotiated;
  std::vector<std::string> packets;
};
struct recording {
  std::map<std::int64_t, etf::term> terms;
  std::vector<connection> connections;
};

recording load() {
  recording all;
  std::ifstream file{ERGO_TEST_DATA_DIR "/dist/packets.txt"};
  for (std::string line; std::getline(file, line);) {
    std::istringstream words{line};
    std::string kind;
    std::string bytes;
    words >> kind;
    if (kind == "flags") {
      words >> bytes;
      all.connections.push_back({flags{std::stoull(bytes, nullptr, 16)}, {}});
    } else if (kind == "term") {
      std::int64_t number = 0;
      words >> number >> bytes;
      const auto external = expand(bytes);
      all.terms.emplace(number, etf::decode_all(view(external)).value());
    } else if (kind == "packet") {
      words >> bytes;
      all.connections.back().packets.push_back(expand(bytes));
    }
  }
  return all;
}

const recording& recorded() {
  static const auto all = load();
  return all;
}

struct outcome {
  std::set<std::int64_t> seen;
  std::size_t most_open = 0;
  bool done = false;
};

// Everything that a reader makes of a connection.
outcome replay(const connection& of) {
  outcome out;
  packet_reader reader{of.negotiated};
  for (const auto& body : of.packets) {
    const auto got = reader.read(view(body), nullptr);
    REQUIRE(got.has_value());
    out.most_open = std::max(out.most_open, reader.open());
    if (!*got) continue;
    const auto understood = understand(**got, of.negotiated);
    REQUIRE(understood.has_value());
    const auto* to = std::get_if<control::reg_send>(&understood->message);
    REQUIRE(to != nullptr);
    CHECK(to->name == "sink"_atom);
    out.done = understood->payload.is("done"_atom);
    if (out.done) continue;
    const auto parts = understood->payload.elements();
    REQUIRE(parts.size() == 2);
    const auto number = parts[0].as_integer().value_or(0);
    CHECK(parts[1] == recorded().terms.at(number));
    CHECK(out.seen.insert(number).second);
  }
  CHECK(reader.open() == 0);
  return out;
}

}  // namespace

TEST_CASE("what Erlang sent in each form arrives whole") {
  REQUIRE(recorded().terms.size() == 18);
  REQUIRE(recorded().connections.size() == 4);
  for (const auto& one : recorded().connections) {
    INFO(dist::to_string(one.negotiated));
    const auto came = replay(one);
    CHECK(came.done);
    CHECK(came.seen.size() == recorded().terms.size());
    CHECK((came.most_open > 1) == one.negotiated.has(flag::fragments));
  }
}

TEST_CASE("what Erlang sent in one form is refused where another one was negotiated") {
  const auto& all = recorded().connections;
  CHECK(all.size() == 4);
  for (const auto& sent : all) {
    for (const flags expected : {with_29, with_cache, with_fragments, with_both}) {
      packet_reader reader{expected};
      bool refused = false;
      for (const auto& body : sent.packets) refused = refused || !reader.read(view(body), nullptr).has_value();
      const bool cache = sent.negotiated.has(flag::dist_hdr_atom_cache);
      const bool fragments = sent.negotiated.has(flag::fragments);
      const bool fits = dist::form_of(sent.negotiated) == dist::form_of(expected) &&
                        (!cache || expected.has(flag::dist_hdr_atom_cache)) &&
                        (!fragments || expected.has(flag::fragments));
      CHECK(refused != fits);
    }
  }
}

TEST_CASE("what Erlang sent is refused or read when a bit of a header is wrong") {
  for (const auto& one : recorded().connections) {
    for (std::size_t at = 0; at < std::min<std::size_t>(one.packets.size(), 12); ++at) {
      const auto& body = one.packets[at];
      for (std::size_t place = 0; place < std::min<std::size_t>(body.size(), 200); ++place) {
        packet_reader reader{one.negotiated};
        for (std::size_t before = 0; before < at; ++before) REQUIRE(reader.read(view(one.packets[before]), nullptr));
        auto damaged = body;
        damaged[place] = static_cast<char>(damaged[place] ^ (1 << (place % 8)));
        const auto got = reader.read(view(damaged), nullptr, {.atoms = etf::atom_policy::known_only});
        if (got && *got) static_cast<void>(understand(**got, one.negotiated));
      }
    }
  }
}
