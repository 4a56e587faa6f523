// TLS without sockets: what agrees, what does not and in which words, and how bytes become records.
#include "tls_session.hpp"

#include "tls_fixture.hpp"

#include <openssl/ssl.h>

#include <string>
#include <vector>

using namespace ergo;
using namespace ergo::detail;
using namespace ergo_test;
using namespace std::string_literals;
using end = tls_session::end;

namespace {

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t at = 0; at < size; ++at) text[at] = static_cast<char>(at * 31 + at / 4096);
  return text;
}

/// The plaintext sizes of the records in `bytes`, as TLS 1.3 wraps them.
std::vector<std::size_t> records_of(std::span<const std::byte> bytes) {
  constexpr std::size_t head = 5;
  constexpr std::size_t wrapping = 17;  // tag and inner type
  std::vector<std::size_t> sizes;
  while (bytes.size() >= head) {
    const auto length = std::to_integer<std::size_t>(bytes[3]) << 8 | std::to_integer<std::size_t>(bytes[4]);
    sizes.push_back(length - wrapping);
    bytes = bytes.subspan(head + length);
  }
  return sizes;
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

cert::request for_localhost() {
  cert::request about;
  about.common_name = "node";
  about.hosts = {"localhost"};
  return about;
}

/// What the ends of a handshake say of each other; empty when they agree.
struct verdict {
  std::string caller;
  std::string callee;
};

// With TLS 1.3 a caller has finished before it hears what the callee thinks of it.
verdict meet(const tls_options& calling, const tls_options& called, int newest = TLS1_3_VERSION,
             const std::string& peer = "b@localhost") {
  const auto one = made(calling);
  const auto other = made(called);
  SSL_CTX_set_max_proto_version(other->context(tls_role::callee), newest);
  tls_pair pair{one, other, peer};
  const auto how = pair.shake();
  verdict found;
  if (how.second == end::failed) found.callee = pair.callee.reason();
  if (how.first == end::failed) {
    found.caller = pair.caller.reason();
  } else if (how.second == end::failed) {
    (void)pass(pair.callee, pair.caller);
    std::array<std::byte, 16> room{};
    if (pair.caller.read(room).how == end::failed) found.caller = pair.caller.reason();
  } else if (const auto objection = pair.caller.objection(peer)) {
    found.caller = *objection;
  }
  return found;
}

}  // namespace

TEST_CASE("two nodes of one authority agree on TLS 1.3 and believe each other") {
  const auto signer = cert::authority::make("authority");
  tls_pair pair{made(tls_of(signer)), made(tls_of(signer))};
  CHECK(pair.shake() == std::pair{end::progress, end::progress});
  CHECK(pair.caller.version() == "TLSv1.3");
  CHECK(pair.caller.verified());
  CHECK(pair.callee.verified());
  CHECK_FALSE(pair.caller.objection("b@localhost"));
  CHECK_FALSE(pair.callee.objection("a@localhost"));
  CHECK_FALSE(pair.callee.objection("@localhost"));
  CHECK(pair.carry(pair.caller, pair.callee, "there") == "there");
  CHECK(pair.carry(pair.callee, pair.caller, "back") == "back");
}

