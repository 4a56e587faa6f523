// Both ends of a connection against each other: random messages in every negotiated form arrive as they were sent; cut
// short or damaged anywhere they are refused or understood, never worse.
#include "packet_fixture.hpp"

#include <ergo_test/sanitizers.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <deque>
#include <random>
#include <set>

using namespace ergo::test;

namespace {

class maker {
 public:
  maker(unsigned seed, std::size_t longest) : random_{seed}, longest_{longest} {}

  std::size_t pick(std::size_t low, std::size_t high) {
    return std::uniform_int_distribution<std::size_t>{low, high}(random_);
  }

  // Among 5,000 atoms of all lengths, so that slots collide.
  etf::atom name() {
    const auto number = pick(0, 4'999);
    std::string text = "random_" + std::to_string(number) + "_";
    if (number % 50 == 0)
      while (text.size() < 700) text += "\xe2\x82\xac";  // the euro sign
    if (number % 50 == 1) text.append(255 - text.size(), 'x');
    return etf::atom::of(text);
  }

  etf::term leaf() {
    switch (pick(0, 5)) {
      case 0: return etf::term{static_cast<std::int64_t>(random_())};
      case 1: return etf::binary(std::string(pick(0, 3) == 0 ? pick(0, longest_) : pick(0, 50), 'b'));
      case 2: return etf::term{etf::pid{node("third@h", static_cast<std::uint32_t>(pick(1, 3))), 1, 2}};
      default: return etf::term{name()};
    }
  }

  etf::term term(std::size_t width) {
    std::vector<etf::term> parts;
    for (std::size_t count = pick(0, width); count > 0; --count) {
      if (pick(0, 9) != 0) {
        parts.push_back(leaf());
      } else {
        parts.push_back(term(width / 4));
      }
    }
    return pick(0, 1) == 0 ? etf::make_tuple(parts) : etf::make_list(parts);
  }

 private:
  std::mt19937 random_;
  std::size_t longest_;  // binary
};

// A sender that interleaves: each long message in turn gives one fragment after any number of short ones.
class mixer {
 public:
  mixer(flags negotiated, std::size_t fragment) : writer_{negotiated, {.fragment = fragment}} {}

  void send(maker& make, const etf::term& payload) {
    const std::size_t gather_from = make.pick(0, 1) == 0 ? SIZE_MAX : 100;
    REQUIRE(dist::encode(out_, control::send{theirs, ours}, payload, writer_, {.gather_from = gather_from}));
    if (auto large = writer_.take_large())
      open_.push_back({std::move(*large), payload});
    else
      order_.push_back(payload);
    while (!open_.empty() && make.pick(0, 2) == 0) turn();
  }
  void turn() {
    auto one = std::move(open_.front());
    open_.pop_front();
    one.rest.next(out_, writer_);
    if (one.rest.left() == 0)
      order_.push_back(std::move(one.payload));
    else
      open_.push_back(std::move(one));
  }
  [[nodiscard]] bool busy() const { return !open_.empty(); }
  // What was written since the last time.
  std::vector<std::string> take() {
    auto packets = bodies(out_.to_string());
    out_.clear();
    return packets;
  }
  // What is complete, in this order.
  std::vector<etf::term> order() { return std::exchange(order_, {}); }

