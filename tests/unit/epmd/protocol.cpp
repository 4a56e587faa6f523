// The protocol table of the port mapper: every message, byte by byte, and every way in which one is refused.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ergo/epmd/error.hpp"
#include "ergo/epmd/message.hpp"

using namespace ergo::epmd;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

const node_record erl_node{.name = "erl", .port = 0x1234, .highest_version = 6, .lowest_version = 5};

/// Feeds `bytes` in pieces of `size` and returns the last verdict.
std::expected<bool, errc> feed(request_reader& reader, std::string_view bytes, std::size_t size) {
  std::expected<bool, errc> verdict = false;
  for (; !bytes.empty() && verdict && !*verdict; bytes.remove_prefix(std::min(size, bytes.size())))
    verdict = reader.feed(bytes.substr(0, size));
  return verdict;
}

std::string characters(std::size_t count, std::string_view one) {
  std::string text;
  while (count--) text += one;
  return text;
}

}  // namespace

TEST_CASE("Requests are encoded as Erlang encodes them") {
  struct row {
    request message;
    std::string bytes;
  };
  const std::vector<row> table{
      {alive2_request{erl_node},
       "\x00\x10x\x12\x34M\x00\x00\x06\x00\x05\x00\x03"
       "erl\x00\x00"s},
      {alive2_request{{.name = "c", .port = 1, .type = node_type::hidden, .extra = "ab"}},
       "\x00\x10x\x00\x01H\x00\x00\x06\x00\x06\x00\x01"
       "c\x00\x02"
       "ab"s},
      {port_please2_request{"erl"}, "\x00\x04zerl"s},
      {names_request{}, "\x00\x01n"s},
      {dump_request{},
       "\x00\x01"
       "d"s},
      {kill_request{}, "\x00\x01k"s},
      {stop_request{"x"}, "\x00\x02sx"s},
  };
  for (const auto& [message, bytes] : table) {
    CAPTURE(bytes);
    CHECK(encode(message) == bytes);
    CHECK(parse_request(bytes.substr(2)) == message);
  }
}

TEST_CASE("Requests that a port mapper would refuse are not encoded") {
  const auto refusal = [](const request& message) { return encode(message).error(); };
  CHECK(refusal(alive2_request{}) == errc::empty_name);
  CHECK(refusal(port_please2_request{"a\0b"s}) == errc::nul_in_name);
  CHECK(refusal(stop_request{"\xff"}) == errc::bad_encoding);
  CHECK(refusal(alive2_request{{.name = std::string(256, 'a')}}) == errc::name_too_long);
  CHECK(refusal(alive2_request{{.name = "a", .extra = std::string(1021, 'x')}}) == errc::extra_too_long);
}

TEST_CASE("A request body that does not hold its fields is refused") {
  const std::string whole = encode(alive2_request{{.name = "erl", .port = 7, .extra = "more"}}).value().substr(2);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(parse_request(std::string_view{whole}.substr(0, size)).error() == errc::truncated);
  }
  CHECK(parse_request("").error() == errc::truncated);
}

TEST_CASE("Unusable requests are told apart") {
  struct row {
    std::string body;
    errc problem;
  };
  const std::vector<row> table{
      {"?", errc::unknown_request},
      {"\0"s, errc::unknown_request},
      {"X", errc::unknown_request},
      {"z", errc::empty_name},
      {"z\0"s, errc::empty_name},
      {"za\0\0"s, errc::nul_in_name},
      {"za\0b"s, errc::nul_in_name},
      {"z\xff", errc::bad_encoding},
      {"z" + std::string(256, 'a'), errc::name_too_long},
      {"z" + characters(256, "\xf0\x9f\x98\x80"), errc::name_too_long},
      {"s", errc::empty_name},
      {"s\0a"s, errc::empty_name},
      {"x\0\1M\0\0\6\0\5\0\0\0\1a"s, errc::empty_name},
      {"x\0\1M\0\0\6\0\5\0\3a\0b\0\0"s, errc::nul_in_name},
  };
  for (const auto& [body, problem] : table) {
    CAPTURE(body);
    CHECK(parse_request(body).error() == problem);
  }
}

