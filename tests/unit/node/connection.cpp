// A connection over a socket pair: the test is the peer.
#include "connection.hpp"

#include "router.hpp"

#include <ergo/dist/control_encode.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/reactor.hpp>
#include <ergo/runtime.hpp>

#include <catch2/catch_test_macros.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <string>
#include <thread>
#include <vector>

using namespace ergo;
using namespace ergo::detail;
using namespace std::chrono_literals;
namespace control = ergo::dist::control;

namespace {

using lines = std::vector<std::string>;
constexpr auto patience = 20s;

/// What several threads write and the test waits for.
class journal {
 public:
  void add(std::string line) {
    // Tells under the lock: whoever waits may destroy this object as soon as it has the lock.
    const std::scoped_lock lock{mutex_};
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  [[nodiscard]] bool wait_for(const std::string& line, std::size_t times = 1) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience,
                             [&] { return static_cast<std::size_t>(std::ranges::count(lines_, line)) >= times; });
  }
  [[nodiscard]] std::size_t count(const std::string& line) {
    const std::scoped_lock lock{mutex_};
    return static_cast<std::size_t>(std::ranges::count(lines_, line));
  }
  [[nodiscard]] std::size_t size() {
    const std::scoped_lock lock{mutex_};
    return lines_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  lines lines_;
};

class owner_stub final : public connection_owner {
 public:
  void wanted(connection&) override { told.add("wanted"); }
  void lost(connection&, dist::attempt_id, const dist::peer_reason& reason) override {
    told.add("lost " + std::string{dist::to_string(reason.code)});
  }
  void report(const event& happened) override { told.add("report " + happened.text); }
  journal told;
};

/// Traps exits and writes everything down; obeys `{link, Pid}`, `{monitor, Pid, _}`, `{watch, Node}`, `{send, To, M}`
/// and `{flood, To, N, B}`.
class scribe final : public behaviour {
 public:
  explicit scribe(journal* to) : to_{to} {}
  void start(process& self) override { self.trap_exits(exits::trapped); }
  void receive(process& self, message received) override {
    const auto content = received.to_term();
    const auto part = content.elements();
    if (etf::is_tagged(content, "link"_atom, 2)) return self.link(*part[1].as_pid());
    if (etf::is_tagged(content, "monitor"_atom, 2)) return (void)self.monitor(*part[1].as_pid());
    if (etf::is_tagged(content, "watch"_atom, 2)) return self.monitor_node(*part[1].as_atom());
    if (etf::is_tagged(content, "send"_atom, 3)) return (void)self.send(*part[1].as_pid(), part[2]);
    if (etf::is_tagged(content, "flood"_atom, 3)) {
      const auto bulk = etf::binary(std::string(1U << 20, 'x'));
      for (auto left = *part[2].as_integer(); left > 0; --left) (void)self.send(*part[1].as_pid(), bulk);
      return;
    }
    to_->add(etf::is_tagged(content, "DOWN"_atom, 5) ? "DOWN " + etf::to_text(part[4]) : etf::to_text(content));
  }
  void task_ended(process&) override {}

 private:
  journal* to_;
};

class bench {
 public:
  explicit bench(node_limits limits = {}, dist::liveness_options liveness = {.tick_time = 60s})
      : terms{local, owner, trace, std::make_shared<function_table>(), limits, liveness, {}}, way{terms} {
    local.connect(&way);
    terms.speaker = *runtime.spawn(local, spawn_options{}, std::make_unique<scribe>(&written));
    scribe_id = *runtime.spawn(local, spawn_options{.name = "scribe"_atom}, std::make_unique<scribe>(&written));
  }
  ~bench() {
    if (other >= 0) ::close(other);
    way.retire();
    runtime.stop(10ms);  // the scribes trap exits: they have to be killed
    local.connect(nullptr);
  }

  connection& to_peer() { return *way.find_or_make("there@h"_atom); }
  void attach(std::uint64_t number = 1) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    if (other >= 0) ::close(other);
    other = ends[1];
    to_peer().attach({dist::attempt_id{number}, ends[0], peer, dist::expand_digest(dist::pass_through_offer), {}});
  }
  void tell(const term& what) { runtime.send(scribe_id, what); }

