// The accepting side against scripted peers: every course, then a failure at each step of each course in turn.
#include <ergo/dist/acceptor.hpp>

#include "handshake_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace ergo::test;
using dist::name_form;
using dist::status_code;
using handshake::decision;
using handshake::verdict;

namespace {

constexpr flags otp_29{0x6D'07DF'7FBC};

byte_buffer peers_name(flags offered = otp_29, std::string name = "peer@h") {
  return wire(dist::name_message{name_form::new_form, offered, 9, std::move(name)});
}
byte_buffer peers_old_name(flags offered = otp_29) {
  return wire(dist::name_message{name_form::old_form, offered, 0, "peer@h"});
}
byte_buffer our_challenge_message(flags offered = dist::pass_through_offer) {
  return wire(dist::challenge_message{name_form::new_form, offered, our_challenge, 77, "us@h"});
}
byte_buffer accepted(status_code code = status_code::ok) { return join({status(code), our_challenge_message()}); }
byte_buffer peers_reply() { return wire(dist::reply_message{peer_challenge, proof("secret", our_challenge)}); }
byte_buffer our_ack() { return wire(dist::ack_message{proof("secret", peer_challenge)}); }

outcome run(const script& steps, std::optional<fault> fault = std::nullopt) {
  dist::acceptor m{config_of("us@h")};
  return play(m, steps, std::move(fault));
}

script plain(decision decided = decision::ok) {
  return {feed_read(peers_name()),
          answer_ask(decided),
          expect_write(accepted(decided == decision::ok ? status_code::ok : status_code::ok_simultaneous)),
          feed_read(peers_reply()),
          answer_commit(verdict::proceed),
          expect_write(our_ack())};
}

script take_over() {
  return {feed_read(peers_name()),
          answer_ask(decision::alive),
          expect_write(status(status_code::alive)),
          feed_read(status(status_code::is_true)),
          expect_write(our_challenge_message()),
          feed_read(peers_reply()),
          answer_commit(verdict::proceed),
          expect_write(our_ack())};
}

script old_form() {
  const dist::complement_message rest{static_cast<std::uint32_t>(otp_29.bits() >> 32), 9};
  return {feed_read(peers_old_name()), answer_ask(decision::ok),        expect_write(accepted()), feed_read(wire(rest)),
          feed_read(peers_reply()),    answer_commit(verdict::proceed), expect_write(our_ack())};
}

std::vector<script> courses() { return {plain(), take_over(), old_form()}; }

script refused(byte_buffer name, status_code code) { return {feed_read(std::move(name)), expect_write(status(code))}; }

script with_reply(byte_buffer reply) {
  script steps = plain();
  steps[3] = feed_read(std::move(reply));
  return {steps.begin(), steps.begin() + 4};
}

}  // namespace

TEST_CASE("an acceptor believes a name when its proof has come") {
  const auto out = run(plain());
  REQUIRE(out.code() == "done");
  CHECK(out.result->peer == "peer@h");
  CHECK(out.result->creation == 9);
  CHECK(out.result->peer_flags == otp_29);
  CHECK(out.result->negotiated == dist::negotiate(dist::pass_through_offer, otp_29));
  CHECK(out.result->our_name == "us@h");
  CHECK(out.steps == std::vector{handshake_step::name, handshake_step::admission, handshake_step::reply,
                                 handshake_step::reply, handshake_step::commit, handshake_step::finished});
}

TEST_CASE("an old-form name with its complement is as good as a new one") {
  const auto out = run(old_form());
  REQUIRE(out.code() == "done");
  CHECK(out.result->peer_flags == otp_29);
  CHECK(out.result->creation == 9);
}

TEST_CASE("an acceptor that gives up its own attempt says so") {
  CHECK(run(plain(decision::ok_simultaneous)).code() == "done");
}

TEST_CASE("a peer that has restarted takes over after its proof, not before") {
  const auto out = run(take_over());
  REQUIRE(out.code() == "done");
  CHECK(out.steps[3] == handshake_step::alive);
  CHECK(out.steps[6] == handshake_step::commit);
}

TEST_CASE("the connection table sees the claim as it was made") {
  dist::acceptor m{config_of("us@h")};
  auto action = m.resume(handshake::started{});
  const auto bytes = peers_name(flags{flag::mandatory_25_digest}.with(flag::alias));
  action = m.resume(handshake::received{bytes});
  const auto* ask = std::get_if<handshake::ask>(&action);
  REQUIRE(ask);
  CHECK(ask->name == "peer@h");
  CHECK(ask->offered == (dist::mandatory_25 | flags{flag::mandatory_25_digest, flag::alias}));
  CHECK(ask->creation == 9);
  CHECK_FALSE(ask->wants_name);
}

