// The handshake messages byte by byte, and every way to damage them.
#include <ergo/dist/handshake_message.hpp>

#include "handshake_fixture.hpp"

#include <ergo/dist/handshake_input.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace ergo::test;
using dist::length_prefix;
using dist::name_form;
using dist::status_code;

namespace {

bytes_view body(const byte_buffer& message) { return bytes_view{message}.subspan(2); }

dist::name_message new_name() { return {name_form::new_form, flags{0xD075F5FBC}, 0x01020304, "a@b"}; }
dist::name_message old_name() { return {name_form::old_form, flags{0x075F5FBC}, 0, "a@b"}; }
dist::challenge_message new_challenge() { return {name_form::new_form, flags{0xD07DF7FBC}, 0xFFFFFFFF, 5, "b@c"}; }
dist::challenge_message old_challenge() { return {name_form::old_form, flags{0x1DF7FBC}, 7, 0, "b@c"}; }

}  // namespace

TEST_CASE("each message has the bytes of the protocol") {
  CHECK(hex(wire(new_name())) ==
        "00124e0000000d075f5fbc01020304000361"
        "4062");
  CHECK(hex(wire(old_name())) == "000a6e0005075f5fbc614062");
  CHECK(hex(wire(new_challenge())) ==
        "00164e0000000d07df7fbcffffffff00000005"
        "0003624063");
  CHECK(hex(wire(old_challenge())) == "000e6e000501df7fbc00000007624063");
  CHECK(hex(wire(dist::complement_message{0xD, 9})) == "0009630000000d00000009");
  CHECK(hex(wire(dist::ack_message{proof("secret", 0)})) == "001161175ec77a7f63082590987d0d8b051aff");
  CHECK(hex(wire(dist::reply_message{3, proof("secret", 0)})) == "00157200000003175ec77a7f63082590987d0d8b051aff");
  CHECK(hex(status(status_code::ok)) == "0003736f6b");
  CHECK(hex(wire(dist::status_message{status_code::named, "x@y", 6})) ==
        "0010736e616d65643a0003784079"
        "00000006");
}

TEST_CASE("inside TLS the length has four bytes") {
  CHECK(hex(wire(dist::status_message{status_code::ok, {}, 0}, length_prefix::four_bytes)) == "00000003736f6b");
}

TEST_CASE("names and challenges survive the round trip") {
  const auto name = dist::parse_name(body(wire(new_name())));
  REQUIRE(name);
  CHECK(name->form == name_form::new_form);
  CHECK(name->offered.bits() == 0xD075F5FBC);
  CHECK(name->creation == 0x01020304);
  CHECK(name->name == "a@b");

  const auto old = dist::parse_name(body(wire(old_name())));
  REQUIRE(old);
  CHECK(old->form == name_form::old_form);
  CHECK(old->offered.bits() == 0x075F5FBC);
  CHECK(old->name == "a@b");

  const auto challenge = dist::parse_challenge(body(wire(new_challenge())));
  REQUIRE(challenge);
  CHECK(challenge->challenge == 0xFFFFFFFF);
  CHECK(challenge->creation == 5);
  CHECK(challenge->name == "b@c");

  const auto old_form = dist::parse_challenge(body(wire(old_challenge())));
  REQUIRE(old_form);
  CHECK(old_form->form == name_form::old_form);
  CHECK(old_form->challenge == 7);
  CHECK(old_form->name == "b@c");
}

TEST_CASE("every status survives the round trip") {
  for (auto code : {status_code::ok, status_code::ok_simultaneous, status_code::nok, status_code::not_allowed,
                    status_code::alive, status_code::is_true, status_code::is_false}) {
    const auto parsed = dist::parse_status(body(status(code)));
    REQUIRE(parsed);
    CHECK(parsed->code == code);
  }
  const auto named = dist::parse_status(body(wire(dist::status_message{status_code::named, "\xC3\xA5@y", 6})));
  REQUIRE(named);
  CHECK(named->code == status_code::named);
  CHECK(named->name == "\xC3\xA5@y");
  CHECK(named->creation == 6);
}

TEST_CASE("names travel as Latin-1") {
  auto message = new_name();
  message.name = "\xC3\xA5@b";
  const auto bytes = wire(message);
  CHECK(hex(bytes).ends_with("0003e54062"));
  CHECK(dist::parse_name(body(bytes))->name == "\xC3\xA5@b");
}

TEST_CASE("bytes behind the name of a new-form message are ignored") {
  auto name = wire(new_name());
  name.push_back(std::byte{1});
  CHECK(dist::parse_name(body(name))->name == "a@b");
  auto challenge = wire(new_challenge());
  challenge.push_back(std::byte{1});
  CHECK(dist::parse_challenge(body(challenge))->name == "b@c");
}