  /// The next packet that is no tick, as `control payload`; empty at the end of the stream.
  std::string next() {
    for (;;) {
      const auto head = take(4);
      if (head.size() < 4) return {};
      std::size_t length = 0;
      for (const char byte : head) length = length << 8 | static_cast<unsigned char>(byte);
      if (length == 0) {
        ++ticks;
        continue;
      }
      const auto body = take(length);
      auto rest = std::as_bytes(std::span{body}).subspan(1);
      std::string line;
      while (!rest.empty()) {
        const auto part = etf::decode(rest);
        REQUIRE(part);
        line += (line.empty() ? "" : " ") + etf::to_text(part->value, {.limit = 200});
        rest = rest.subspan(part->consumed);
      }
      return line;
    }
  }
  void await_tick() { REQUIRE(take(4) == std::string(4, '\0')); }
  template <typename Signal, typename... Payload>
  void say(const Signal& signal, const Payload&... payload) {
    etf::buffer packet;
    REQUIRE(dist::encode(packet, signal, term(payload)..., dist::expand_digest(dist::pass_through_offer)));
    say_bytes(packet.to_string());
  }
  void say_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::send(other, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      REQUIRE(count > 0);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  journal written;
  owner_stub owner;
  ergo::runtime runtime{networked({.cores = 2})};
  etf::node_id here = etf::node_id::make(atom::of("here@h"), 7).value();
  etf::node_id peer = etf::node_id::make(atom::of("there@h"), 9).value();
  local_node& local = runtime.add_node(here);
  tracer trace{trace_category::none, {}};
  connection_terms terms;
  router way;
  pid scribe_id{};
  pid remote{peer, 5, 1};
  int other = -1;
  std::size_t ticks = 0;

 private:
  std::string take(std::size_t size) {
    std::string got;
    while (got.size() < size) {
      pollfd ready{other, POLLIN, 0};
      REQUIRE(::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())) == 1);
      std::array<char, 65536> room{};
      const auto count = ::recv(other, room.data(), std::min(room.size(), size - got.size()), 0);
      if (count <= 0) return got;
      got.append(room.data(), static_cast<std::size_t>(count));
    }
    return got;
  }
};

std::string text(const pid& who) { return etf::to_text(term{who}); }

}  // namespace

TEST_CASE("what is sent before there is a connection asks for one once, and leaves in order when it is there") {
  bench on;
  for (int number = 1; number <= 3; ++number) on.tell(etf::tuple("send"_atom, on.remote, number));
  REQUIRE(on.owner.told.wait_for("wanted"));
  on.attach();
  for (int number = 1; number <= 3; ++number)
    CHECK(on.next() == "{22," + text(on.scribe_id) + ",<there@h.5.1>} " + std::to_string(number));
  CHECK(on.owner.told.count("wanted") == 1);
  CHECK(on.to_peer().is_up());
}

TEST_CASE("a refused connection answers links, monitors and watched nodes, and the next signal asks again") {
  bench on;
  on.tell(etf::tuple("send"_atom, on.remote, "lost"_atom));
  on.tell(etf::tuple("link"_atom, on.remote));
  on.tell(etf::tuple("monitor"_atom, on.remote));
  on.tell(etf::tuple("watch"_atom, "there@h"_atom));
  REQUIRE(on.owner.told.wait_for("wanted"));
  on.runtime.send(on.scribe_id, "barrier"_atom);
  REQUIRE(on.written.wait_for("barrier"));
  on.to_peer().refuse({dist::peer_errc::unreachable});
  CHECK(on.written.wait_for("{'EXIT',<there@h.5.1>,noconnection}"));
  CHECK(on.written.wait_for("DOWN noconnection"));
  CHECK(on.written.wait_for("{nodedown,there@h}"));
  on.tell(etf::tuple("send"_atom, on.remote, "again"_atom));
  CHECK(on.owner.told.wait_for("wanted", 2));
}

