// One connection over a socket pair: the test is the peer.
#pragma once

#include "connection.hpp"

#include "journal.hpp"
#include "router.hpp"

#include <ergo/dist/control_encode.hpp>
#include <ergo/dist/packet_reader.hpp>
#include <ergo/dist/packet_writer.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/reactor.hpp>
#include <ergo/runtime.hpp>

#include <catch2/catch_test_macros.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace ergo_test {

using namespace ergo;
using namespace ergo::detail;
using namespace std::chrono_literals;
namespace control = ergo::dist::control;

using lines = std::vector<std::string>;

class owner_stub final : public connection_owner {
 public:
  void wanted(connection&) override { told.add("wanted"); }
  void lost(connection&, dist::attempt_id, const dist::peer_reason& reason) override {
    told.add("lost " + std::string{dist::to_string(reason.code)});
  }
  void broke(const connection& by, breach how, std::string_view text) override {
    told.add("broke " + std::string{to_string(how)} + " " + std::string{by.peer().text()} + " " + std::string{text});
  }
  void cut_short(const connection& by, std::size_t) override { told.add("cut short " + std::string{by.peer().text()}); }
  void crowded() override {
    told.add("crowded");
    if (ways != nullptr) ways->relieve();
  }
  void refused(atom whom, std::string_view option) override {
    told.add("refused " + std::string{whom.text()} + " " + std::string{option});
  }
  journal told;
  router* ways = nullptr;
};

/// Traps exits and writes everything down; obeys `{link, Pid}`, `{monitor, Pid, _}`, `{watch, Node}`, `{send, To, M}`,
/// `{order, To, M}` (send, monitor, link) and `{flood, To, N}`, whose ends it writes down as `ordered` and `flooded`.
class recorder final : public behaviour {
 public:
  explicit recorder(journal* to) : to_{to} {}
  void start(process& self) override { self.trap_exits(exits::trapped); }
  void receive(process& self, message received) override {
    const auto content = received.to_term();
    const auto part = content.elements();
    if (etf::is_tagged(content, "link"_atom, 2)) return self.link(*part[1].as_pid());
    if (etf::is_tagged(content, "monitor"_atom, 2)) return (void)self.monitor(*part[1].as_pid());
    if (etf::is_tagged(content, "watch"_atom, 2)) return self.monitor_node(*part[1].as_atom());
    if (etf::is_tagged(content, "send"_atom, 3)) return (void)self.send(*part[1].as_pid(), part[2]);
    if (etf::is_tagged(content, "order"_atom, 3)) {
      (void)self.send(*part[1].as_pid(), part[2]);
      (void)self.monitor(*part[1].as_pid());
      self.link(*part[1].as_pid());
      return to_->add("ordered");
    }
    if (etf::is_tagged(content, "flood"_atom, 3)) {
      const auto bulk = etf::binary(std::string(1U << 20, 'x'));
      for (auto left = *part[2].as_integer(); left > 0; --left) (void)self.send(*part[1].as_pid(), bulk);
      return to_->add("flooded");
    }
    to_->add(etf::is_tagged(content, "DOWN"_atom, 5) ? "DOWN " + etf::to_text(part[4]) : etf::to_text(content));
  }
  void task_ended(process&) override {}

 private:
  journal* to_;
};

class bench {
 public:
  explicit bench(node_limits limits = {}, dist::liveness_options liveness = {.tick_time = 60s},
                 dist::flags offered = dist::pass_through_offer)
      : negotiated{dist::expand_digest(offered)},
        terms{local, owner, trace, std::make_shared<function_table>(), limits, liveness, {}, {}},
        way{terms} {
    local.connect(&way);
    owner.ways = &way;
    terms.speaker = *runtime.spawn(local, spawn_options{}, std::make_unique<recorder>(&written));
    scribe_id = *runtime.spawn(local, spawn_options{.name = "scribe"_atom}, std::make_unique<recorder>(&written));
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
    attach_to(ends, number);
  }
  /// Gives the first of two connected sockets to the connection, and keeps the other.
  void attach_to(std::array<int, 2> ends, std::uint64_t number = 1) {
    if (other >= 0) ::close(other);
    other = ends[1];
    arrivals = dist::packet_reader{negotiated};
    speech = dist::packet_writer{negotiated};
    to_peer().attach({dist::attempt_id{number}, ends[0], peer, negotiated, {}});
  }
  void tell(const term& what) { runtime.send(scribe_id, what); }
  [[nodiscard]] bool busy() const { return way.busy("there@h"_atom, scribe_id); }
  /// Whether the connection becomes busy for the scribe, or ceases to be, within the test's patience.
  [[nodiscard]] bool becomes_busy(bool wanted) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (busy() != wanted && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return busy() == wanted;
  }

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
      packet = take(length);
      const auto message = arrivals.read(std::as_bytes(std::span{packet}), nullptr);
      REQUIRE(message);
      if (!*message) {
        ++fragments;
        continue;
      }
      return as_text(**message);
    }
  }
  void await_tick() { REQUIRE(take(4) == std::string(4, '\0')); }
  template <typename Signal, typename... Payload>
  void say(const Signal& signal, const Payload&... payload) {
    etf::buffer packets;
    REQUIRE(dist::encode(packets, signal, term(payload)..., speech));
    if (auto large = speech.take_large())
      while (large->left() > 0) large->next(packets, speech);
    say_bytes(packets.to_string());
  }
  void say_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::send(other, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      REQUIRE(count > 0);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  dist::flags negotiated;
  dist::packet_reader arrivals{negotiated};
  dist::packet_writer speech{negotiated};
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
  std::size_t fragments = 0;  // that did not complete a message
  std::string packet;         // the last one

 private:
  static std::string as_text(const dist::framed_message& message) {
    etf::decode_limits limits;
    limits.cache = message.atoms;
    std::string line;
    for (auto rest = message.terms; !rest.empty();) {
      if (rest[0] == std::byte{131}) rest = rest.subspan(1);  // of a payload in pass-through form
      const auto part = etf::decode_bare(rest, limits);
      REQUIRE(part);
      line += (line.empty() ? "" : " ") + etf::to_text(part->value, {.limit = 200});
      rest = rest.subspan(part->consumed);
    }
    return line;
  }
  std::string take(std::size_t size) {
    std::string got;
    while (got.size() < size) {
      pollfd ready{other, POLLIN, 0};
      REQUIRE(::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())) == 1);
      std::array<char, 65536> room{};
      // The analyzer does not see that `journal` has given its lock back.
      // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection)
      const auto count = ::recv(other, room.data(), std::min(room.size(), size - got.size()), 0);
      if (count <= 0) return got;
      got.append(room.data(), static_cast<std::size_t>(count));
    }
    return got;
  }
};

inline std::string text(const pid& who) { return etf::to_text(term{who}); }

}  // namespace ergo_test
