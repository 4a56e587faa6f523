// Packets cut from a byte stream, at every length and in every chunking.
#include <ergo/dist/packet.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dist = ergo::dist;
using dist::receive_buffer;
using outcome = dist::receive_buffer::outcome;

namespace {

dist::bytes_view view(std::string_view text) { return std::as_bytes(std::span{text}); }
std::string text(dist::bytes_view bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string length(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}

std::string framed(std::string_view body) {
  return length(static_cast<std::uint32_t>(body.size())) + std::string{body};
}

std::string pattern(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 + seed);
  return out;
}

// Everything that is complete.
std::vector<std::string> drain(receive_buffer& in) {
  std::vector<std::string> out;
  for (auto next = in.next(); next.what == outcome::packet || next.what == outcome::tick; next = in.next())
    out.push_back(next.what == outcome::tick ? "<tick>" : text(next.body));
  return out;
}

}  // namespace

TEST_CASE("packets and ticks come out as they went in, in any chunks") {
  const std::vector<std::string> expected{"a", "<tick>", pattern(300, 1), "<tick>", "<tick>", pattern(5000, 2), "z"};
  std::string stream;
  for (const auto& p : expected) stream += framed(p == "<tick>" ? "" : p);
  for (std::size_t block : {1u, 16u, 100u, 4096u, 65536u}) {
    for (std::size_t chunk = 1; chunk <= stream.size(); chunk = chunk * 5 / 4 + 1) {
      receive_buffer in{{.block = block, .eager = 64}};
      std::vector<std::string> seen;
      for (std::size_t at = 0; at < stream.size(); at += chunk) {
        in.feed(view(stream).subspan(at, std::min(chunk, stream.size() - at)));
        for (auto& p : drain(in)) seen.push_back(std::move(p));
      }
      INFO("block " << block << ", chunk " << chunk);
      REQUIRE(seen == expected);
      REQUIRE(in.unread() == 0);
    }
  }
}

TEST_CASE("a socket reads into the buffer without a copy") {
  receive_buffer in;
  const std::string packet = framed("hello");
  const auto room = in.prepare();
  REQUIRE(room.size() >= packet.size());
  std::memcpy(room.data(), packet.data(), packet.size());
  in.commit(packet.size());
  const auto next = in.next();
  CHECK(next.what == outcome::packet);
  CHECK(next.body.data() == room.data() + 4);
  CHECK(in.next().what == outcome::need_more);
}

TEST_CASE("there is always room for at least one byte") {
  for (std::size_t block : {0u, 1u, 5u, 64u}) {
    receive_buffer in{{.block = block, .eager = 1}};
    for (int i = 0; i < 2000; ++i) {
      const auto room = in.prepare();
      REQUIRE_FALSE(room.empty());
      room[0] = i < 4 ? (i == 2 ? std::byte{4} : std::byte{0}) : std::byte{1};  // a packet of 1024 bytes
      in.commit(1);
    }
  }
}

