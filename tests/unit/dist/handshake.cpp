// Both roles against each other, for every pair of releases and every way to cut the stream; digests; texts.
#include <ergo/dist/handshake.hpp>

#include "handshake_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>

using namespace ergo::test;
using handshake::decision;

namespace {

struct release {
  int otp;
  flags offers;
  flags requires_of_peers;
};

const release releases[] = {
    {23, flags{0x1'01DF'7FBC}, dist::mandatory_23},
    {24, flags{0xD'03DF'7FBC}, dist::mandatory_23},
    {25, flags{0xD'07DF'7FBC}, dist::mandatory_25},
    {26, flags{0xD'07DF'7FBC}, dist::mandatory_26},
    {27, flags{0xD'07DF'7FBC}, dist::mandatory_26},
    {28, flags{0x2D'07DF'7FBC}, dist::mandatory_26},
    {29, flags{0x6D'07DF'7FBC}, dist::mandatory_26},
    {0, dist::pass_through_offer, dist::required_of_peers},
    {0, dist::visible_pass_through_offer, dist::required_of_peers},
};

dist::handshake_config config_for(const release& r, std::string name, std::uint32_t challenge) {
  auto config = config_of(std::move(name), challenge);
  config.offer = r.offers;
  config.required = r.requires_of_peers;
  return config;
}

duel_result duel_of(const release& a, const release& b, std::size_t chunk = 1u << 20,
                    dist::length_prefix prefix = dist::length_prefix::two_bytes) {
  auto ours = config_for(a, "a@h", 1);
  auto theirs = config_for(b, "b@h", 2);
  ours.prefix = theirs.prefix = prefix;
  dist::connector dialler{ours, "b@h", "secret"};
  dist::acceptor accepter{theirs};
  return duel(dialler, accepter, {}, chunk);
}

}  // namespace

TEST_CASE("the digest is the one of the protocol") {
  CHECK(hex(proof("secret", 0)) == "175ec77a7f63082590987d0d8b051aff");
  CHECK(hex(proof("secret", 1234567890)) == "e0fcfc1ba511fc6fe6ee357c9addb932");
  CHECK(hex(proof("secret", 4294967295)) == "5dfd181e69aa587cc812eb333e6536b6");
  CHECK(hex(proof("", 7)) == "8f14e45fceea167a5a36dedd4bea2543");
}

TEST_CASE("a connector proves itself with the digests of the protocol") {
  const auto reply_to = [](std::uint32_t challenge, std::string cookie) {
    dist::connector m{config_of("us@h"), "peer@h", std::move(cookie)};
    auto action = m.resume(handshake::started{});
    action = m.resume(handshake::sent{});
    const auto bytes = join(
        {status(dist::status_code::ok),
         wire(dist::challenge_message{dist::name_form::new_form, dist::pass_through_offer, challenge, 1, "peer@h"})});
    action = m.resume(handshake::received{bytes});
    return hex(std::get<handshake::write>(action).bytes.last(16));
  };
  CHECK(reply_to(0, "secret") == "175ec77a7f63082590987d0d8b051aff");
  CHECK(reply_to(1234567890, "secret") == "e0fcfc1ba511fc6fe6ee357c9addb932");
  CHECK(reply_to(4294967295, "secret") == "5dfd181e69aa587cc812eb333e6536b6");
  CHECK(reply_to(7, "") == "8f14e45fceea167a5a36dedd4bea2543");
}

TEST_CASE("every pair of releases agrees exactly when neither misses what the other requires") {
  for (const release& a : releases) {
    for (const release& b : releases) {
      INFO("OTP " << a.otp << " dials OTP " << b.otp);
      const auto result = duel_of(a, b);
      const bool a_fits = dist::missing(a.offers, b.requires_of_peers).empty();
      const bool b_fits = dist::missing(b.offers, a.requires_of_peers).empty();
      if (a_fits && b_fits) {
        REQUIRE(result.dialler.code() == "done");
        REQUIRE(result.accepter.code() == "done");
        CHECK(result.dialler.result->negotiated == result.accepter.result->negotiated);
        CHECK(result.dialler.result->peer_flags == dist::expand_digest(b.offers));
      } else {
        CHECK(result.dialler.code() == (a_fits ? "missing_flags" : "not_allowed"));
        CHECK(result.accepter.code() == (a_fits ? "closed" : "missing_flags"));
      }
    }
  }
}

TEST_CASE("we get on with every release in both directions") {
  for (const release& r : releases) {
    for (const release& ours : {releases[7], releases[8]}) {
      CHECK(duel_of(ours, r).dialler.code() == "done");
      CHECK(duel_of(r, ours).dialler.code() == "done");
    }
  }
}

TEST_CASE("both ends learn about each other") {
  const auto result = duel_of(releases[8], releases[6]);
  REQUIRE(result.dialler.result);
  REQUIRE(result.accepter.result);
  CHECK(result.dialler.result->peer == "b@h");
  CHECK(result.accepter.result->peer == "a@h");
  CHECK(result.accepter.result->creation == 77);
}

TEST_CASE("the stream may be cut anywhere, on TCP and inside TLS") {
  for (auto prefix : {dist::length_prefix::two_bytes, dist::length_prefix::four_bytes}) {
    for (std::size_t chunk = 1; chunk < 60; ++chunk) {
      const auto result = duel_of(releases[2], releases[6], chunk, prefix);
      CHECK(result.dialler.code() == "done");
      CHECK(result.accepter.code() == "done");
    }
  }
}

