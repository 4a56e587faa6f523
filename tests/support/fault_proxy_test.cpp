// The proxy itself: each fault does what it says, and nothing else.
#include <ergo_test/fault_proxy.hpp>

#include <catch2/catch_test_macros.hpp>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using namespace ergo::test;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

namespace {

constexpr auto patience = 10s;

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A socket; every wait is bounded.
class end_point {
 public:
  explicit end_point(int descriptor) : socket_{descriptor} {
    if (socket_ < 0) throw std::runtime_error{"no socket"};
  }
  end_point(end_point&& other) noexcept : socket_{std::exchange(other.socket_, -1)} {}
  end_point(const end_point&) = delete;
  end_point& operator=(const end_point&) = delete;
  ~end_point() { stop(); }

  void stop() {
    if (socket_ >= 0) close(std::exchange(socket_, -1));
  }
  void say(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto count = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  /// Up to `count` bytes; fewer when the other end stops, or nothing more comes in time.
  [[nodiscard]] std::string hear(std::size_t count, std::chrono::milliseconds wait = patience) {
    std::string heard;
    const auto until = steady::now() + wait;
    while (heard.size() < count) {
      pollfd one{socket_, POLLIN, 0};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady::now());
      if (left <= 0ms || poll(&one, 1, static_cast<int>(left.count())) <= 0) break;
      std::array<char, 65'536> space{};
      const auto got = recv(socket_, space.data(), std::min(space.size(), count - heard.size()), 0);
      if (got <= 0) {
        error_ = got == 0 ? 0 : errno;
        ended_ = true;
        break;
      }
      heard.append(space.data(), static_cast<std::size_t>(got));
    }
    return heard;
  }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] int error() const { return error_; }  ///< with which it ended; 0 in order

 private:
  int socket_;
  bool ended_ = false;
  int error_ = 0;
};

/// A server behind a proxy.
struct stage {
  stage() {
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = local(0);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener, 16) == 0);
    REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    proxy.emplace(endpoint{}, endpoint{.port = ntohs(address.sin_port)});
  }
  ~stage() { close(listener); }
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  [[nodiscard]] end_point call() const {
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = local(proxy->port());
    REQUIRE(connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return end_point{made};
  }
  [[nodiscard]] end_point answer() const {
    pollfd one{listener, POLLIN, 0};
    REQUIRE(poll(&one, 1, 10'000) == 1);
    return end_point{accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)};
  }

  int listener = -1;
  std::optional<fault_proxy> proxy;
};

std::string noise(std::size_t size) {
  std::mt19937 random{7};
  std::string made(size, '\0');
  for (auto& one : made) one = static_cast<char>(random());
  return made;
}

}  // namespace

TEST_CASE("without faults a proxy passes everything on unchanged, both ways at once, and then the end") {
  stage on;
  auto caller = on.call();
  auto server = on.answer();
  const auto there = noise(3'000'000);
  const auto back = there.substr(1'000'000);
  std::jthread first{[&] { caller.say(there); }};
  std::jthread second{[&] { server.say(back); }};
  std::string heard;
  std::jthread third{[&] { heard = server.hear(there.size()); }};
  CHECK(caller.hear(back.size()) == back);
  third.join();
  first.join();
  CHECK(heard == there);
  second.join();
  CHECK(on.proxy->passed(way::forward) == there);
  caller.stop();
  CHECK(server.hear(1).empty());
  CHECK(server.ended());
  CHECK(server.error() == 0);
}

TEST_CASE("a proxy keeps what it passed on until it is to keep nothing") {
  stage on;
  auto caller = on.call();
  auto server = on.answer();
  caller.say("kept");
  CHECK(server.hear(4) == "kept");
  CHECK(on.proxy->passed(way::forward) == "kept");
  on.proxy->keep_nothing();
  CHECK(on.proxy->passed(way::forward).empty());
  caller.say("gone");
  CHECK(server.hear(4) == "gone");
  CHECK(on.proxy->passed(way::forward).empty());
}

TEST_CASE("a connection that is cut has passed exactly so many bytes") {
  const auto sent = noise(1000);
  for (const std::size_t bytes : {0U, 1U, 2U, 500U, 999U, 1000U}) {
    for (const auto which : {way::forward, way::backward}) {
      stage on;
      on.proxy->cut_after(which, bytes, ending::close);
      auto caller = on.call();
      auto server = on.answer();
      auto& speaker = which == way::forward ? caller : server;
      auto& listener = which == way::forward ? server : caller;
      speaker.say(sent);
      CHECK(listener.hear(2000) == sent.substr(0, bytes));
      CHECK(listener.ended());
      CHECK(listener.error() == 0);
      (void)speaker.hear(1);
      CHECK(speaker.ended());
    }
  }
}

