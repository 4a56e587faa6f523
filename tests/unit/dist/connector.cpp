// The connecting side against scripted peers: every course, then a failure at each step of each course in turn.
#include <ergo/dist/connector.hpp>

#include "handshake_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace ergo::test;
using dist::name_form;
using dist::status_code;

namespace {

constexpr flags otp_29{0x6D'07DF'7FBC};

byte_buffer our_name() { return wire(dist::name_message{name_form::new_form, dist::pass_through_offer, 77, "us@h"}); }
byte_buffer peers_challenge(flags offered = otp_29) {
  return wire(dist::challenge_message{name_form::new_form, offered, peer_challenge, 9, "peer@h"});
}
byte_buffer our_reply() { return wire(dist::reply_message{our_challenge, proof("secret", peer_challenge)}); }
byte_buffer peers_ack() { return wire(dist::ack_message{proof("secret", our_challenge)}); }

dist::connector machine(dist::handshake_config config = config_of("us@h")) {
  return {std::move(config), "peer@h", "secret"};
}

outcome run(const script& steps, std::optional<fault> fault = std::nullopt) {
  auto m = machine();
  return play(m, steps, std::move(fault));
}

script plain() {
  return {expect_write(our_name()), feed_read(status(status_code::ok)), feed_read(peers_challenge()),
          expect_write(our_reply()), feed_read(peers_ack())};
}

script after_status(byte_buffer status_bytes) { return {expect_write(our_name()), feed_read(std::move(status_bytes))}; }

script alive(handshake::verdict verdict) {
  return {expect_write(our_name()), feed_read(status(status_code::alive)), answer_alive(verdict),
          expect_write(status(verdict == handshake::verdict::proceed ? status_code::is_true : status_code::is_false))};
}

script take_over() {
  script steps = alive(handshake::verdict::proceed);
  steps.push_back(feed_read(peers_challenge()));
  steps.push_back(expect_write(our_reply()));
  steps.push_back(feed_read(peers_ack()));
  return steps;
}

script with_challenge(byte_buffer challenge) {
  return {expect_write(our_name()), feed_read(status(status_code::ok)), feed_read(std::move(challenge))};
}

script with_ack(byte_buffer ack) {
  script steps = plain();
  steps.back() = feed_read(std::move(ack));
  return steps;
}

}  // namespace

TEST_CASE("a connector with the right cookie learns who answered") {
  const auto out = run(plain());
  REQUIRE(out.code() == "done");
  CHECK(out.result->peer == "peer@h");
  CHECK(out.result->creation == 9);
  CHECK(out.result->peer_flags == otp_29);
  CHECK(out.result->negotiated == dist::negotiate(dist::pass_through_offer, otp_29));
  CHECK(out.result->our_name == "us@h");
  CHECK(out.result->our_creation == 77);
  CHECK(out.result->leftover.empty());
  CHECK(out.steps == std::vector{handshake_step::status, handshake_step::status, handshake_step::challenge,
                                 handshake_step::ack, handshake_step::ack});
}

TEST_CASE("ok_simultaneous goes on like ok") {
  script steps = plain();
  steps[1] = feed_read(status(status_code::ok_simultaneous));
  CHECK(run(steps).code() == "done");
}

TEST_CASE("a connector whose old connection is gone takes over") { CHECK(run(take_over()).code() == "done"); }

TEST_CASE("a connector whose connection stands says so and ends") {
  CHECK(run(alive(handshake::verdict::drop)).code() == "duplicate");
}

TEST_CASE("status and challenge may arrive together, and packets behind the ack are kept") {
  script steps = plain();
  steps[1] = feed_read(join({status(status_code::ok), peers_challenge()}));
  steps.erase(steps.begin() + 2);
  steps.back() = feed_read(join({peers_ack(), raw("first packet")}));
  const auto out = run(steps);
  REQUIRE(out.code() == "done");
  CHECK(hex(out.result->leftover) == hex(raw("first packet")));
}

TEST_CASE("refusals by the peer are told apart") {
  CHECK(run(after_status(status(status_code::nok))).code() == "nok");
  CHECK(run(after_status(status(status_code::not_allowed))).code() == "not_allowed");
  CHECK(run(after_status(status(status_code::is_true))).code() == "unexpected_status");
  CHECK(run(after_status(status(status_code::is_false))).code() == "unexpected_status");
}

TEST_CASE("a name that was not asked for is refused") {
  const auto named = wire(dist::status_message{status_code::named, "X@h", 5});
  CHECK(run(after_status(named)).code() == "unexpected_status");
}

TEST_CASE("another node that answers is refused") {
  const auto other = wire(dist::challenge_message{name_form::new_form, otp_29, peer_challenge, 9, "other@h"});
  const auto out = run(with_challenge(other));
  CHECK(out.code() == "name_mismatch");
  CHECK(out.failure->step == handshake_step::challenge);
}

