// Reading and writing a socket directly.
#include "stream.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

using namespace ergo;
using namespace ergo::detail;

namespace {

struct pair_of_sockets {
  pair_of_sockets() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0); }
  ~pair_of_sockets() {
    if (ends[1] >= 0) ::close(ends[1]);
  }
  std::array<int, 2> ends{};
};

std::string read_all(int descriptor, std::size_t size) {
  std::string got(size, '\0');
  std::size_t count = 0;
  while (count < size) {
    const auto more = ::read(descriptor, got.data() + count, size - count);
    if (more <= 0) break;
    count += static_cast<std::size_t>(more);
  }
  got.resize(count);
  return got;
}

}  // namespace

TEST_CASE("an empty socket blocks, a closed one says so") {
  reactor_parker reactor;
  pair_of_sockets pair;
  stream one{reactor, pair.ends[0]};
  std::array<std::byte, 16> room{};
  CHECK(one.read(room).how == transfer::end::blocked);
  REQUIRE(::write(pair.ends[1], "abc", 3) == 3);
  const auto got = one.read(room);
  CHECK(got.count == 3);
  CHECK(got.how == transfer::end::blocked);
  ::close(std::exchange(pair.ends[1], -1));
  CHECK(one.read(room).how == transfer::end::closed);
}

TEST_CASE("pieces are written in their places") {
  reactor_parker reactor;
  const pair_of_sockets pair;
  stream one{reactor, pair.ends[0]};
  etf::buffer out;
  out.append("head ");
  out.gather(etf::binary("piece"));
  out.append(" middle ");
  out.gather(etf::binary("other"));
  out.append(" tail");
  const auto done = one.write(out, 0);
  CHECK(done.how == transfer::end::progress);
  CHECK(done.count == out.size());
  CHECK(read_all(pair.ends[1], out.size()) == "head piece middle other tail");
}

TEST_CASE("a write goes on where it stopped, at every byte") {
  etf::buffer out;
  out.append("head ");
  out.gather(etf::binary("piece"));
  out.append(" tail");
  const auto whole = out.to_string();
  for (std::size_t sent = 0; sent < whole.size(); ++sent) {
    reactor_parker reactor;
    const pair_of_sockets pair;
    stream one{reactor, pair.ends[0]};
    CHECK(one.write(out, sent).count == whole.size() - sent);
    CHECK(read_all(pair.ends[1], whole.size() - sent) == whole.substr(sent));
  }
}

TEST_CASE("a full socket takes what it can, and is writable again when the peer has read") {
  reactor_parker reactor;
  const pair_of_sockets pair;
  stream one{reactor, pair.ends[0]};
  etf::buffer out;
  out.append(std::string(8U << 20, 'x'));
  const auto first = one.write(out, 0);
  CHECK(first.how == transfer::end::blocked);
  CHECK(first.count > 0);
  CHECK(first.count < out.size());
  bool ready = false;
  one.when_writable([&] { ready = true; });
  reactor.poll();
  CHECK_FALSE(ready);
  CHECK(read_all(pair.ends[1], first.count).size() == first.count);
  while (!ready) reactor.park(std::chrono::steady_clock::now() + std::chrono::milliseconds{100});
  CHECK(one.write(out, first.count).count > 0);
}

TEST_CASE("more pieces than one system call takes are all written") {
  reactor_parker reactor;
  const pair_of_sockets pair;
  stream one{reactor, pair.ends[0]};
  etf::buffer out;
  for (int piece = 0; piece < 200; ++piece) {
    out.append("a");
    out.gather(etf::binary("bc"));
  }
  CHECK(one.write(out, 0).count == 600);
  CHECK(read_all(pair.ends[1], 600) == out.to_string());
}

TEST_CASE("writing to a peer that is gone fails without a signal") {
  reactor_parker reactor;
  pair_of_sockets pair;
  stream one{reactor, pair.ends[0]};
  ::close(std::exchange(pair.ends[1], -1));
  etf::buffer out;
  out.append("x");
  const auto done = one.write(out, 0);
  CHECK(done.how == transfer::end::failed);
  CHECK(done.failure == std::errc::broken_pipe);
}

TEST_CASE("a socket wakes its reactor when there is something to read, and makes it worth polling") {
  reactor_parker reactor;
  const pair_of_sockets pair;
  CHECK_FALSE(reactor.worth_polling());
  bool ready = false;
  {
    stream one{reactor, pair.ends[0]};
    CHECK(reactor.worth_polling());
    one.when_readable([&] { ready = true; });
    REQUIRE(::write(pair.ends[1], "x", 1) == 1);
    while (!ready) reactor.park(std::chrono::steady_clock::now() + std::chrono::milliseconds{100});
    one.when_readable([&] { FAIL("called after the stream was closed"); });
  }
  reactor.poll();
  CHECK_FALSE(reactor.worth_polling());
}