TEST_CASE("hostile lengths: 0 is a tick, 1 waits for its byte, more than the cap is refused at once") {
  struct row {
    std::uint32_t length;
    outcome what;
  };
  for (const row& r : {row{0, outcome::tick}, row{1, outcome::need_more}, row{128U << 20, outcome::need_more},
                       row{(128U << 20) + 1, outcome::too_long}, row{0x7FFF'FFFF, outcome::too_long},
                       row{0x8000'0000, outcome::too_long}, row{0xFFFF'FFFF, outcome::too_long}}) {
    receive_buffer in;
    in.feed(view(length(r.length)));
    INFO("length " << r.length);
    CHECK(in.next().what == r.what);
    (void)in.prepare();
    CHECK(in.capacity() <= 256U << 10);
    if (r.what == outcome::too_long) CHECK(in.next().what == outcome::too_long);
  }
}

TEST_CASE("the cap is an option, and exactly the cap passes") {
  receive_buffer in{{.max_packet = 10}};
  in.feed(view(framed("0123456789")));
  CHECK(drain(in) == std::vector<std::string>{"0123456789"});
  in.feed(view(framed("0123456789a")));
  CHECK(in.next().what == outcome::too_long);
  receive_buffer all{{.max_packet = 0xFFFF'FFFF}};
  all.feed(view(length(0xFFFF'FFFF)));
  CHECK(all.next().what == outcome::need_more);
  CHECK_FALSE(all.prepare().empty());
}

TEST_CASE("memory follows what was received, not what was announced") {
  receive_buffer in;
  in.feed(view(length(100U << 20)));
  std::size_t received = 4;
  const std::string chunk(64U << 10, 'x');
  for (int i = 0; i < 320; ++i) {
    in.feed(view(chunk));
    received += chunk.size();
    REQUIRE(in.capacity() <= std::max<std::size_t>(256U << 10, 4 * received) + 4096);
  }
}

TEST_CASE("a large packet arrives whole, and its memory is given back") {
  receive_buffer in;
  const std::string large = pattern(3'000'000, 9);
  const std::string stream = framed(large) + framed("next");
  for (std::size_t at = 0; at < stream.size(); at += 1460)
    in.feed(view(stream).subspan(at, std::min<std::size_t>(1460, stream.size() - at)));
  CHECK(drain(in) == std::vector<std::string>{large, "next"});
  (void)in.prepare();
  CHECK(in.capacity() == 64U << 10);
}

TEST_CASE("a packet that owns most of its block may be kept, and is not overwritten") {
  receive_buffer in{{.block = 1024}};
  const std::string body = pattern(900, 3);
  in.feed(view(framed(body)));
  const auto packet = in.next();
  const auto* owner = in.owner_of(packet.body);
  REQUIRE(owner);
  const std::shared_ptr<const void> kept = *owner;
  for (unsigned i = 0; i < 50; ++i) {
    in.feed(view(framed(pattern(900, 100 + i))));
    (void)drain(in);
  }
  CHECK(text(packet.body) == body);
  CHECK(kept.use_count() == 1);
}

TEST_CASE("a block that nobody kept is used again") {
  receive_buffer in{{.block = 1024}};
  const auto* first = in.prepare().data();
  for (unsigned i = 0; i < 50; ++i) {
    in.feed(view(framed(pattern(900, i))));
    const auto packet = in.next();
    {
      const std::shared_ptr<const void> looked_at = *in.owner_of(packet.body);
    }
    REQUIRE(packet.body.data() == first + 4);
  }
}

TEST_CASE("a small packet in a large block is not lent") {
  receive_buffer in{{.block = 1024}};
  in.feed(view(framed(pattern(500, 1))));
  CHECK_FALSE(in.owner_of(in.next().body));
}

TEST_CASE("random packets through random blocks and chunks, some of them kept") {
  std::mt19937 random{5};
  const auto pick = [&](std::size_t low, std::size_t high) {
    return std::uniform_int_distribution<std::size_t>{low, high}(random);
  };
  for (int round = 0; round < 200; ++round) {
    receive_buffer in{{.block = pick(1, 3000), .eager = pick(1, 3000)}};
    std::vector<std::string> sent;
    std::string stream;
    for (int i = 0; i < 60; ++i) {
      sent.push_back(pattern(pick(0, 3) == 0 ? pick(0, 8000) : pick(1, 100), static_cast<unsigned>(i)));
      stream += framed(sent.back());
    }
    struct loan {
      std::shared_ptr<const void> owner;
      dist::bytes_view body;
      std::size_t index;
    };
    std::vector<loan> loans;
    std::size_t seen = 0;
    for (std::size_t at = 0; at < stream.size();) {
      const auto count = std::min(pick(1, 4000), stream.size() - at);
      in.feed(view(stream).subspan(at, count));
      at += count;
      for (auto next = in.next(); next.what != outcome::need_more; next = in.next(), ++seen) {
        REQUIRE(text(next.body) == sent[seen]);
        if (const auto* owner = in.owner_of(next.body); owner && pick(0, 1) == 0)
          loans.push_back({*owner, next.body, seen});
      }
    }
    REQUIRE(seen == sent.size());
    for (const loan& l : loans) REQUIRE(text(l.body) == sent[l.index]);
  }
}

TEST_CASE("the terms of a pass-through packet follow 112 131") {
  CHECK(text(dist::pass_through(view("\x70\x83xyz"))) == "xyz");
  for (std::string_view bad : {"", "\x70", "\x70\x83", "\x83\x44x", "\x70\x70x", "\x83\x70x"})
    CHECK(dist::pass_through(view(bad)).empty());
}
