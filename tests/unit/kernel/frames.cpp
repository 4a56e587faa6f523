// Terms cut out of an alternative connection, however it arrives.
#include "frames.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace ergo::kernel::detail;
using namespace std::string_literals;

namespace {

constexpr std::size_t limit = 1'000;

std::vector<std::string> all_of(frame_reader& reader) {
  std::vector<std::string> found;
  while (auto one = reader.next()) found.push_back(*std::move(one));
  return found;
}

// peer:encode_port_data(<<131,97,7>>) of OTP 25, which puts the length before and the checksum behind.
const std::string recorded = "\xC3\xC3\xC3\xC3\xC3\xC3\xC3\xCF\xE3\xCF\xDB\xC7\xC3\xDF\xFF\xFB\xEF\xC3\xEF\xCF\xE3\xFB";

}  // namespace

TEST_CASE("what was framed is read again, in whatever pieces it arrives") {
  for (const auto how : {framing::lengths, framing::half_bytes}) {
    const std::vector<std::string> terms{"\x83\x61\x07"s, ""s, std::string(limit, '\xC3')};
    std::string bytes;
    for (const auto& term : terms) bytes += framed(how, term);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1'000}, bytes.size()}) {
      frame_reader reader{how, limit};
      std::vector<std::string> found;
      for (std::size_t begin = 0; begin < bytes.size(); begin += piece) {
        reader.feed(std::string_view{bytes}.substr(begin, piece));
        for (auto& one : all_of(reader)) found.push_back(std::move(one));
      }
      CHECK(found == terms);
      CHECK_FALSE(reader.broken());
    }
  }
}

TEST_CASE("frames look as peer.erl writes them") {
  CHECK(framed(framing::lengths, "\x83\x61\x07") == "\0\0\0\x03\x83\x61\x07"s);
  CHECK(framed(framing::half_bytes, "\x83\x61\x07") == recorded);
}

TEST_CASE("text between half bytes is skipped") {
  frame_reader reader{framing::half_bytes, limit};
  reader.feed("hello\n" + recorded.substr(0, 5) + " more " + recorded.substr(5));
  CHECK(all_of(reader) == std::vector{"\x83\x61\x07"s});
}

TEST_CASE("a length beyond the limit and a wrong checksum break a connection for good") {
  for (const auto how : {framing::lengths, framing::half_bytes}) {
    frame_reader reader{how, limit};
    reader.feed(framed(how, std::string(limit + 1, 'x')));
    CHECK(all_of(reader).empty());
    CHECK(reader.broken());
    reader.feed(framed(how, "x"));
    CHECK(all_of(reader).empty());
  }
  frame_reader reader{framing::half_bytes, limit};
  auto wrong = recorded;
  wrong.back() = '\xC3';
  reader.feed(wrong);
  CHECK(all_of(reader).empty());
  CHECK(reader.broken());
}