TEST_CASE("refusals by the connection table reach the peer") {
  const auto refuse = [](decision decided, status_code code) {
    return run({feed_read(peers_name()), answer_ask(decided), expect_write(status(code))}).code();
  };
  CHECK(refuse(decision::nok, status_code::nok) == "yielded");
  CHECK(refuse(decision::not_allowed, status_code::not_allowed) == "refused");
}

TEST_CASE("a peer whose old connection stands goes away") {
  script steps = take_over();
  steps[3] = feed_read(status(status_code::is_false));
  steps.resize(4);
  CHECK(run(steps).code() == "duplicate");
}

TEST_CASE("only true and false answer the question whether a connection is alive") {
  for (auto code : {status_code::ok, status_code::ok_simultaneous, status_code::nok, status_code::not_allowed,
                    status_code::alive, status_code::named}) {
    script steps = take_over();
    steps[3] = feed_read(wire(dist::status_message{code, "a@b", 1}));
    steps.resize(4);
    CHECK(run(steps).code() == "unexpected_status");
  }
}

TEST_CASE("names that no node can have are refused in silence") {
  for (std::string name : {"peer", "@h", "peer@", "a@b@c", "pe er@h", "pe\ner@h"})
    CHECK(run({feed_read(peers_name(otp_29, name))}).code() == "bad_name");
}

TEST_CASE("a peer with our own name is answered nok") {
  CHECK(run(refused(peers_name(otp_29, "us@h"), status_code::nok)).code() == "own_name");
}

TEST_CASE("long and short names do not meet") {
  auto config = config_of("us@h");
  config.names = dist::naming::short_names;
  dist::acceptor m{config};
  CHECK(play(m, refused(peers_name(otp_29, "peer@h.example"), status_code::not_allowed)).code() == "mixed_names");
}

TEST_CASE("a peer without what we require is answered not_allowed, and the missing flags are named") {
  const auto out = run(refused(peers_name(otp_29.without(flag::mandatory_25_digest).without(flag::utf8_atoms)),
                               status_code::not_allowed));
  REQUIRE(out.code() == "missing_flags");
  CHECK(out.failure->missing == flags{flag::utf8_atoms});
  CHECK(out.failure->step == handshake_step::name);
}

