// Reading and writing a socket through TLS.
#include "stream.hpp"

#include "tls_fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

using namespace ergo;
using namespace ergo::detail;
using namespace ergo_test;

namespace {

/// Two streams with TLS between them, both on one reactor.
struct tls_streams {
  explicit tls_streams(const tls_options& options = tls_of(cert::authority::make("authority"))) : setup{made(options)} {
    auto one = std::make_unique<tls_session>(setup, tls_role::caller, "b@localhost", unread);
    auto other = std::make_unique<tls_session>(setup, tls_role::callee, "", unread);
    for (bool moving = true; moving;) {
      (void)one->shake();
      moving = pass(*one, *other);
      (void)other->shake();
      moving = pass(*other, *one) || moving;
    }
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    left.emplace(reactor, ends[0], std::move(one));
    right.emplace(reactor, ends[1], std::move(other));
  }

  reactor_parker reactor;
  std::shared_ptr<const tls_setup> setup;
  std::optional<stream> left;
  std::optional<stream> right;
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t at = 0; at < size; ++at) text[at] = static_cast<char>(at * 31 + at / 4096);
  return text;
}

/// Reads until the stream blocks or ends.
transfer read_on(stream& from, std::string& got) {
  std::array<std::byte, 40'000> room{};
  for (;;) {
    const auto done = from.read(room);
    got.append(reinterpret_cast<const char*>(room.data()), done.count);
    if (done.how != transfer::end::progress) return done;
  }
}

}  // namespace

TEST_CASE("within TLS an empty socket blocks, and a short message leaves nothing behind") {
  tls_streams both;
  std::string got;
  CHECK(read_on(*both.right, got).how == transfer::end::blocked);
  etf::buffer out;
  out.append("head ");
  out.gather(etf::binary("piece"));
  out.append(" tail");
  const auto done = both.left->write(out, 0);
  CHECK(done.how == transfer::end::progress);
  CHECK(done.count == out.size());
  CHECK(read_on(*both.right, got).how == transfer::end::blocked);
  CHECK(got == "head piece tail");
}

TEST_CASE("within TLS more than a read takes is not forgotten when the socket has nothing more") {
  tls_streams both;
  etf::buffer out;
  out.append(pattern(100));
  REQUIRE(both.left->write(out, 0).count == 100);
  std::array<std::byte, 10> small{};
  std::string got;
  for (int turn = 0; turn < 10; ++turn) {
    const auto done = both.right->read(small);
    CHECK(done.how == transfer::end::progress);
    got.append(reinterpret_cast<const char*>(small.data()), done.count);
  }
  CHECK(got == pattern(100));
  CHECK(both.right->read(small).how == transfer::end::blocked);
}

TEST_CASE("within TLS a full socket takes what it can, and nothing is lost or sent twice") {
  tls_streams both;
  const auto large = pattern(8U << 20);
  etf::buffer out;
  out.append("head ");
  out.gather(etf::binary(large));
  for (int piece = 0; piece < 200; ++piece) {
    out.append("a");
    out.gather(etf::binary("bc"));
  }
  const auto whole = out.to_string();
  std::string got;
  std::size_t sent = 0;
  bool blocked = false;
  while (sent < out.size()) {
    const auto done = both.left->write(out, sent);
    REQUIRE(done.how != transfer::end::failed);
    sent += done.count;
    blocked = blocked || done.how == transfer::end::blocked;
    REQUIRE(read_on(*both.right, got).how == transfer::end::blocked);
  }
  CHECK(blocked);
  CHECK(sent == out.size());
  (void)read_on(*both.right, got);
  CHECK(got == whole);
}

TEST_CASE("within TLS what was appended while the socket was full follows what had been encrypted") {
  tls_streams both;
  etf::buffer out;
  out.append(pattern(2U << 20));
  std::size_t sent = 0;
  const auto first = both.left->write(out, sent);
  REQUIRE(first.how == transfer::end::blocked);
  sent += first.count;
  out.append("appended");
  std::string got;
  while (sent < out.size()) {
    (void)read_on(*both.right, got);
    sent += both.left->write(out, sent).count;
  }
  (void)read_on(*both.right, got);
  CHECK(got == pattern(2U << 20) + "appended");
}