TEST_CASE("packets reach processes however they are cut") {
  bench on;
  on.attach();
  etf::buffer packet;
  REQUIRE(dist::encode(packet, control::reg_send{on.remote, "scribe"_atom}, etf::tuple("a"_atom, 1),
                       dist::expand_digest(dist::pass_through_offer)));
  const auto bytes = packet.to_string();
  for (const char byte : bytes) on.say_bytes({&byte, 1});
  CHECK(on.written.wait_for("{a,1}"));
  on.say_bytes(bytes + std::string(4, '\0') + bytes);
  CHECK(on.written.wait_for("{a,1}", 3));
}

TEST_CASE("the loss of a connection tells each link and monitor exactly once") {
  bench on;
  on.attach();
  on.tell(etf::tuple("link"_atom, on.remote));
  on.tell(etf::tuple("monitor"_atom, on.remote));
  on.tell(etf::tuple("watch"_atom, "there@h"_atom));
  CHECK(on.next() == "{1," + text(on.scribe_id) + ",<there@h.5.1>}");
  CHECK(on.next().starts_with("{19,"));
  on.runtime.send(on.scribe_id, "barrier"_atom);
  REQUIRE(on.written.wait_for("barrier"));
  ::close(std::exchange(on.other, -1));
  CHECK(on.written.wait_for("{'EXIT',<there@h.5.1>,noconnection}"));
  CHECK(on.written.wait_for("DOWN noconnection"));
  CHECK(on.written.wait_for("{nodedown,there@h}"));
  CHECK(on.owner.told.wait_for("lost closed"));
  on.runtime.send(on.scribe_id, "finished"_atom);
  REQUIRE(on.written.wait_for("finished"));
  CHECK(on.written.size() == 5);
}

TEST_CASE("a second session after a loss carries what is sent then") {
  bench on;
  on.attach(1);
  on.tell(etf::tuple("send"_atom, on.remote, 1));
  CHECK(on.next().ends_with(" 1"));
  ::close(std::exchange(on.other, -1));
  REQUIRE(on.owner.told.wait_for("lost closed"));
  on.tell(etf::tuple("send"_atom, on.remote, 2));
  REQUIRE(on.owner.told.wait_for("wanted"));
  on.attach(2);
  CHECK(on.next().ends_with(" 2"));
}

TEST_CASE("a broken protocol closes the connection with the reason") {
  bench on;
  on.attach();
  on.say_bytes(std::string{"\0\0\0\2pq", 6});
  CHECK(on.owner.told.wait_for("lost protocol"));
  CHECK(on.next().empty());
}

TEST_CASE("an announced length beyond the frame limit closes the connection before anything is allocated") {
  bench on{node_limits{.frame = 1000}};
  on.attach();
  on.say_bytes(std::string{"\0\0\x03\xE9", 4});
  CHECK(on.owner.told.wait_for("lost protocol"));
  CHECK(on.owner.told.wait_for("report there@h broke the protocol: a packet longer than node_limits::frame"));
}

TEST_CASE("a silent peer is down within the tick time, and was ticked meanwhile") {
  bench on{{}, {.tick_time = 400ms}};
  const auto begin = std::chrono::steady_clock::now();
  on.attach();
  CHECK(on.next().empty());
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(on.owner.told.wait_for("lost silent"));
  CHECK(took >= 300ms);
  CHECK(on.ticks >= 2);
}

TEST_CASE("a peer that ticks is not down") {
  bench on{{}, {.tick_time = 400ms}};
  on.attach();
  // Three tick times long: each tick of ours is answered by one, and nothing else is said.
  for (int tick = 0; tick < 12; ++tick) {
    on.await_tick();
    on.say_bytes(std::string(4, '\0'));
  }
  on.say(control::reg_send{on.remote, "scribe"_atom}, "said"_atom);
  REQUIRE(on.written.wait_for("said"));
  CHECK(on.to_peer().is_up());
  CHECK(on.to_peer().counters().ticks_in.load() == 12);
  CHECK(on.to_peer().counters().ticks_out.load() >= 12);
}