TEST_CASE("Requests are read as leniently as by Erlang's port mapper") {
  CHECK(parse_request("za\0"sv) == request{port_please2_request{"a"}});
  CHECK(parse_request("nx") == request{names_request{}});
  CHECK(parse_request("dx") == request{dump_request{}});
  CHECK(parse_request("kx") == request{kill_request{}});
  CHECK(parse_request("sab\0cd"sv) == request{stop_request{"ab"}});
  const auto body = encode(alive2_request{erl_node}).value().substr(2) + "zz";
  CHECK(parse_request(body) == request{alive2_request{erl_node}});
  // A refusal of these has an answer, so they are no matter of reading.
  CHECK(parse_request("x\0\1M\0\0\6\0\5\0\1\xff\0\0"sv).has_value());
  CHECK(parse_request("x\0\1\x63\7\0\6\0\5\0\1a\0\0"sv) ==
        request{alive2_request{{.name = "a", .port = 1, .type = node_type{99}, .protocol = 7, .lowest_version = 5}}});
}

TEST_CASE("A request is collected from pieces of any size") {
  const auto bytes = encode(alive2_request{erl_node}).value();
  const auto size = GENERATE(range(std::size_t{1}, std::size_t{20}));
  CAPTURE(size);
  request_reader reader;
  CHECK(feed(reader, bytes, size) == true);
  CHECK(reader.body() == bytes.substr(2));
  CHECK(reader.received() == bytes.size());
}

TEST_CASE("A request's length has limits") {
  struct row {
    std::string bytes;
    std::expected<bool, errc> verdict;
  };
  const std::vector<row> table{
      {"\0"s, false},
      {"\0\0"s, std::unexpected{errc::bad_length}},
      {"\0\1"s, false},
      {"\0\1n"s, true},
      {"\0\1nn"s, std::unexpected{errc::trailing_bytes}},
      {"\x0b\xf1"s, false},  // 3057
      {"\x0b\xf1"s + std::string(3057, 'z'), true},
      {"\x0b\xf1"s + std::string(3058, 'z'), std::unexpected{errc::trailing_bytes}},
      {"\x0b\xf2"s, std::unexpected{errc::bad_length}},  // 3058
      {"\xff\xff"s, std::unexpected{errc::bad_length}},
      {std::string(100'000, '\x01'), std::unexpected{errc::trailing_bytes}},
  };
  for (const auto& [bytes, verdict] : table) {
    CAPTURE(bytes.substr(0, 8), bytes.size());
    request_reader reader;
    CHECK(reader.feed(bytes) == verdict);
    CHECK(reader.received() <= 2 + max_request_body + 1);
  }
}

TEST_CASE("A reader holds no more than one request") {
  request_reader reader;
  CHECK(reader.feed("\x0b\xf1"sv) == false);
  CHECK(reader.feed(std::string(1'000'000, 'z')).error() == errc::trailing_bytes);
  CHECK(reader.received() == 2 + max_request_body + 1);
}

TEST_CASE("Characters are counted, and only of valid UTF-8") {
  CHECK(count_characters("") == 0);
  CHECK(count_characters("abc") == 3);
  CHECK(count_characters("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") == 3);
  CHECK(count_characters("\xed\x9f\xbf") == 1);
  CHECK(count_characters("\xf4\x8f\xbf\xbf") == 1);
  for (const auto bad :
       {"\x80"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc3"sv, "\xc3\x28"sv, "\xe0\x80\x80"sv, "\xe2\x82"sv, "\xed\xa0\x80"sv,
        "\xf0\x80\x80\x80"sv, "\xf0\x9f\x98"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv, "a\xfe"sv}) {
    CAPTURE(bad);
    CHECK_FALSE(count_characters(bad));
  }
}

TEST_CASE("A name has at most 255 characters") {
  CHECK(check_name(std::string(255, 'a')).has_value());
  CHECK(check_name(characters(255, "\xf0\x9f\x98\x80")).has_value());  // 1,020 bytes
  CHECK(check_name(std::string(256, 'a')).error() == errc::name_too_long);
  CHECK(check_name(std::string(1021, '\xff')).error() == errc::name_too_long);
  CHECK(check_name("").error() == errc::empty_name);
  CHECK(check_name("\0"sv).error() == errc::nul_in_name);
  CHECK(check_name("\xc3").error() == errc::bad_encoding);
}

TEST_CASE("Two nodes use the lower of their highest versions, if both speak it") {
  const auto range = [](std::uint16_t lowest, std::uint16_t highest) {
    return node_record{.highest_version = highest, .lowest_version = lowest};
  };
  CHECK(agreed_version(range(6, 6), range(6, 6)) == 6);
  CHECK(agreed_version(range(5, 6), range(5, 5)) == 5);
  CHECK(agreed_version(range(6, 6), range(5, 7)) == 6);
  CHECK_FALSE(agreed_version(range(6, 6), range(5, 5)));
  CHECK_FALSE(agreed_version(range(5, 5), range(6, 6)));
}

TEST_CASE("The answer to a registration depends on the node's version") {
  CHECK(encode_alive2_answer({0, 0x6b011a2b}, 6) == "\x76\x00\x6b\x01\x1a\x2b"s);
  CHECK(encode_alive2_answer({1, 99}, 6) == "\x76\x01\0\0\0\x63"s);
  CHECK(encode_alive2_answer({0, 3}, 5) == "y\0\0\3"s);
  CHECK(encode_alive2_answer({1, 99}, 5) == "y\1\0\x63"s);
}

TEST_CASE("The answer to a registration is read as soon as it is complete") {
  for (const auto& [bytes, read] : {std::pair{"\x76\x00\x6b\x01\x1a\x2b"s, alive2_answer{0, 0x6b011a2b}},
                                    std::pair{"y\7\1\2"s, alive2_answer{7, 0x0102}}}) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto part = parse_alive2_answer(std::string_view{bytes}.substr(0, size));
      REQUIRE(part.has_value());
      CHECK_FALSE(part->has_value());
    }
    CHECK(parse_alive2_answer(bytes).value() == read);
    CHECK(parse_alive2_answer(bytes + "!").error() == errc::bad_answer);
  }
  CHECK(parse_alive2_answer("HTTP").error() == errc::bad_answer);
}