TEST_CASE("within TLS both ways go on across changes of keys") {
  auto options = tls_of(cert::authority::make("authority"));
  options.rekey_after = 64U << 10;
  tls_streams both{options};
  const auto text = pattern(1U << 20);
  std::string left_got;
  std::string right_got;
  etf::buffer out;
  out.append(text);
  std::size_t left_sent = 0;
  std::size_t right_sent = 0;
  while (left_sent < out.size() || right_sent < out.size()) {
    left_sent += left_sent == out.size() ? 0 : both.left->write(out, left_sent).count;
    right_sent += right_sent == out.size() ? 0 : both.right->write(out, right_sent).count;
    REQUIRE(read_on(*both.left, left_got).how == transfer::end::blocked);
    REQUIRE(read_on(*both.right, right_got).how == transfer::end::blocked);
  }
  (void)read_on(*both.left, left_got);
  (void)read_on(*both.right, right_got);
  CHECK(left_got == text);
  CHECK(right_got == text);
}

TEST_CASE("within TLS an orderly end is read behind what came before it") {
  tls_streams both;
  etf::buffer out;
  out.append("last words");
  REQUIRE(both.left->write(out, 0).count == out.size());
  both.left->finish_writing();
  std::string got;
  CHECK(read_on(*both.right, got).how == transfer::end::closed);
  CHECK(got == "last words");
  etf::buffer answer;
  answer.append("answer");
  CHECK(both.right->write(answer, 0).count == answer.size());
  std::string late;
  CHECK(read_on(*both.left, late).how == transfer::end::blocked);
  CHECK(late == "answer");
}

TEST_CASE("within TLS a peer that is gone ends reading, and writing without a signal") {
  tls_streams both;
  both.right.reset();
  std::string got;
  CHECK(read_on(*both.left, got).how == transfer::end::closed);
  etf::buffer out;
  out.append("x");
  const auto done = both.left->write(out, 0);
  CHECK(done.how == transfer::end::failed);
  CHECK(done.failure == std::errc::broken_pipe);
}

TEST_CASE("within TLS a socket wakes its reactor, and is writable again when the peer has read") {
  tls_streams both;
  etf::buffer out;
  out.append(pattern(8U << 20));
  auto sent = both.left->write(out, 0).count;
  bool writable = false;
  both.left->when_writable([&] { writable = true; });
  both.reactor.poll();
  CHECK_FALSE(writable);
  std::string got;
  (void)read_on(*both.right, got);
  while (!writable) both.reactor.park(std::chrono::steady_clock::now() + std::chrono::milliseconds{100});
  sent += both.left->write(out, sent).count;
  bool readable = false;
  both.right->when_readable([&] { readable = true; });
  while (!readable) both.reactor.park(std::chrono::steady_clock::now() + std::chrono::milliseconds{100});
  CHECK(got.size() < out.size());
}

TEST_CASE("within TLS answers leave while more is asked for, and a peer that does not read them is given up") {
  const bool reads = GENERATE(true, false);
  const auto setup = made(tls_of(cert::authority::make("authority")));
  key_asker asker{*setup};
  auto session = std::make_unique<tls_session>(setup, tls_role::callee, "", unread);
  asker.meet(*session);
  reactor_parker reactor;
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  stream ours{reactor, ends[0], std::move(session)};
  std::array<std::byte, 64> room{};
  std::vector<std::byte> heard(64U << 10);
  std::size_t answered = 0;
  transfer done;
  // The socket itself holds some hundred KiB.
  while (done.how != transfer::end::failed && answered < 4 * unread) {
    for (int question = 0; question < 1000; ++question) asker.ask();
    const auto said = asker.take();
    REQUIRE(::send(ends[1], said.data(), said.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(said.size()));
    done = ours.read(room);
    const auto count = reads ? ::recv(ends[1], heard.data(), heard.size(), MSG_DONTWAIT) : 0;
    answered += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  }
  ::close(ends[1]);
  CHECK((done.how == transfer::end::failed) != reads);
  if (!reads) CHECK(done.failure == std::errc::no_buffer_space);
}