TEST_CASE("messages of fixed length may not be longer") {
  auto longer = [](byte_buffer message) {
    message.push_back(std::byte{0});
    return message;
  };
  CHECK_FALSE(dist::parse_complement(body(longer(wire(dist::complement_message{1, 2})))));
  CHECK_FALSE(dist::parse_reply(body(longer(wire(dist::reply_message{1, {}})))));
  CHECK_FALSE(dist::parse_ack(body(longer(wire(dist::ack_message{})))));
  CHECK_FALSE(dist::parse_status(body(longer(status(status_code::ok)))));
}

TEST_CASE("a message cut at any byte is refused") {
  const auto refused_when_cut = [](const byte_buffer& message, auto parse, std::size_t shortest) {
    for (std::size_t length = 0; length < message.size() - 2; ++length) {
      INFO("length " << length << " of " << hex(message));
      CHECK(parse(body(message).first(length)).has_value() == (length >= shortest));
    }
  };
  constexpr auto never = static_cast<std::size_t>(-1);
  refused_when_cut(wire(new_name()), dist::parse_name, never);
  // An old-form message has no length for its name: a shorter one is another name.
  refused_when_cut(wire(old_name()), dist::parse_name, 7);
  refused_when_cut(wire(new_challenge()), dist::parse_challenge, never);
  refused_when_cut(wire(old_challenge()), dist::parse_challenge, 11);
  refused_when_cut(wire(dist::complement_message{1, 2}), dist::parse_complement, never);
  refused_when_cut(wire(dist::reply_message{1, {}}), dist::parse_reply, never);
  refused_when_cut(wire(dist::ack_message{}), dist::parse_ack, never);
  refused_when_cut(status(status_code::not_allowed), dist::parse_status, never);
  refused_when_cut(wire(dist::status_message{status_code::named, "x@y", 6}), dist::parse_status, never);
}

TEST_CASE("a message with another tag is refused by every parser") {
  const byte_buffer all[] = {wire(new_name()), status(status_code::ok), wire(dist::complement_message{1, 2}),
                             wire(dist::reply_message{1, {}}), wire(dist::ack_message{})};
  for (std::size_t i = 0; i < std::size(all); ++i) {
    INFO("message " << i);
    CHECK(dist::parse_name(body(all[i])).has_value() == (i == 0));
    CHECK(dist::parse_status(body(all[i])).has_value() == (i == 1));
    CHECK(dist::parse_complement(body(all[i])).has_value() == (i == 2));
    CHECK(dist::parse_reply(body(all[i])).has_value() == (i == 3));
    CHECK(dist::parse_ack(body(all[i])).has_value() == (i == 4));
  }
}

TEST_CASE("a name length beyond the message is refused") {
  auto message = wire(new_name());
  message[2 + 13] = std::byte{0xFF};
  CHECK_FALSE(dist::parse_name(body(message)));
}

TEST_CASE("unknown statuses are refused") {
  for (std::string_view text : {"s", "sOK", "sok ", "syes", "snamed", "snamed:", "strue\n"}) {
    INFO(text);
    const auto bytes = raw(text);
    CHECK_FALSE(dist::parse_status(bytes));
  }
}

TEST_CASE("messages are cut out of a stream of any chunks") {
  const auto stream = join({status(status_code::ok), wire(new_challenge()), status(status_code::nok)});
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    dist::handshake_input input{length_prefix::two_bytes, 100};
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < stream.size(); at += chunk) {
      input.feed(bytes_view{stream}.subspan(at, std::min(chunk, stream.size() - at)));
      for (auto next = input.next(); next.what == dist::handshake_input::outcome::message; next = input.next())
        seen.push_back(hex(next.body));
    }
    CHECK(seen == std::vector<std::string>{"736f6b", hex(body(wire(new_challenge()))), "736e6f6b"});
    CHECK(input.take_rest().empty());
  }
}

TEST_CASE("an announced length beyond the cap is refused before anything is stored for it") {
  for (auto prefix : {length_prefix::two_bytes, length_prefix::four_bytes}) {
    dist::handshake_input input{prefix, 100};
    input.feed(raw("\xFF\xFF\xFF\xFF"));
    CHECK(input.next().what == dist::handshake_input::outcome::too_long);
    CHECK(input.held() <= 4);
  }
  dist::handshake_input exact{length_prefix::two_bytes, 100};
  exact.feed(raw(std::string_view{"\0\x64", 2}));
  CHECK(exact.next().what == dist::handshake_input::outcome::need_more);
  exact.feed(byte_buffer(100));
  CHECK(exact.next().body.size() == 100);
}

TEST_CASE("what follows the last message is given back") {
  dist::handshake_input input{length_prefix::two_bytes, 100};
  input.feed(join({status(status_code::ok), raw("rest")}));
  CHECK(input.next().what == dist::handshake_input::outcome::message);
  CHECK(hex(input.take_rest()) == hex(raw("rest")));
  CHECK(input.held() == 0);
}