TEST_CASE("a reset is a reset at both ends, and later connections are well again") {
  stage on;
  {
    auto caller = on.call();
    auto server = on.answer();
    caller.say("one");
    REQUIRE(server.hear(3) == "one");
    on.proxy->end_all(ending::reset);
    (void)caller.hear(1);
    (void)server.hear(1);
    CHECK(caller.error() == ECONNRESET);
    CHECK(server.error() == ECONNRESET);
    CHECK(on.proxy->open() == 0);
  }
  on.proxy->cut_after(way::forward, 2, ending::reset);
  {
    auto caller = on.call();
    auto server = on.answer();
    caller.say("two");
    while (!caller.ended()) (void)caller.hear(1);
    CHECK(caller.error() == ECONNRESET);
    CHECK(on.proxy->passed(way::forward) == "tw");
  }
  on.proxy->cut_never();
  auto caller = on.call();
  auto server = on.answer();
  caller.say("three");
  CHECK(server.hear(5) == "three");
  CHECK(on.proxy->connections() == 3);
}

TEST_CASE("a stalled way passes nothing, the other one goes on, and nothing is lost") {
  stage on;
  auto caller = on.call();
  auto server = on.answer();
  on.proxy->stall(way::forward);
  const auto sent = noise(4'000'000);
  std::jthread speaking{[&] { caller.say(sent); }};
  server.say("still here");
  CHECK(caller.hear(10) == "still here");
  CHECK(server.hear(1, 50ms).empty());
  CHECK_FALSE(server.ended());
  on.proxy->resume(way::forward);
  CHECK(server.hear(sent.size()) == sent);
}

TEST_CASE("dribbled bytes come one by one, and all of them") {
  stage on;
  on.proxy->dribble(way::backward, 1);
  auto caller = on.call();
  auto server = on.answer();
  const auto sent = noise(2000);
  server.say(sent);
  CHECK(caller.hear(sent.size()) == sent);
  CHECK(on.proxy->writes(way::backward) == sent.size());
  caller.say(sent);
  CHECK(server.hear(sent.size()) == sent);
  CHECK(on.proxy->writes(way::forward) < sent.size());
}

TEST_CASE("delayed bytes come late, in order, and only one way") {
  stage on;
  on.proxy->delay(way::forward, 1s);
  auto caller = on.call();
  auto server = on.answer();
  const auto began = steady::now();
  caller.say("first ");
  caller.say("second");
  server.say("at once");
  CHECK(caller.hear(7) == "at once");
  CHECK(steady::now() - began < 1s);
  CHECK(server.hear(12) == "first second");
  CHECK(steady::now() - began >= 1s);
}