TEST_CASE("a handshake and what follows survive a network that gives one byte at a time") {
  const auto signer = cert::authority::make("authority");
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto called = made(tls_of(signer));
    SSL_CTX_set_max_proto_version(called->context(tls_role::callee), newest);
    tls_pair pair{made(tls_of(signer)), called};
    CHECK(pair.shake(1) == std::pair{end::progress, end::progress});
    CHECK(pair.caller.version() == (newest == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
    const std::string text = "word by word";
    REQUIRE(pair.caller.write(std::as_bytes(std::span{text})));
    REQUIRE(pair.caller.finish_record());
    std::string got;
    std::array<std::byte, 64> room{};
    while (got.size() < text.size()) {
      const auto step = pair.callee.read(room);
      got.append(reinterpret_cast<const char*>(room.data()), step.count);
      if (step.how == end::wanting) REQUIRE(pass(pair.caller, pair.callee, 1));
    }
    CHECK(got == text);
  }
}

TEST_CASE("many small writes fill records, and a large one is not cut smaller") {
  const auto signer = cert::authority::make("authority");
  tls_pair pair{made(tls_of(signer)), made(tls_of(signer))};
  REQUIRE(pair.shake() == std::pair{end::progress, end::progress});
  const auto text = pattern(40'000);
  const auto bytes = std::as_bytes(std::span{text});
  for (std::size_t at = 0; at < 20'000; at += 100) REQUIRE(pair.caller.write(bytes.subspan(at, 100)));
  REQUIRE(pair.caller.write(bytes.subspan(20'000)));
  REQUIRE(pair.caller.finish_record());
  CHECK(records_of(pair.caller.outgoing()) == std::vector<std::size_t>{16'384, 16'384, 7'232});
  CHECK(pair.drain(pair.caller, pair.callee) == text);
}

TEST_CASE("an orderly end is heard, and what came before it is read first") {
  const auto signer = cert::authority::make("authority");
  tls_pair pair{made(tls_of(signer)), made(tls_of(signer))};
  REQUIRE(pair.shake() == std::pair{end::progress, end::progress});
  const std::string last = "last words";
  REQUIRE(pair.caller.write(std::as_bytes(std::span{last})));
  REQUIRE(pair.caller.finish_record());
  pair.caller.close();
  CHECK(pair.drain(pair.caller, pair.callee) == last);
  std::array<std::byte, 16> room{};
  CHECK(pair.callee.read(room).how == end::closed);
  CHECK(pair.callee.read(room).how == end::closed);
}

TEST_CASE("a changed byte ends the session, for good and in words") {
  const auto signer = cert::authority::make("authority");
  tls_pair pair{made(tls_of(signer)), made(tls_of(signer))};
  REQUIRE(pair.shake() == std::pair{end::progress, end::progress});
  const std::string text = "something";
  REQUIRE(pair.caller.write(std::as_bytes(std::span{text})));
  REQUIRE(pair.caller.finish_record());
  std::vector<std::byte> bytes(pair.caller.outgoing().begin(), pair.caller.outgoing().end());
  bytes.back() ^= std::byte{1};
  std::array<std::byte, 64> room{};
  REQUIRE(pair.callee.read(room).how == end::wanting);
  std::ranges::copy(bytes, pair.callee.room().begin());
  pair.callee.received(bytes.size());
  CHECK(pair.callee.read(room).how == end::failed);
  CHECK(pair.callee.read(room).how == end::failed);
  CHECK_FALSE(pair.callee.write(std::as_bytes(std::span{text})));
  CHECK(pair.callee.failure().category() == tls_category());
  CHECK(holds(pair.callee.failure().message(), "TLS: "));
  CHECK_FALSE(pair.callee.outgoing().empty());  // the peer is told
}

TEST_CASE("who is not to be believed is refused on either side, and both can say why") {
  const auto signer = cert::authority::make("authority");
  const auto stranger = cert::authority::make("stranger");
  const auto good = tls_of(signer);
  auto expired = for_localhost();
  expired.begins = std::chrono::hours{-48};
  expired.ends = std::chrono::hours{-24};
  auto early = for_localhost();
  early.begins = std::chrono::hours{24};
  cert::request nameless;
  nameless.common_name = "localhost";
  auto elsewhere = for_localhost();
  elsewhere.hosts = {"db1", "10.0.0.1"};
  auto callee_only = for_localhost();
  callee_only.use = cert::purpose::callee_only;
  auto caller_only = for_localhost();
  caller_only.use = cert::purpose::caller_only;
  const auto own = cert::make_self_signed(for_localhost());

  struct row {
    const char* name;
    tls_options calling;
    tls_options called;
    const char* caller;  // says
    const char* callee;
  };
  const std::vector<row> table{
      {"good", good, good, "", ""},
      {"callee of a stranger", good, tls_with(stranger.issue(for_localhost()), signer),
       "not among tls_options::authorities", "does not know who has signed"},
      {"caller of a stranger", tls_with(stranger.issue(for_localhost()), signer), good, "does not know who has signed",
       "not among tls_options::authorities"},
      {"expired callee", good, tls_with(signer.issue(expired), signer), "certificate has expired",
       "certificate expired"},
      {"expired caller", tls_with(signer.issue(expired), signer), good, "certificate expired",
       "certificate has expired"},
      {"callee of tomorrow", good, tls_with(signer.issue(early), signer), "not yet valid", "bad certificate"},
      {"common name only", good, tls_with(signer.issue(nameless), signer), "nothing that it names and not for",
       "bad certificate"},
      {"other host", good, tls_with(signer.issue(elsewhere), signer), "db1, 10.0.0.1 and not for the host localhost",
       "bad certificate"},
      {"wrong usage of the callee", good, tls_with(signer.issue(caller_only), signer), "purpose",
       "unsupported certificate"},
      {"wrong usage of the caller", tls_with(signer.issue(callee_only), signer), good, "unsupported certificate",
       "purpose"},
      {"self-signed callee", good, tls_with(own, signer), "not among tls_options::authorities",
       "does not know who has signed"},
      {"self-signed caller", tls_with(own, signer), good, "does not know who has signed",
       "not among tls_options::authorities"},
  };
  for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const auto& one : table) {
      const auto found = meet(one.calling, one.called, newest);
      INFO(one.name << (newest == TLS1_2_VERSION ? ", TLS 1.2" : ", TLS 1.3") << "\ncaller: " << found.caller
                    << "\ncallee: " << found.callee);
      CHECK(found.caller.empty() == std::string{one.caller}.empty());
      CHECK(holds(found.caller, one.caller));
      CHECK(found.callee.empty() == std::string{one.callee}.empty());
      CHECK(holds(found.callee, one.callee));
    }
  }
}

TEST_CASE("certificates between a node's and an authority's come with the node's") {
  const auto signer = cert::authority::make("authority");
  const auto below = signer.issue_authority("below");
  const auto whole = tls_with(below.issue(for_localhost()), signer);
  CHECK(meet(whole, whole).caller.empty());
  auto cut = whole;
  cut.certificate.text.resize(cut.certificate.text.find("-----BEGIN", 1));
  CHECK(holds(meet(whole, cut).caller, "not among tls_options::authorities"));
  auto shallow = whole;
  shallow.chain = 0;
  CHECK(holds(meet(shallow, whole).caller, "chain too long"));
}

TEST_CASE("a bundle of authorities believes each of them") {
  const auto one = cert::authority::make("one");
  const auto two = cert::authority::make("two");
  auto both = tls_of(one);
  both.authorities.text += two.own().certificate;
  auto other = tls_of(two);
  other.authorities.text += one.own().certificate;
  const auto found = meet(both, other);
  CHECK(found.caller.empty());
  CHECK(found.callee.empty());
}

TEST_CASE("a version that is too old is named with its cure, on both sides") {
  const auto signer = cert::authority::make("authority");
  auto strict = tls_of(signer);
  strict.minimum = tls_version::tls_1_3;
  const auto calling = meet(strict, tls_of(signer), TLS1_2_VERSION);
  CHECK(holds(calling.caller, "this node begins at TLS 1.3 (tls_options::minimum)"));
  CHECK(holds(calling.caller, "{versions, ['tlsv1.3']}"));
  const auto setup = made(tls_of(signer));
  SSL_CTX_set_max_proto_version(setup->context(tls_role::caller), TLS1_2_VERSION);
  tls_pair pair{setup, made(strict)};
  CHECK(pair.shake().second == end::failed);
  CHECK(holds(pair.callee.reason(), "the peer offers TLS 1.2 at most, and this node begins at TLS 1.3"));
  CHECK(holds(pair.caller.reason(), "{versions, "));
}

TEST_CASE("TLS 1.1 and ciphers without forward secrecy or authentication are not taken") {
  const auto signer = cert::authority::make("authority");
  auto aging = tls_of(signer);
  aging.ciphers = "ECDHE-ECDSA-AES128-SHA";
  const auto old = made(aging);
  SSL_CTX_set_security_level(old->context(tls_role::caller), 0);
  SSL_CTX_set_min_proto_version(old->context(tls_role::caller), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(old->context(tls_role::caller), TLS1_1_VERSION);
  tls_pair aged{old, made(tls_of(signer))};
  CHECK(aged.shake().second == end::failed);
  INFO(aged.callee.reason() << ", " << aged.caller.reason());
  CHECK(holds(aged.callee.reason(), "the peer offers TLS 1.1 at most"));

  auto weak = tls_of(signer);
  weak.ciphers = "ECDHE-ECDSA-AES128-SHA256";  // CBC
  const auto offering = made(weak);
  SSL_CTX_set_max_proto_version(offering->context(tls_role::caller), TLS1_2_VERSION);
  tls_pair pair{offering, made(tls_of(signer))};
  CHECK(pair.shake().second == end::failed);
  CHECK(holds(pair.callee.reason(), "none of the cipher suites of tls_options::ciphers"));
  CHECK(holds(pair.caller.reason(), "handshake failure"));
}

TEST_CASE("a node may be asked for a certificate of its own name") {
  const auto signer = cert::authority::make("authority");
  auto named = for_localhost();
  named.nodes = {"b"};
  auto asking = tls_of(signer);
  asking.called = asking.callers = tls_check::node;
  const auto b = tls_with(signer.issue(named), signer);
  CHECK(meet(asking, b).caller.empty());
  CHECK(
      holds(meet(asking, b, TLS1_3_VERSION, "c@localhost").caller, "for localhost, the node b and not for the node c"));
  CHECK(holds(meet(asking, tls_of(signer)).caller, "for localhost and not for the node b"));
  tls_pair pair{made(b), made(asking)};
  REQUIRE(pair.shake() == std::pair{end::progress, end::progress});
  CHECK_FALSE(pair.callee.objection("b@localhost"));
  CHECK(holds(pair.callee.objection("c@localhost").value_or(""), "not for the node c"));
  CHECK(holds(pair.callee.objection("b@db1").value_or(""), "not for the host db1"));
  CHECK(holds(pair.callee.objection("@localhost").value_or(""), "not for the node that it is to become"));
}

TEST_CASE("what is not asked for is not judged") {
  const auto signer = cert::authority::make("authority");
  auto lax = tls_of(signer);
  lax.called = lax.callers = tls_check::nothing;
  lax.authorities.text.clear();
  auto own = tls_with(cert::make_self_signed(for_localhost()), signer);
  own.called = own.callers = tls_check::nothing;
  tls_pair pair{made(lax), made(own), "b@db1"};
  REQUIRE(pair.shake() == std::pair{end::progress, end::progress});
  CHECK_FALSE(pair.caller.objection("b@db1"));
  CHECK_FALSE(pair.caller.verified());
  CHECK_FALSE(pair.callee.verified());
  auto signed_only = tls_of(signer);
  signed_only.called = tls_check::authority;
  CHECK(meet(signed_only, tls_of(signer, {"elsewhere"}), TLS1_3_VERSION, "b@db1").caller.empty());
}

TEST_CASE("hosts that are addresses are looked for among the addresses") {
  const auto signer = cert::authority::make("authority");
  const auto by_address = tls_of(signer, {"127.0.0.1", "::1"});
  CHECK(meet(by_address, by_address, TLS1_3_VERSION, "b@127.0.0.1").caller.empty());
  CHECK(meet(by_address, by_address, TLS1_3_VERSION, "b@::1").caller.empty());
  CHECK(holds(meet(by_address, by_address, TLS1_3_VERSION, "b@127.0.0.2").caller, "127.0.0.1, ::1 and not for"));
  CHECK(holds(
      meet(tls_of(signer, {"*.example.org"}), tls_of(signer, {"*.example.org"}), TLS1_3_VERSION, "b@a.b.example.org")
          .caller,
      "not for the host a.b.example.org"));
}

TEST_CASE("a peer that does not speak TLS is told from one that does") {
  const auto signer = cert::authority::make("authority");
  tls_session callee{made(tls_of(signer)), tls_role::callee, "", unread};
  REQUIRE(callee.shake() == end::wanting);
  CHECK(callee.reason_of_silence() == "the peer said nothing");
  const std::string hello = "\0\x15N\0\0\0\0\0\0\0\0\0\0\0\0\0\1a@h"s;
  std::ranges::copy(std::as_bytes(std::span{hello}), callee.room().begin());
  callee.received(hello.size());
  CHECK(callee.shake() == end::failed);
  CHECK(holds(callee.reason(), "does not speak TLS (Erlang: -proto_dist inet_tls)"));

  tls_session caller{made(tls_of(signer)), tls_role::caller, "b@localhost", unread};
  REQUIRE(caller.shake() == end::wanting);
  CHECK(begins_tls(caller.outgoing()));
  CHECK_FALSE(begins_tls(std::as_bytes(std::span{hello})));
  CHECK(holds(caller.reason_of_silence(), "says nothing in TLS"));
}

TEST_CASE("an end changes its key after so many bytes") {
  const auto signer = cert::authority::make("authority");
  auto options = tls_of(signer);
  options.rekey_after = 64U << 10;
  const auto setup = made(options);
  static int updates;
  updates = 0;
  const auto count = [](int writing, int /*version*/, int what, const void* data, std::size_t, SSL*, void*) {
    if (writing != 0 && what == SSL3_RT_HANDSHAKE && *static_cast<const unsigned char*>(data) == SSL3_MT_KEY_UPDATE)
      ++updates;
  };
  SSL_CTX_set_msg_callback(setup->context(tls_role::caller), count);
  const auto other = made(tls_of(signer));
  SSL_CTX_set_msg_callback(other->context(tls_role::callee), count);
  tls_pair pair{setup, other};
  REQUIRE(pair.shake() == std::pair{end::progress, end::progress});
  const auto text = pattern(300'000);
  CHECK(pair.carry(pair.caller, pair.callee, text) == text);
  CHECK(updates == 4);
  CHECK(pair.carry(pair.callee, pair.caller, "answer") == "answer");
  CHECK(pair.carry(pair.caller, pair.callee, text) == text);
  CHECK(updates == 9);  // the other end is not asked for any
}

TEST_CASE("a caller comes back without a whole handshake only where that is wanted") {
  const auto signer = cert::authority::make("authority");
  for (const bool wanted : {false, true}) {
    auto options = tls_of(signer);
    if (wanted) options.session_lifetime = std::chrono::hours{1};
    const auto called = made(options);
    const auto calling = made(tls_of(signer));
    SSL_SESSION* kept = nullptr;
    bool reused = false;
    for (int round = 0; round < 2; ++round) {
      tls_session callee{called, tls_role::callee, "", unread};
      SSL* const raw = SSL_new(calling->context(tls_role::caller));
      SSL_set_max_proto_version(raw, TLS1_2_VERSION);
      SSL_set_connect_state(raw);
      SSL_set_verify(raw, SSL_VERIFY_NONE, nullptr);
      BIO* const in = BIO_new(BIO_s_mem());
      BIO* const out = BIO_new(BIO_s_mem());
      SSL_set_bio(raw, in, out);
      if (kept != nullptr) SSL_set_session(raw, kept);
      bool done = false;
      for (int turn = 0; turn < 10 && !done; ++turn) {
        done = SSL_do_handshake(raw) == 1;
        const auto room = callee.shake() == end::wanting ? callee.room() : std::span<std::byte>{};
        const int count = room.empty() ? 0 : BIO_read(out, room.data(), static_cast<int>(room.size()));
        if (count > 0) callee.received(static_cast<std::size_t>(count));
        (void)callee.shake();
        BIO_write(in, callee.outgoing().data(), static_cast<int>(callee.outgoing().size()));
        callee.sent(callee.outgoing().size());
      }
      CHECK(done);
      reused = SSL_session_reused(raw) == 1;
      if (kept == nullptr) kept = SSL_get1_session(raw);
      callee.close();
      SSL_set_shutdown(raw, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // an orderly end: others are not taken up
      SSL_free(raw);
    }
    SSL_SESSION_free(kept);
    CHECK(reused == wanted);
  }
}

// ----- a peer that asks for more than it reads ----------------------------------------------------------------------

TEST_CASE("a peer that asks for new keys and reads no answers has failed, and what waits for it is bounded") {
  const auto setup = made(tls_of(cert::authority::make("authority")));
  key_asker asker{*setup};
  tls_session callee{setup, tls_role::callee, "", unread};
  asker.meet(callee);
  std::array<std::byte, 64> room{};
  tls_session::step step{end::wanting};
  for (std::size_t asked = 0; step.how == end::wanting && asked < unread; ++asked) {
    asker.ask();
    asker.tell(callee);
    step = callee.read(room);
  }
  CHECK(step.how == end::failed);
  CHECK(callee.failure() == std::errc::no_buffer_space);
  CHECK(holds(callee.reason(), "node_limits::unread_tls"));
  CHECK(callee.outgoing().size() > unread);
  CHECK(callee.outgoing().size() < unread + 1000);
  CHECK(callee.read(room).how == end::failed);
  CHECK_FALSE(callee.write(room));
}

TEST_CASE("a peer that asks for new keys and reads the answers may do so for ever") {
  const auto setup = made(tls_of(cert::authority::make("authority")));
  key_asker asker{*setup};
  tls_session callee{setup, tls_role::callee, "", unread};
  asker.meet(callee);
  std::array<std::byte, 64> room{};
  std::size_t answered = 0;
  for (int asked = 0; asked < 10'000; ++asked) {
    asker.ask();
    asker.tell(callee);
    REQUIRE(callee.read(room).how == end::wanting);
    answered += callee.outgoing().size();
    asker.hear(callee);
    REQUIRE(asker.reads_fine());
  }
  CHECK(answered > 2 * unread);
}