 private:
  struct open_message {
    dist::fragmenter rest;
    etf::term payload;
  };
  packet_writer writer_;
  etf::buffer out_;
  std::deque<open_message> open_;
  std::vector<etf::term> order_;
};

std::vector<etf::term> read_all(packet_reader& reader, const std::vector<std::string>& packets, flags negotiated) {
  std::vector<etf::term> seen;
  for (const auto& body : packets) {
    const auto got = reader.read(view(body), nullptr);
    REQUIRE(got.has_value());
    if (!*got) continue;
    const auto understood = understand(**got, negotiated);
    REQUIRE(understood.has_value());
    seen.push_back(understood->payload);
  }
  return seen;
}

}  // namespace

TEST_CASE("random messages arrive as they were sent, in every form and however they are cut and mixed") {
  const int steps = ergo::test::thread_sanitized ? 10 : 60;
  unsigned seed = 0;
  for (const flags negotiated : {with_29, with_cache, with_fragments, with_both}) {
    for (const std::size_t fragment : {1U, 7U, 100U, 5'000U}) {
      maker make{++seed, std::min<std::size_t>(90 * fragment, 9'000)};
      mixer sender{negotiated, fragment};
      packet_reader reader{negotiated, {.open_sequences = 1'000}};
      for (int step = 0; step < steps; ++step) {
        for (std::size_t count = make.pick(1, 4); count > 0; --count)
          sender.send(make, make.term(make.pick(0, 9) == 0 ? (fragment < 10 ? 40 : 1'000) : 12));
        const auto expected = sender.order();
        REQUIRE(read_all(reader, sender.take(), negotiated) == expected);
      }
      while (sender.busy()) sender.turn();
      const auto expected = sender.order();
      REQUIRE(read_all(reader, sender.take(), negotiated) == expected);
      CHECK(reader.open() == 0);
    }
  }
}

TEST_CASE("thousands of atoms go through one cache, more than 255 of them in one message") {
  for (const flags negotiated : {with_cache, with_both}) {
    maker make{99, 0};
    packet_writer writer{negotiated, {.fragment = 2'000}};
    packet_reader reader{negotiated};
    for (const std::size_t count : {254U, 255U, 256U, 257U, 1'000U, 3'000U}) {
      std::vector<etf::term> names;
      for (std::size_t i = 0; i < count; ++i) names.emplace_back(make.name());
      const auto payload = etf::make_list(names);
      for (int round = 0; round < 3; ++round)
        REQUIRE(read_all(reader, bodies(written(writer, payload)), negotiated) == std::vector{payload});
    }
  }
}

TEST_CASE("every control message has the same meaning in every form") {
  for (const flags negotiated : {with_29, with_cache, with_fragments, with_both}) {
    packet_writer writer{negotiated};
    packet_reader reader{negotiated};
    for (const auto& one : examples()) {
      if (one.negotiated != with_29) continue;
      const auto payload = one.reason.value_or(etf::tuple("hello"_atom, 5));
      etf::buffer out;
      const auto put = [&](const auto& signal) {
        if constexpr (requires { dist::encode(out, signal, payload, writer); })
          return dist::encode(out, signal, payload, writer);
        else
          return dist::encode(out, signal, writer);
      };
      const auto result = std::visit(put, one.meaning);
      INFO(dist::to_string(one.op));
      if (!result) {
        CHECK(out.empty());
        continue;
      }
      const auto body = bodies(out.to_string())[0];
      const auto got = reader.read(view(body), nullptr);
      REQUIRE(got.has_value());
      const auto understood = understand(**got, negotiated);
      REQUIRE(understood.has_value());
      auto expected = one.meaning;
      if (auto* send = std::get_if<control::send>(&expected); send && !send->from) continue;  // it got a sender
      CHECK(understood->message == expected);
      const bool carries = understood->payload != etf::term{};
      if (carries) CHECK(understood->payload == payload);
    }
  }
}

TEST_CASE("messages cut short or damaged anywhere are refused or read, and no damage outlives the reader") {
  for (const flags negotiated : {with_29, with_cache, with_fragments, with_both}) {
    packet_writer writer{negotiated, {.fragment = 40}};
    std::vector<std::string> stream;
    const auto wide = etf::atom::of(std::string(80, 'w'));
    for (const auto& payload :
         {etf::tuple("hello"_atom, wide, 1), etf::tuple("hello"_atom, etf::binary(std::string(100, 'x')), wide)})
      for (auto& body : bodies(written(writer, payload))) stream.push_back(std::move(body));
    const auto play = [&](std::size_t at, const std::string& damaged) {
      packet_reader reader{negotiated};
      for (std::size_t i = 0; i < stream.size(); ++i) {
        const auto& body = i == at ? damaged : stream[i];
        const auto got = reader.read(view(body), nullptr, {.atoms = etf::atom_policy::known_only});
        if (!got) return;
        if (*got) static_cast<void>(understand(**got, negotiated));
      }
    };
    for (std::size_t at = 0; at < stream.size(); ++at) {
      for (std::size_t size = 0; size < stream[at].size(); ++size) play(at, stream[at].substr(0, size));
      for (std::size_t place = 0; place < stream[at].size(); ++place) {
        for (const unsigned flip : {1U, 2U, 0x10U, 0x80U, 0xFFU}) {
          auto damaged = stream[at];
          damaged[place] = static_cast<char>(static_cast<unsigned char>(damaged[place]) ^ flip);
          play(at, damaged);
        }
      }
    }
  }
}

TEST_CASE("every message that is cut short is refused") {
  for (const flags negotiated : {with_29, with_cache, with_fragments, with_both}) {
    packet_writer writer{negotiated};
    const auto body = bodies(written(writer, etf::tuple("hello"_atom, "random_cut_short"_atom, 1)))[0];
    for (std::size_t size = 0; size < body.size(); ++size) {
      packet_reader reader{negotiated};
      const auto got = reader.read(view(std::string_view{body}.substr(0, size)), nullptr);
      if (got) REQUIRE_FALSE(understand(**got, negotiated).has_value());
    }
  }
}