TEST_CASE("a caller whose target does not listen is reset") {
  const fault_proxy nowhere{endpoint{}, endpoint{.port = 1}};
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = local(nowhere.port());
  REQUIRE(connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  end_point caller{made};
  CHECK(caller.hear(1).empty());
  CHECK(caller.error() == ECONNRESET);
}

TEST_CASE("a way with a rate passes so many bytes in a second, and the other one as fast as it can") {
  stage on;
  on.proxy->rate(way::forward, 20'000);
  auto caller = on.call();
  auto server = on.answer();
  const auto sent = noise(10'000);
  const auto began = steady::now();
  caller.say(sent);
  server.say(noise(2'000'000));
  CHECK(caller.hear(2'000'000).size() == 2'000'000);
  CHECK(server.hear(sent.size()) == sent);
  CHECK(steady::now() - began >= 400ms);  // half a second, less what is caught up with
  CHECK(on.proxy->writes(way::forward) >= 50);

  on.proxy->rate(way::forward, 0);
  caller.say(noise(2'000'000));
  CHECK(server.hear(2'000'000).size() == 2'000'000);
}

TEST_CASE("a rate below its steps passes single bytes, of each connection for itself") {
  stage on;
  on.proxy->rate(way::backward, 50);
  auto caller = on.call();
  auto server = on.answer();
  auto second_caller = on.call();
  auto second_server = on.answer();
  const auto began = steady::now();
  server.say("0123456789");
  second_server.say("abcdefghij");
  CHECK(caller.hear(10) == "0123456789");
  CHECK(second_caller.hear(10) == "abcdefghij");
  CHECK(steady::now() - began >= 130ms);  // nine bytes after the first, less what is caught up with
  CHECK(on.proxy->writes(way::backward) == 10);
}

TEST_CASE("bytes that jitter come late by a random time, and in order") {
  stage on;
  on.proxy->delay(way::forward, 20ms);
  on.proxy->jitter(way::forward, 100ms);
  auto caller = on.call();
  auto server = on.answer();
  std::vector<steady::duration> late;
  for (char letter = 'a'; letter <= 'p'; ++letter) {
    const auto began = steady::now();
    caller.say({&letter, 1});
    REQUIRE(server.hear(1) == std::string(1, letter));
    late.push_back(steady::now() - began);
    CHECK(late.back() >= 20ms);
  }
  const auto [least, most] = std::ranges::minmax(late);
  CHECK(most - least > 20ms);  // of 16 times out of 0 to 100 ms
  const auto sent = noise(300'000);
  std::jthread speaking{[&] { caller.say(sent); }};
  CHECK(server.hear(sent.size()) == sent);
}

TEST_CASE("a lost way is silent at one end only, and what was lost stays lost") {
  stage on;
  auto caller = on.call();
  auto server = on.answer();
  on.proxy->lose(way::forward);
  const auto sent = noise(5'000'000);
  caller.say(sent);  // taken, however much it is
  server.say("nobody speaks");
  CHECK(caller.hear(13) == "nobody speaks");
  CHECK(server.hear(1, 50ms).empty());
  CHECK_FALSE(server.ended());
  CHECK(on.proxy->passed(way::forward).empty());
  on.proxy->resume(way::forward);
  caller.say("again");
  std::string heard;  // the end of what was sent before, perhaps
  const auto until = steady::now() + patience;
  while (!heard.ends_with("again") && steady::now() < until) heard += server.hear(sent.size(), 50ms);
  CHECK(heard.ends_with("again"));
  CHECK(heard.size() < sent.size());
}

TEST_CASE("the end of a caller is lost, too: the other end speaks to nobody, and hears nothing of it") {
  for (const bool with_bytes_unread : {false, true}) {  // then the system resets the connection
    stage on;
    auto caller = on.call();
    auto server = on.answer();
    on.proxy->lose(way::forward);
    server.say("first");
    if (!with_bytes_unread) REQUIRE(caller.hear(5) == "first");
    caller.stop();
    server.say(noise(3'000'000));
    server.say(noise(3'000'000));
    CHECK(server.hear(1, 50ms).empty());
    CHECK_FALSE(server.ended());
    CHECK(on.proxy->open() == 1);
    server.stop();
    const auto until = steady::now() + patience;
    while (on.proxy->open() != 0 && steady::now() < until) std::this_thread::yield();
    CHECK(on.proxy->open() == 0);
  }
}

TEST_CASE("a proxy that refuses has no listener, keeps its port and its connections, and accepts again") {
  stage on;
  auto caller = on.call();
  auto server = on.answer();
  const auto port = on.proxy->port();
  on.proxy->refuse();
  on.proxy->refuse();
  const int refused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const end_point owner{refused};
  const auto address = local(port);
  CHECK(connect(refused, reinterpret_cast<const sockaddr*>(&address), sizeof address) == -1);
  CHECK(errno == ECONNREFUSED);
  caller.say("still");
  CHECK(server.hear(5) == "still");
  CHECK(on.proxy->connections() == 1);
  on.proxy->accept();
  on.proxy->accept();
  CHECK(on.proxy->port() == port);
  auto later = on.call();
  auto its_server = on.answer();
  later.say("here");
  CHECK(its_server.hear(4) == "here");
}

TEST_CASE("a duplicated connection says all of it twice, and only the first is answered") {
  stage on;
  on.proxy->duplicate();
  auto caller = on.call();
  auto first = on.answer();
  auto second = on.answer();
  const auto sent = noise(2'000'000);
  std::string heard;
  std::string heard_again;
  std::jthread speaking{[&] { caller.say(sent); }};
  std::jthread listening{[&] { heard = first.hear(sent.size()); }};
  heard_again = second.hear(sent.size());
  listening.join();
  CHECK(heard == sent);
  CHECK(heard_again == sent);
  second.say("nobody hears this");
  first.say("answer");
  CHECK(caller.hear(6) == "answer");
  second.stop();  // the target may end it, and the first goes on
  first.say("more");
  CHECK(caller.hear(4) == "more");
  caller.stop();
  CHECK(first.hear(1).empty());
  CHECK(first.ended());
}

TEST_CASE("a duplicate ends with what it repeats, and later callers are not repeated") {
  stage on;
  on.proxy->duplicate();
  {
    auto caller = on.call();
    auto first = on.answer();
    auto second = on.answer();
    caller.say("one");
    REQUIRE(first.hear(3) == "one");
    REQUIRE(second.hear(3) == "one");
    on.proxy->end_all(ending::reset);
    (void)second.hear(1);
    CHECK(second.error() == ECONNRESET);
  }
  on.proxy->duplicate_never();
  auto caller = on.call();
  auto only = on.answer();
  caller.say("two");
  CHECK(only.hear(3) == "two");
  pollfd another{on.listener, POLLIN, 0};
  CHECK(poll(&another, 1, 50) == 0);
}