TEST_CASE("The answer to a look-up is read back") {
  CHECK(encode_port2_answer(erl_node) == "w\0\x12\x34M\0\0\6\0\5\0\3erl\0\0"s);
  const node_record full{
      .name = "x", .port = 65535, .type = node_type::hidden, .protocol = 1, .extra = std::string(1020, 'e')};
  CHECK(parse_port2_answer(encode_port2_answer(full)) == full);
  CHECK(encode_port2_not_found() == "w\1"s);
  CHECK(parse_port2_answer("w\1"s).error() == errc::not_found);
  CHECK(parse_port2_answer("").error() == errc::closed_early);
  CHECK(parse_port2_answer("w").error() == errc::truncated);
  CHECK(parse_port2_answer("HTTP/1.1").error() == errc::bad_answer);
  const auto bytes = encode_port2_answer(erl_node);
  for (std::size_t size = 2; size < bytes.size(); ++size)
    CHECK(parse_port2_answer(std::string_view{bytes}.substr(0, size)).error() == errc::truncated);
}

TEST_CASE("A listing is a port and lines") {
  const auto read = parse_listing("\0\0\x11\x11name a at port 1\nname b c at port 65535\n"sv);
  REQUIRE(read);
  CHECK(read->epmd_port == 4369);
  CHECK(names_in(*read) == std::vector<listed_name>{{"a", 1}, {"b c", 65535}});
  CHECK(encode_listing_head(4369) == "\0\0\x11\x11"s);
  CHECK(parse_listing("").error() == errc::closed_early);
  CHECK(parse_listing("\0\0\x11"sv).error() == errc::truncated);
}

TEST_CASE("Lines that are no names are skipped") {
  const listing odd{.epmd_port = 1,
                    .text =
                        "name  at port 3\nnoise\nname x at port 65536\nname y at port\nname z at port 4x\n"
                        "name at port 5\nname a at port 1 at port 2\nname last at port 9"};
  CHECK(names_in(odd) == std::vector<listed_name>{{"", 3}, {"a at port 1", 2}, {"last", 9}});
}

TEST_CASE("The words of kill and stop are understood") {
  CHECK(parse_kill_answer("OK") == kill_answer::killed);
  CHECK(parse_kill_answer("NO") == kill_answer::nodes_alive);
  CHECK(parse_kill_answer("").error() == errc::closed_early);
  CHECK(parse_kill_answer("O").error() == errc::bad_answer);
  CHECK(parse_stop_answer("STOPPED") == stop_answer::stopped);
  CHECK(parse_stop_answer("NOEXISTSTOPPED") == stop_answer::unknown_name);
  CHECK(parse_stop_answer("NOEXIST") == stop_answer::unknown_name);
  CHECK(parse_stop_answer("").error() == errc::closed_early);
  CHECK(parse_stop_answer("STOP").error() == errc::bad_answer);
}

TEST_CASE("Every error code has a text of its own") {
  std::set<std::string> texts;
  for (int code = 0; code <= static_cast<int>(errc::bad_environment); ++code) {
    const std::error_code made = static_cast<errc>(code);
    CHECK(made.message() != "unknown error");
    texts.insert(made.message());
  }
  CHECK(texts.size() == static_cast<std::size_t>(errc::bad_environment) + 1);
  CHECK(describe(static_cast<errc>(200)) == "unknown error");
  CHECK(category().name() == "ergo.epmd"sv);
}