TEST_CASE("a peer without what we require is refused, with the missing flags named") {
  const auto out = run(with_challenge(peers_challenge(
      otp_29.without(flag::mandatory_25_digest).without(flag::utf8_atoms).without(flag::big_creation))));
  REQUIRE(out.code() == "missing_flags");
  CHECK(dist::to_string(out.failure->missing) == "UTF8_ATOMS, BIG_CREATION");
}

TEST_CASE("an old-form challenge shows a peer without HANDSHAKE_23") {
  const auto old = wire(dist::challenge_message{name_form::old_form, flags{0xDF'7FBC}, peer_challenge, 0, "peer@h"});
  const auto out = run(with_challenge(old));
  REQUIRE(out.code() == "missing_flags");
  CHECK(dist::to_string(out.failure->missing) == "HANDSHAKE_23");
}

TEST_CASE("a peer that accepts the digest alone is understood") {
  const flags digest = flags{flag::mandatory_25_digest};
  script steps = plain();
  steps[2] = feed_read(peers_challenge(digest));
  const auto out = run(steps);
  REQUIRE(out.code() == "done");
  CHECK(out.result->peer_flags == (digest | dist::mandatory_25));
}

TEST_CASE("our own challenge sent back is refused") {
  const auto echo = wire(dist::challenge_message{name_form::new_form, otp_29, our_challenge, 9, "peer@h"});
  CHECK(run(with_challenge(echo)).code() == "reflected");
}

TEST_CASE("a challenge of another handshake of this node is refused") {
  auto config = config_of("us@h");
  config.issued_here = [](std::uint32_t challenge) { return challenge == peer_challenge; };
  auto m = machine(std::move(config));
  CHECK(play(m, with_challenge(peers_challenge())).code() == "reflected");
}

TEST_CASE("our own proof sent back is refused") {
  CHECK(run(with_ack(wire(dist::ack_message{proof("secret", peer_challenge)}))).code() == "reflected");
}

TEST_CASE("a peer with another cookie is refused") {
  const auto out = run(with_ack(wire(dist::ack_message{proof("other", our_challenge)})));
  CHECK(out.code() == "wrong_cookie");
  CHECK(out.failure->step == handshake_step::ack);
}

TEST_CASE("a proof that differs in any one bit is refused") {
  for (std::size_t bit = 0; bit < 128; ++bit) {
    auto almost = proof("secret", our_challenge);
    almost[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK(run(with_ack(wire(dist::ack_message{almost}))).code() == "wrong_cookie");
  }
}

TEST_CASE("a connection closed at each step is reported with the step") {
  for (const script& steps : {plain(), take_over()}) {
    for (std::size_t at = 0; at < steps.size(); ++at) {
      const auto out = run(steps, fault{at, handshake::closed{}});
      INFO("step " << at);
      REQUIRE(out.failure);
      const bool proven = out.failure->step == handshake_step::ack;
      CHECK(out.failure->code == (proven ? handshake_errc::cookie_rejected : handshake_errc::closed));
      CHECK(out.failure->step == out.steps.back());
      CHECK(out.failure->peer == "peer@h");
    }
  }
}

TEST_CASE("a deadline at each step is reported with the step") {
  for (const script& steps : {plain(), take_over()}) {
    for (std::size_t at = 0; at < steps.size(); ++at) {
      const auto out = run(steps, fault{at, handshake::timed_out{}});
      INFO("step " << at);
      REQUIRE(out.code() == "timeout");
      CHECK(out.failure->step == out.steps.back());
    }
  }
}

TEST_CASE("the answer false is not turned into another error by a dying connection") {
  const script steps = alive(handshake::verdict::drop);
  CHECK(run(steps, fault{3, handshake::closed{}}).code() == "duplicate");
  CHECK(run(steps, fault{3, handshake::timed_out{}}).code() == "duplicate");
}

TEST_CASE("a message of another kind at each reading step is refused") {
  const byte_buffer strangers[] = {our_name(),
                                   peers_ack(),
                                   our_reply(),
                                   peers_challenge(),
                                   status(status_code::ok),
                                   wire(dist::complement_message{1, 2}),
                                   raw(std::string_view{"\0\0", 2}),
                                   raw(std::string_view{"\0\1x", 3})};
  const script steps = take_over();
  for (std::size_t at = 0; at < steps.size(); ++at) {
    if (!std::holds_alternative<handshake::read>(steps[at].expect)) continue;
    for (const byte_buffer& stranger : strangers) {
      if (stranger[2 % stranger.size()] == steps[at].bytes[2]) continue;
      INFO("step " << at << ": " << hex(stranger));
      CHECK(run(steps, fault{at, handshake::received{stranger}}).code() == "bad_message");
    }
  }
}

TEST_CASE("a peer that stops at any byte leaves the connector waiting, and its end is reported") {
  const script steps = plain();
  for (std::size_t at = 0; at < steps.size(); ++at) {
    if (!std::holds_alternative<handshake::read>(steps[at].expect)) continue;
    for (std::size_t length = 0; length < steps[at].bytes.size(); ++length) {
      script cut{steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(at)};
      cut.push_back(
          feed_read({steps[at].bytes.begin(), steps[at].bytes.begin() + static_cast<std::ptrdiff_t>(length)}));
      cut.push_back(feed_read({}));
      const auto out = run(cut, fault{at + 1, handshake::closed{}});
      INFO("step " << at << ", " << length << " bytes");
      REQUIRE(out.failure);
      CHECK(out.wrong.empty());
    }
  }
}

TEST_CASE("a connector reads one byte at a time as well") {
  for (const script& whole : {plain(), take_over()}) {
    script steps;
    for (const script_step& step : whole) {
      if (!std::holds_alternative<handshake::read>(step.expect)) {
        steps.push_back(step);
        continue;
      }
      for (std::byte b : step.bytes) steps.push_back(feed_read({b}));
    }
    CHECK(run(steps).code() == "done");
  }
}

TEST_CASE("a message of absurd length is refused at each reading step") {
  const script steps = plain();
  for (std::size_t at : {std::size_t{1}, std::size_t{2}, std::size_t{4}})
    CHECK(run(steps, fault{at, handshake::received{raw("HTTP/1.1")}}).code() == "too_long");
}

TEST_CASE("names that no node can have are refused before anything is sent") {
  const auto start = [](std::string ours, std::string peer, dist::naming names = dist::naming::any) {
    auto config = config_of(std::move(ours));
    config.names = names;
    dist::connector m{std::move(config), std::move(peer), "secret"};
    outcome out;
    auto action = m.resume(handshake::started{});
    finish(action, out);
    return out.code();
  };
  CHECK(start("us@h", "peer") == "bad_name");
  CHECK(start("us@h", "@h") == "bad_name");
  CHECK(start("us@", "peer@h") == "bad_name");
  CHECK(start("", "peer@h") == "bad_name");
  CHECK(start("us@h", "us@h") == "own_name");
  CHECK(start("us@h", "peer@h.example", dist::naming::short_names) == "mixed_names");
  CHECK(start("us@h.example", "peer@h", dist::naming::long_names) == "mixed_names");
  CHECK(start("us@h", "peer@h", dist::naming::short_names) == "unfinished");
}

TEST_CASE("without MD5 a connector says so") {
  auto config = config_of("us@h");
  config.md5 = no_md5;
  auto m = machine(config);
  CHECK(play(m, with_challenge(peers_challenge())).code() == "digest_unavailable");
  config.md5 = nullptr;
  auto n = machine(config);
  CHECK(play(n, with_challenge(peers_challenge())).code() == "digest_unavailable");
}

TEST_CASE("a driver that breaks the protocol of events ends the handshake, at every step") {
  const handshake::event wrong[] = {handshake::started{}, handshake::admission{}};
  const script steps = take_over();
  for (std::size_t at = 0; at < steps.size(); ++at)
    for (const handshake::event& event : wrong) CHECK(run(steps, fault{at, event}).code() == "bad_event");
  CHECK(run(steps, fault{0, handshake::received{}}).code() == "bad_event");
  CHECK(run(steps, fault{1, handshake::sent{}}).code() == "bad_event");
  CHECK(run(steps, fault{1, handshake::verdict::proceed}).code() == "bad_event");
}

TEST_CASE("an ended connector stays ended") {
  auto m = machine();
  REQUIRE(play(m, plain()).code() == "done");
  CHECK(m.step() == handshake_step::finished);
  outcome out;
  auto action = m.resume(handshake::received{});
  finish(action, out);
  CHECK(out.code() == "bad_event");
}

TEST_CASE("a connector without a name is named by its peer") {
  auto config = config_of("h");
  dist::connector m{config, "peer@h", "secret"};
  const auto asking =
      wire(dist::name_message{name_form::new_form, dist::pass_through_offer.with(flag::name_me), 0, "h"});
  const auto named = wire(dist::status_message{status_code::named, "1A2B@h", 33});
  const auto out =
      play(m, {expect_write(asking), feed_read(named), feed_read(peers_challenge(otp_29.with(flag::name_me))),
               expect_write(our_reply()), feed_read(peers_ack())});
  REQUIRE(out.code() == "done");
  CHECK(out.result->our_name == "1A2B@h");
  CHECK(out.result->our_creation == 33);
  CHECK_FALSE(out.result->negotiated.has(flag::name_me));
}

TEST_CASE("a connector without a name accepts only a name for its host") {
  const auto asking =
      wire(dist::name_message{name_form::new_form, dist::pass_through_offer.with(flag::name_me), 0, "h"});
  const auto answer = [&](byte_buffer bytes) {
    dist::connector m{config_of("h"), "peer@h", "secret"};
    return play(m, {expect_write(asking), feed_read(std::move(bytes))}).code();
  };
  CHECK(answer(status(status_code::ok)) == "unexpected_status");
  CHECK(answer(wire(dist::status_message{status_code::named, "1A2B@other", 3})) == "bad_name");
  CHECK(answer(wire(dist::status_message{status_code::named, "1A2B", 3})) == "bad_name");
  CHECK(answer(wire(dist::status_message{status_code::named, "peer@h", 3})) == "own_name");
}
