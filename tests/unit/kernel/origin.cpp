// The alternative connection of a peer, with the test as its origin.
#include "origin.hpp"

#include <ergo/etf/codec.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/otp/io.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <thread>

using namespace ergo;
using namespace std::chrono_literals;
using namespace ergo::kernel::detail;

namespace {

constexpr auto patience = 20s;
std::atomic<int> ended;

template <typename Condition>
bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  return condition();
}

/// A peer in no network, and the other end of its connection. Signals that end the program are counted in `ended`.
class stage {
 public:
  explicit stage(framing how) : how_{how}, frames_{how, 1U << 20} {
    ended = 0;
    before_ = std::signal(SIGTERM, [](int /*number*/) { ++ended; });
    node_options options;
    options.name = "nonode@nohost";
    options.cookie = "none";
    options.on_event = [](const event&) {};
    alone = std::move(node::start(std::move(options)).value());
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
    end_ = descriptor{pair[0]};
    constexpr timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(end_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    REQUIRE(serve_channel(*alone, {descriptor{::dup(pair[1])}, descriptor{pair[1]}}, how));
  }
  ~stage() {
    alone.reset();
    std::signal(SIGTERM, before_);
  }
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  void write(std::string_view bytes) const {
    REQUIRE(::send(end_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  void tell(const term& order) const { write(framed(how_, etf::encode_to_string(order))); }
  void tell(std::string_view text) const { tell(etf::parse(text).value()); }
  /// The next term that the peer sends; `nothing` when it sends none.
  [[nodiscard]] term told() {
    for (;;) {
      if (const auto bytes = frames_.next()) return etf::decode_all(std::as_bytes(std::span{*bytes})).value();
      std::array<char, 4096> room{};
      const auto count = ::recv(end_.get(), room.data(), room.size(), 0);
      if (count <= 0) return "nothing"_atom;
      frames_.feed(std::string_view{room.data(), static_cast<std::size_t>(count)});
    }
  }
  [[nodiscard]] std::string told_text() { return etf::to_text(told()); }
  void close() { end_ = descriptor{}; }

  std::unique_ptr<node> alone;

 private:
  framing how_;
  frame_reader frames_;
  descriptor end_;
  void (*before_)(int) = nullptr;
};

task<> die(process& self) {
  self.exit(self.id(), exit_reason{"kill"_atom});
  co_await self.sleep(forever);
}

task<> print(process& self, std::promise<bool>* done) {
  auto printing = otp::io::put_chars(self, "hello\n");
  const auto printed = co_await std::move(printing);
  done->set_value(printed.has_value());
}

}  // namespace

TEST_CASE("a peer answers calls of its origin as peer.erl's do, whatever they end with") {
  for (const auto how : {framing::lengths, framing::half_bytes}) {
    stage on{how};
    REQUIRE(on.alone->provide("m", "leave", [](process& self) { self.exit("gone"_atom); }));
    REQUIRE(on.alone->provide("m", "die", die));
    on.tell("{call,1,erlang,node,[]}");
    CHECK(on.told_text() == "{reply,1,ok,nonode@nohost}");
    on.tell("{call,2,nosuch,f,[a]}");
    CHECK(on.told_text() == "{reply,2,error,{undef,[{nosuch,f,[a],[]}]}}");
    on.tell("{call,3,m,leave,[]}");
    CHECK(on.told_text() == "{reply,3,exit,{gone,[]}}");
    on.tell("{call,4,m,die,[]}");
    CHECK(on.told_text() == "{reply,4,crash,killed}");
    CHECK(ended == 0);
  }
}

TEST_CASE("messages and casts of the origin arrive, and what user is told to forward goes back") {
  stage on{framing::lengths};
  on.tell("{message,user,{message,somebody,hello}}");
  CHECK(on.told_text() == "{message,somebody,hello}");
  on.tell(etf::tuple("message"_atom, *on.alone->whereis("user"_atom), etf::parse("{message,other,hello}").value()));
  CHECK(on.told_text() == "{message,other,hello}");
  on.tell("{cast,erlang,send,[user,{message,third,hello}]}");
  CHECK(on.told_text() == "{message,third,hello}");
  on.alone->send("user"_atom, etf::tuple("init"_atom, "started"_atom));
  CHECK(on.told_text() == "{started,nonode@nohost}");
}

TEST_CASE("what a process prints through user is asked of the origin, whose answer comes back to it") {
  stage on{framing::lengths};
  std::promise<bool> done;
  auto printed = done.get_future();
  REQUIRE(on.alone->spawn(print, &done));
  const auto asked = on.told();
  REQUIRE(etf::is_tagged(asked, "io_request"_atom, 4));
  CHECK(etf::to_text(asked.elements()[3]).find("put_chars") != std::string::npos);
  on.tell(etf::tuple("io_reply"_atom, asked.elements()[1], asked.elements()[2], "ok"_atom));
  REQUIRE(printed.wait_for(patience) == std::future_status::ready);
  CHECK(printed.get());
}

TEST_CASE("orders that no origin gives are ignored, in both directions") {
  stage on{framing::lengths};
  for (const auto* const order : {"17", "{call,1,m}", "{call,1,2,3,[]}", "{call,1,m,f,[a|b]}", "{cast,m,f,x}",
                                  "{message,{},x}", "{message,nobody,x}", "{io_reply,a,b,c}", "{}"})
    on.tell(std::string_view{order});
  for (const auto* const told : {"17", "{io_request,nobody,ref,x}", "{reply,1}", "{other,1,2}"})
    on.alone->send("user"_atom, etf::parse(told).value());
  on.tell("{call,5,erlang,is_alive,[]}");
  CHECK(on.told_text() == "{reply,5,ok,false}");
  CHECK(ended == 0);
}

TEST_CASE("the program is told to end, once, when the connection ends or breaks, and when user does") {
  const auto ends_after = [](const std::function<void(stage&)>& happens) {
    stage on{framing::lengths};
    happens(on);
    CHECK(eventually([] { return ended == 1; }));
    on.alone->stop(1s);
    CHECK(ended == 1);
  };
  ends_after([](stage& on) { on.close(); });
  ends_after([](stage& on) { on.write("\xFF\xFF\xFF\xFF"); });
  ends_after([](stage& on) { on.write(framed(framing::lengths, "no term")); });
  ends_after([](stage& on) { on.alone->runtime().exit(*on.alone->whereis("user"_atom), exit_reason{"kill"_atom}); });
}

TEST_CASE("a node that stops is not told to end by its own supervision") {
  stage on{framing::lengths};
  on.alone->stop(5s);
  CHECK(ended == 0);
  CHECK(on.told().is("nothing"_atom));
}

TEST_CASE("an origin that cannot be reached is nodedown with what the last address said") {
  const auto made = connect_origin({"no address", "127.0.0.1"}, 1);
  REQUIRE_FALSE(made);
  CHECK(made.error() == errc::nodedown);
  CHECK(made.error().message().find("127.0.0.1") != std::string::npos);
}