TEST_CASE("OTP 22 is answered not_allowed") {
  const auto out = run(refused(peers_old_name(flags{0xDF'7FBC}), status_code::not_allowed));
  REQUIRE(out.code() == "missing_flags");
  CHECK(dist::to_string(out.failure->missing) == "HANDSHAKE_23");
}

TEST_CASE("flags required from the upper half are looked for in the complement") {
  auto config = config_of("us@h");
  config.required = dist::mandatory_26;
  const auto with_high = [&](std::uint32_t high) {
    dist::acceptor m{config};
    script steps = old_form();
    steps[3] = feed_read(wire(dist::complement_message{high, 9}));
    if (high == 0) {
      steps.resize(4);
      steps.push_back(expect_write(status(status_code::not_allowed)));
    }
    return play(m, steps);
  };
  CHECK(with_high(4).code() == "done");
  const auto out = with_high(0);
  REQUIRE(out.code() == "missing_flags");
  CHECK(out.failure->missing == flags{flag::v4_nc});
  CHECK(out.failure->step == handshake_step::complement);
}

TEST_CASE("a node that requires less lets an old-form peer through without a complement") {
  auto config = config_of("us@h");
  config.required = dist::mandatory_23;
  dist::acceptor m{config};
  const auto challenge =
      wire(dist::challenge_message{name_form::old_form, dist::pass_through_offer, our_challenge, 0, "us@h"});
  const script steps{feed_read(peers_old_name(flags{0xDF'7FBC})),
                     answer_ask(decision::ok),
                     expect_write(join({status(status_code::ok), challenge})),
                     feed_read(peers_reply()),
                     answer_commit(verdict::proceed),
                     expect_write(our_ack())};
  const auto out = play(m, steps);
  REQUIRE(out.code() == "done");
  CHECK(out.result->creation == 0);
}

TEST_CASE("a peer with another cookie is not told anything") {
  const auto out = run(with_reply(wire(dist::reply_message{peer_challenge, proof("other", our_challenge)})));
  CHECK(out.code() == "wrong_cookie");
  CHECK(out.failure->step == handshake_step::reply);
}

TEST_CASE("a reply that differs in any one bit of its proof is refused") {
  for (std::size_t bit = 0; bit < 128; ++bit) {
    auto almost = proof("secret", our_challenge);
    almost[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK(run(with_reply(wire(dist::reply_message{peer_challenge, almost}))).code() == "wrong_cookie");
  }
}

TEST_CASE("a reply that echoes our challenge is refused, even with the right proof") {
  CHECK(run(with_reply(wire(dist::reply_message{our_challenge, proof("secret", our_challenge)}))).code() ==
        "reflected");
}

TEST_CASE("a reply with a challenge of another handshake of this node is refused") {
  auto config = config_of("us@h");
  config.issued_here = [](std::uint32_t challenge) { return challenge == peer_challenge; };
  dist::acceptor m{config};
  CHECK(play(m, with_reply(peers_reply())).code() == "reflected");
}

TEST_CASE("the cookie is the one of the admission") {
  script steps = plain();
  steps[1] = answer_ask(decision::ok, "for peer");
  steps[3] = feed_read(wire(dist::reply_message{peer_challenge, proof("for peer", our_challenge)}));
  steps[5] = expect_write(wire(dist::ack_message{proof("for peer", peer_challenge)}));
  CHECK(run(steps).code() == "done");
  CHECK(run([&] {
          script wrong = plain();
          wrong[1] = answer_ask(decision::ok, "for peer");
          wrong.resize(4);
          return wrong;
        }())
            .code() == "wrong_cookie");
}

TEST_CASE("an attempt that lost the race is dropped after its proof without an ack") {
  script steps = plain();
  steps[4] = answer_commit(verdict::drop);
  steps.resize(5);
  CHECK(run(steps).code() == "superseded");
}

TEST_CASE("a peer closing at each step is reported with the step") {
  for (const script& steps : courses()) {
    for (std::size_t at = 0; at < steps.size(); ++at) {
      const auto out = run(steps, fault{at, handshake::closed{}});
      INFO("step " << at);
      REQUIRE(out.code() == "closed");
      CHECK(out.failure->step == out.steps.back());
    }
  }
}

TEST_CASE("a deadline at each step of an acceptor is reported with the step") {
  for (const script& steps : courses()) {
    for (std::size_t at = 0; at < steps.size(); ++at) {
      const auto out = run(steps, fault{at, handshake::timed_out{}});
      INFO("step " << at);
      REQUIRE(out.code() == "timeout");
      CHECK(out.failure->step == out.steps.back());
    }
  }
}

TEST_CASE("a refusal stays the reason when the connection dies while it is written") {
  const script steps = refused(peers_name(otp_29, "us@h"), status_code::nok);
  CHECK(run(steps, fault{1, handshake::closed{}}).code() == "own_name");
  CHECK(run(steps, fault{1, handshake::timed_out{}}).code() == "own_name");
}

TEST_CASE("an acceptor refuses a message of another kind at each reading step") {
  const byte_buffer strangers[] = {peers_name(),
                                   our_ack(),
                                   peers_reply(),
                                   status(status_code::is_true),
                                   wire(dist::complement_message{1, 2}),
                                   raw(std::string_view{"\0\0", 2}),
                                   raw(std::string_view{"\0\1x", 3})};
  for (const script& steps : courses()) {
    for (std::size_t at = 0; at < steps.size(); ++at) {
      if (!std::holds_alternative<handshake::read>(steps[at].expect)) continue;
      for (const byte_buffer& stranger : strangers) {
        const bool name = steps[at].bytes[2] == std::byte{'n'} && stranger.size() > 2 && stranger[2] == std::byte{'N'};
        if (name || (stranger.size() > 2 && stranger[2] == steps[at].bytes[2])) continue;
        INFO("step " << at << ": " << hex(stranger));
        CHECK(run(steps, fault{at, handshake::received{stranger}}).code() == "bad_message");
      }
    }
  }
}

TEST_CASE("a peer that stops at any byte leaves the acceptor waiting, and its end is reported") {
  for (const script& steps : courses()) {
    for (std::size_t at = 0; at < steps.size(); ++at) {
      if (!std::holds_alternative<handshake::read>(steps[at].expect)) continue;
      for (std::size_t length = 0; length < steps[at].bytes.size(); ++length) {
        script cut{steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(at)};
        cut.push_back(
            feed_read({steps[at].bytes.begin(), steps[at].bytes.begin() + static_cast<std::ptrdiff_t>(length)}));
        cut.push_back(feed_read({}));
        INFO("step " << at << ", " << length << " bytes");
        CHECK(run(cut, fault{at + 1, handshake::closed{}}).code() == "closed");
      }
    }
  }
}

TEST_CASE("an acceptor reads one byte at a time, and everything at once") {
  for (const script& whole : courses()) {
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
  // A peer that knows the challenge beforehand cannot exist; one that does not wait for it can.
  script eager = plain();
  eager[0] = feed_read(join({peers_name(), peers_reply(), raw("packets")}));
  eager.erase(eager.begin() + 3);
  const auto out = run(eager);
  REQUIRE(out.code() == "done");
  CHECK(hex(out.result->leftover) == hex(raw("packets")));
}

TEST_CASE("an acceptor refuses a message of absurd length") {
  CHECK(run({feed_read(raw("GET / HTTP/1.1\r\n"))}).code() == "too_long");
  auto config = config_of("us@h");
  config.prefix = dist::length_prefix::four_bytes;
  dist::acceptor m{config};
  CHECK(play(m, {feed_read(raw(std::string_view{"\x16\x03\x01\x02\x00", 5}))}).code() == "too_long");
}

TEST_CASE("an acceptor that cannot exist ends at once") {
  dist::acceptor m{config_of("us")};
  CHECK(play(m, {}).code() == "bad_name");
}

TEST_CASE("without MD5 an acceptor says so") {
  auto config = config_of("us@h");
  config.md5 = no_md5;
  dist::acceptor m{config};
  CHECK(play(m, with_reply(peers_reply())).code() == "digest_unavailable");
}

TEST_CASE("an acceptor whose driver breaks the protocol of events ends, at every step") {
  const handshake::event wrong[] = {handshake::started{}};
  for (const script& steps : courses())
    for (std::size_t at = 0; at < steps.size(); ++at)
      for (const handshake::event& event : wrong) CHECK(run(steps, fault{at, event}).code() == "bad_event");
  CHECK(run(plain(), fault{1, verdict::proceed}).code() == "bad_event");
  CHECK(run(plain(), fault{4, handshake::admission{}}).code() == "bad_event");
  CHECK(run(plain(), fault{0, handshake::sent{}}).code() == "bad_event");
}

TEST_CASE("an ended acceptor stays ended") {
  dist::acceptor m{config_of("us@h")};
  REQUIRE(play(m, plain()).code() == "done");
  outcome out;
  auto action = m.resume(handshake::closed{});
  finish(action, out);
  CHECK(out.code() == "bad_event");
}

TEST_CASE("a peer that wants a name is given one, or refused") {
  const flags offer = otp_29.with(flag::name_me);
  const auto asking = wire(dist::name_message{name_form::new_form, offer, 0, "h"});
  const auto named = wire(dist::status_message{status_code::named, "1A2B@h", 33});
  const handshake::admission given{decision::named, "secret", "1A2B@h", 33};

  script steps{feed_read(asking),
               {handshake::ask{}, {}, given},
               expect_write(join({named, our_challenge_message(dist::pass_through_offer.with(flag::name_me))})),
               feed_read(peers_reply()),
               answer_commit(verdict::proceed),
               expect_write(our_ack())};
  const auto out = run(steps);
  REQUIRE(out.code() == "done");
  CHECK(out.result->peer == "1A2B@h");
  CHECK(out.result->creation == 33);

  CHECK(run({feed_read(asking), answer_ask(decision::not_allowed), expect_write(status(status_code::not_allowed))})
            .code() == "refused");
  CHECK(run({feed_read(asking), answer_ask(decision::ok)}).code() == "bad_event");
  CHECK(run({feed_read(peers_name()), {handshake::ask{}, {}, given}}).code() == "bad_event");
  const auto no_host = wire(dist::name_message{name_form::new_form, offer, 0, ""});
  CHECK(run({feed_read(no_host)}).code() == "bad_name");
}

TEST_CASE("a peer that has a name keeps it, whatever it offers") {
  script steps = plain();
  steps[0] = feed_read(peers_name(otp_29.with(flag::name_me)));
  const auto out = run(steps);
  REQUIRE(out.code() == "done");
  CHECK(out.result->peer == "peer@h");
}