TEST_CASE("different cookies end in wrong_cookie on one end and cookie_rejected on the other") {
  dist::connector dialler{config_of("a@h", 1), "b@h", "one"};
  dist::acceptor accepter{config_of("b@h", 2)};
  const auto result = duel(dialler, accepter, {.admission = {decision::ok, "two", {}, 0}});
  CHECK(result.dialler.code() == "cookie_rejected");
  CHECK(result.accepter.code() == "wrong_cookie");
}

TEST_CASE("plain TCP against TLS framing ends with an error on both ends") {
  auto plain = config_of("a@h", 1);
  auto tls = config_of("b@h", 2);
  tls.prefix = dist::length_prefix::four_bytes;
  dist::connector dialler{plain, "b@h", "secret"};
  dist::acceptor accepter{tls};
  const auto result = duel(dialler, accepter);
  CHECK(result.accepter.code() == "too_long");
  CHECK(result.dialler.code() == "closed");
}

TEST_CASE("a take-over runs through on both ends") {
  for (auto alive : {handshake::verdict::proceed, handshake::verdict::drop}) {
    dist::connector dialler{config_of("a@h", 1), "b@h", "secret"};
    dist::acceptor accepter{config_of("b@h", 2)};
    const auto result = duel(dialler, accepter, {.admission = {decision::alive, "secret", {}, 0}, .alive = alive});
    const bool goes_on = alive == handshake::verdict::proceed;
    CHECK(result.dialler.code() == (goes_on ? "done" : "duplicate"));
    CHECK(result.accepter.code() == (goes_on ? "done" : "duplicate"));
  }
}

TEST_CASE("a node that reflects our handshake back at us never gets in") {
  // The attacker has no cookie: it dials us, and relays what it needs solved to a connector of ours.
  std::set<std::uint32_t> out{1, 2};
  auto accepting = config_of("us@h", 1);
  auto dialling = config_of("us@h", 2);
  accepting.issued_here = dialling.issued_here = [&](std::uint32_t c) { return out.contains(c); };
  dist::acceptor victim{accepting};
  dist::connector oracle{dialling, "evil@h", "secret"};

  auto action = victim.resume(handshake::started{});
  const auto name = wire(dist::name_message{dist::name_form::new_form, dist::pass_through_offer, 5, "evil@h"});
  action = victim.resume(handshake::received{name});
  action = victim.resume(handshake::admission{decision::ok, "secret", {}, 0});
  const auto written = std::get<handshake::write>(action).bytes;
  const auto riddle = dist::parse_challenge(written.subspan(status(dist::status_code::ok).size() + 2));
  REQUIRE(riddle);

  action = oracle.resume(handshake::started{});
  action = oracle.resume(handshake::sent{});
  const auto relayed = join(
      {status(dist::status_code::ok), wire(dist::challenge_message{dist::name_form::new_form, dist::pass_through_offer,
                                                                   riddle->challenge, 5, "evil@h"})});
  action = oracle.resume(handshake::received{relayed});
  REQUIRE(std::holds_alternative<handshake::failed>(action));
  CHECK(std::get<handshake::failed>(action).failure.code == handshake_errc::reflected);
}

TEST_CASE("every way to fail has its own name and sentence") {
  std::set<std::string> names;
  std::set<std::string> sentences;
  for (int i = 0; i <= static_cast<int>(handshake_errc::bad_event); ++i) {
    const auto code = static_cast<handshake_errc>(i);
    CHECK(names.insert(std::string{dist::to_string(code)}).second);
    CHECK(sentences.insert(dist::to_string(dist::handshake_failure{code, handshake_step::finished, {}, {}})).second);
  }
  CHECK(names.contains("wrong_cookie"));
}

TEST_CASE("the sentences name the step, the flags and the release") {
  const dist::handshake_failure old{handshake_errc::missing_flags, handshake_step::name, flags{flag::handshake_23},
                                    "x@h"};
  CHECK(dist::to_string(old) == "the peer lacks HANDSHAKE_23 (OTP 23 or later is needed) (handshake step: name)");
  const dist::handshake_failure odd{handshake_errc::missing_flags, handshake_step::name, flags{flag::atom_cache},
                                    "x@h"};
  CHECK(dist::to_string(odd) == "the peer lacks ATOM_CACHE (handshake step: name)");
  const dist::handshake_failure late{handshake_errc::timeout, handshake_step::challenge, {}, "x@h"};
  CHECK(dist::to_string(late) == "the peer took too long (handshake step: challenge)");
  const dist::handshake_failure gone{handshake_errc::closed, handshake_step::status, {}, "x@h"};
  CHECK(dist::to_string(gone).find("OTP 22") != std::string::npos);
}

TEST_CASE("no text of a failure holds the cookie or the name that the peer chose") {
  for (int i = 0; i <= static_cast<int>(handshake_errc::bad_event); ++i) {
    const auto text =
        dist::to_string(dist::handshake_failure{static_cast<handshake_errc>(i), handshake_step::reply, {}, "evil\n@h"});
    CHECK(text.find("evil") == std::string::npos);
  }
}

TEST_CASE("every step has a name") {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(handshake_step::finished); ++i)
    CHECK(names.insert(dist::to_string(static_cast<handshake_step>(i))).second);
}