TEST_CASE("a peer that does not read makes the connection busy, and wakes who waits when it has read") {
  bench on{node_limits{.busy = 1U << 20}};
  on.attach();
  on.tell(etf::tuple("flood"_atom, on.remote, 16));
  on.runtime.send(on.scribe_id, "barrier"_atom);
  REQUIRE(on.written.wait_for("barrier"));
  CHECK(on.way.busy("there@h"_atom));
  for (int message = 0; message < 16; ++message) CHECK_FALSE(on.next().empty());
  const auto until = std::chrono::steady_clock::now() + patience;
  while (on.way.busy("there@h"_atom) && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK_FALSE(on.way.busy("there@h"_atom));
}

TEST_CASE("only the process that floods a busy connection within one slice is told to end") {
  bench on{node_limits{.busy = 1U << 20, .slice = 4U << 20}};
  on.attach();
  on.tell(etf::tuple("flood"_atom, on.remote, 16));
  CHECK(on.written.wait_for("{'EXIT'," + text(on.scribe_id) + ",{system_limit,there@h}}"));
  for (int message = 0; message < 16; ++message) CHECK_FALSE(on.next().empty());
  CHECK(on.to_peer().is_up());
}

TEST_CASE("what was sent before a disconnect is written before the end") {
  bench on;
  on.attach();
  on.tell(etf::tuple("flood"_atom, on.remote, 8));
  on.tell(etf::tuple("send"_atom, on.remote, "last"_atom));
  on.runtime.send(on.scribe_id, "barrier"_atom);
  REQUIRE(on.written.wait_for("barrier"));
  on.to_peer().close(dist::peer_errc::disconnected);
  for (int message = 0; message < 8; ++message) CHECK_FALSE(on.next().empty());
  CHECK(on.next().ends_with(" last"));
  CHECK(on.next().empty());
  ::close(std::exchange(on.other, -1));
  CHECK(on.owner.told.wait_for("lost disconnected"));
}

TEST_CASE("a disconnect does not wait for ever for a peer that reads nothing") {
  bench on{node_limits{.drain = 100ms}};
  on.attach();
  on.tell(etf::tuple("flood"_atom, on.remote, 8));
  on.runtime.send(on.scribe_id, "barrier"_atom);
  REQUIRE(on.written.wait_for("barrier"));
  on.to_peer().close(dist::peer_errc::disconnected);
  CHECK(on.owner.told.wait_for("lost disconnected"));
}

TEST_CASE("a peer that asks and does not read its answers is cut off") {
  bench on{node_limits{.unread_answers = 1U << 20}};
  on.attach();
  std::jthread asker{[&] {
    etf::buffer packets;
    for (std::uint32_t number = 1; number < 400; ++number) {
      const control::monitor asked{on.remote, "nobody"_atom, reference{on.peer, 3, {number, 2, 3}}};
      if (!dist::encode(packets, asked, dist::expand_digest(dist::pass_through_offer))) return;
    }
    const auto bytes = packets.to_string();
    for (;;) {
      if (::send(on.other, bytes.data(), bytes.size(), MSG_NOSIGNAL) <= 0) return;
    }
  }};
  CHECK(on.owner.told.wait_for("lost protocol"));
}

TEST_CASE("after the node has stopped a signal is answered as for a lost connection") {
  bench on;
  auto& connection = on.to_peer();
  connection.retire();
  on.tell(etf::tuple("monitor"_atom, on.remote));
  CHECK(on.written.wait_for("DOWN noconnection"));
}

TEST_CASE("the names of nodes that cannot be are answered at once, without a connection") {
  bench on;
  const pid nowhere{etf::node_id::make(atom::of("no_node"), 1).value(), 1, 1};
  on.tell(etf::tuple("monitor"_atom, nowhere));
  CHECK(on.written.wait_for("DOWN noconnection"));
  CHECK(on.way.find_or_make("here@h"_atom) == nullptr);
  CHECK(on.way.find("no_node"_atom) == nullptr);
}
