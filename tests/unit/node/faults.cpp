// Two nodes of this program whose connection is cut, reset, stalled, dribbled or late: R03 to R05, R09, R24, R31.
#include "fault_stage.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/rpc.hpp>
#include <ergo_test/baseline.hpp>
#include <ergo_test/figures.hpp>
#include <ergo_test/sanitizers.hpp>

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;
using ergo::test::ending;
using ergo::test::heap_bytes;
using ergo::test::heap_growth;
using ergo::test::scenario;
using ergo::test::way;
using steady = std::chrono::steady_clock;

TEST_CASE("nodes meet and talk over a connection that dribbles, or is late") {
  fault_stage on;
  start_echo(*on.b);
  const auto content = etf::binary(std::string(20'000, 'x'));
  on.proxy.dribble(way::forward, 1);
  on.proxy.dribble(way::backward, 3);
  CHECK(call_from(*on.a, echo_at_b, content) == content);
  CHECK(on.proxy.writes(way::forward) > 20'000);
  on.proxy.end_all(ending::close);
  REQUIRE(eventually([&] { return on.both_alone(); }));
  on.proxy.dribble(way::forward, 0);
  on.proxy.delay(way::backward, 20ms);
  const auto began = steady::now();
  CHECK(call_from(*on.a, echo_at_b, content) == content);
  CHECK(steady::now() - began >= 60ms);  // status, proof and answer
}

// ----- R03 ----------------------------------------------------------------------------------------------------------

namespace {

/// A large message, how often it came whole, and messages that were anything else.
struct collected {
  explicit collected(std::size_t size) : text(size, 'x') {}
  const std::string text;
  std::atomic<int> whole{0};
  std::atomic<int> other{0};
};

constexpr std::size_t three_fragments = 150'000;

task<> collect(process& self, std::shared_ptr<collected> into) {
  for (;;) {
    message got = co_await self.receive_any();
    if (got.is_call()) {
      self.reply(got.from(), term{"seen"_atom});
    } else if (got.payload().is_tuple(2) && got.payload().elements()[1].bytes() == into->text) {
      ++into->whole;
    } else {
      ++into->other;
    }
  }
}

/// Sends the large message and tells when the connection that carried it is lost.
task<> send_large(process& self, destination to, std::shared_ptr<collected> what,
                  std::shared_ptr<std::promise<void>> lost) {
  (void)self.monitor(to);
  const auto content = etf::tuple("large"_atom, etf::binary(what->text));
  self.send(to, content);
  (void)co_await self.receive<down>();
  lost->set_value();
}

/// Sends the large message from `on` while `lost` waits for the loss.
std::future<void> start_sending(node& on, const destination& to, const std::shared_ptr<collected>& what) {
  const auto told = std::make_shared<std::promise<void>>();
  auto lost = told->get_future();
  REQUIRE(on.spawn(send_large, to, what, told));
  return lost;
}

std::size_t number_at(const std::string& bytes, std::size_t at, std::size_t size) {
  std::size_t number = 0;
  for (std::size_t index = 0; index < size; ++index)
    number = number << 8 | static_cast<unsigned char>(bytes[at + index]);
  return number;
}

/// Where to cut what a caller said: in each of the first bytes of every packet behind its two handshake messages, and
/// here and there in between.
std::vector<std::uint64_t> cuts_of(const std::string& said) {
  constexpr std::size_t header = 48;
  constexpr std::size_t step = 4099;
  std::size_t at = 0;
  for (int message = 0; message < 2; ++message) at += 2 + number_at(said, at, 2);
  std::vector<std::uint64_t> cuts;
  while (at + 4 <= said.size()) {
    const auto end = at + 4 + number_at(said, at, 4);
    for (auto cut = at; cut < std::min(end, at + header); ++cut) cuts.push_back(cut);
    for (auto cut = at + header; cut < end; cut += step) cuts.push_back(cut);
    if (end > at + header) cuts.push_back(end - 1);
    at = end;
  }
  cuts.push_back(said.size());
  return cuts;
}

/// Sends the large message over a connection that is reset when `cut` bytes of it have passed; what was received of it
/// has then been counted.
void send_and_cut(fault_stage& on, const std::shared_ptr<collected>& seen, std::uint64_t cut) {
  const destination collector{"collector"_atom, atom::of(name_b)};
  seen->whole = 0;
  on.proxy.cut_after(way::forward, cut, ending::reset);
  // An attempt comes to nothing while node b still has the connection before.
  REQUIRE(eventually([&] {
    return start_sending(*on.a, collector, seen).wait_for(patience) == std::future_status::ready &&
           on.proxy.passed(way::forward).size() == cut;
  }));
  REQUIRE(eventually([&] { return !on.b->is_connected(name_a); }));
  CHECK(call_from(*on.b, destination{"collector"_atom}, term{"seen"_atom}).is("seen"_atom));
}

/// Sends it over a connection that is reset when all of it has come; returns what passed.
std::string send_whole(fault_stage& on, const std::shared_ptr<collected>& seen) {
  const destination collector{"collector"_atom, atom::of(name_b)};
  on.proxy.cut_never();
  seen->whole = 0;
  auto lost = start_sending(*on.a, collector, seen);
  REQUIRE(eventually([&] { return seen->whole == 1; }));
  auto said = on.proxy.passed(way::forward);
  on.proxy.end_all(ending::reset);
  REQUIRE(lost.wait_for(patience) == std::future_status::ready);
  REQUIRE(eventually([&] { return !on.b->is_connected(name_a); }));
  return said;
}

}  // namespace

TEST_CASE("a large message that is reset at any byte arrives whole or not at all, and leaves no memory behind",
          "[R03]") {
  scenario figures{"R03", "150 KB message, ours to ours, reset at each header byte and every 4,099th"};
  fault_stage on;
  const auto seen = std::make_shared<collected>(three_fragments);
  REQUIRE(on.b->spawn(spawn_options{.name = "collector"_atom}, make_body(collect, seen)));
  const auto said = send_whole(on, seen);
  const auto cuts = cuts_of(said);
  REQUIRE(said.size() > seen->text.size());
  REQUIRE(cuts.size() > 80);
  std::size_t baseline = 0;
  std::size_t done = 0;
  for (const auto cut : cuts) {
    INFO("cut after byte " << cut << " of " << said.size());
    send_and_cut(on, seen, cut);
    const bool partly = seen->whole > (cut == said.size() ? 1 : 0) || seen->other > 0;
    CHECK_FALSE(partly);
    figures.ran();
    figures.violated(partly ? 1 : 0);
    if (++done == 20) baseline = heap_bytes();
  }
  // A session ends a moment after everybody was told.
  const bool settled = eventually([&] { return heap_growth(baseline) < seen->text.size(); });
  const auto more = heap_growth(baseline);
  CHECK(settled);
  figures.measured({"heap more", static_cast<double>(more) / 1024, "KiB", static_cast<double>(three_fragments) / 1024});
  (void)send_whole(on, seen);
}

TEST_CASE("a binary of 200 MB that is reset at sampled bytes arrives whole or not at all, and leaves no memory behind",
          "[R03][R20]") {
  constexpr std::size_t large = ergo::test::sanitized ? 20'000'000 : 200'000'000;
  scenario figures{"R03", "200 MB message, ours to ours, reset at ten bytes"};
  fault_stage on;
  start_echo(*on.b);
  const auto seen = std::make_shared<collected>(large);
  REQUIRE(on.b->spawn(spawn_options{.name = "collector"_atom}, make_body(collect, seen)));
  // A short connection, so that the proxy does not keep the bytes of a long one.
  const auto settled = [&] {
    on.proxy.cut_never();
    CHECK(call_from(*on.a, echo_at_b, term{"small"_atom}).is("small"_atom));
    on.proxy.end_all(ending::reset);
    REQUIRE(eventually([&] { return on.both_alone(); }));
    return heap_bytes();
  };
  const auto all = send_whole(on, seen).size();
  const auto baseline = settled();
  for (std::uint64_t tenth = 1; tenth <= 10; ++tenth) {
    const auto cut = tenth < 10 ? all / 10 * tenth + tenth * 7'919 : all - 1;
    INFO("cut after byte " << cut << " of " << all);
    send_and_cut(on, seen, cut);
    CHECK(seen->whole == 0);
    CHECK(seen->other == 0);
    figures.ran();
    figures.violated(seen->whole + seen->other > 0 ? 1 : 0);
  }
  std::size_t more = 0;
  CHECK(eventually([&] {
    const auto now = settled();
    more = now - std::min(now, baseline);
    return more < large / 8;
  }));
  figures.measured(
      {"heap more", static_cast<double>(more) / (1 << 20), "MiB", static_cast<double>(large / 8) / (1 << 20)});
  (void)send_whole(on, seen);
}

// ----- R24 ----------------------------------------------------------------------------------------------------------

namespace {

constexpr int mortals = 200;
constexpr int friends = 50;

/// What came to b while, and after, the way from a was full.
struct control_log {
  std::atomic<bool> armed{false};
  std::atomic<int> downs{0};
  std::atomic<int> exits{0};
  std::atomic<int> spawned{0};
  std::atomic<int> acknowledged{0};
};

task<> wait_for_end(process& self) { (void)co_await self.receive_any(); }

/// Monitors the first processes, links to the second and third, and unlinks from the third when it is told to.
task<> watch_them(process& self, std::vector<pid> watched, std::vector<pid> linked, std::vector<pid> unlinked,
                  std::shared_ptr<control_log> log) {
  self.trap_exits(exits::trapped);
  for (const auto& one : watched) (void)self.monitor(one);
  for (const auto& one : linked) self.link(one);
  for (const auto& one : unlinked) self.link(one);
  const destination there{"echo"_atom, watched.front().node.name()};
  const term hello{"hello"_atom};
  (void)co_await call(self, there, hello, 15s);
  log->armed = true;
  (void)co_await self.receive<atom>();
  for (const auto& one : unlinked) self.unlink(one);
  for (;;) {
    message got = co_await self.receive_any();
    if (got.as<down>()) ++log->downs;
    if (got.as<exit_message>()) ++log->exits;
  }
}

task<> spawn_there(process& self, atom node, std::shared_ptr<control_log> log) {
  const rpc::at where{node, 20s};
  const auto made = co_await rpc::spawn(self, where, "m", "wait");
  if (made) ++log->spawned;
}

/// Sends until the connection is full, and says so.
task<> fill(process& self, destination to, std::shared_ptr<std::promise<void>> full) {
  const auto content = etf::binary(std::string(100'000, 'x'));
  while (self.try_send(to, content)) {
  }
  full->set_value();
  co_return;
}

std::vector<pid> spawn_many(node& on, int count) {
  std::vector<pid> made;
  for (int one = 0; one < count; ++one) made.push_back(on.spawn(wait_for_end).value());
  return made;
}

}  // namespace

TEST_CASE("no exit, down, acknowledgement or spawn reply is lost while the connection is full", "[R24]") {
  scenario figures{"R24", "exits, downs, acknowledgements, spawn replies while full, ours to ours"};
  const auto log = std::make_shared<control_log>();
  fault_stage on{60s, [log](std::string_view line) {
                   if (line.starts_with("dist in") && line.find(" UNLINK_ID_ACK ") != std::string_view::npos)
                     ++log->acknowledged;
                 }};
  start_echo(*on.a);
  REQUIRE(on.a->provide("m", "wait", wait_for_end).has_value());
  REQUIRE(on.a->connect(name_b));
  const auto watched = spawn_many(*on.a, mortals);
  const auto linked = spawn_many(*on.a, mortals);
  const auto unlinked = spawn_many(*on.a, friends);
  const auto watcher = on.b->spawn(watch_them, watched, linked, unlinked, log);
  REQUIRE(watcher);
  REQUIRE(eventually([&] { return log->armed.load(); }));

  on.proxy.stall(way::forward);
  const auto full = std::make_shared<std::promise<void>>();
  REQUIRE(on.a->spawn(fill, destination{"nobody"_atom, atom::of(name_b)}, full));
  REQUIRE(full->get_future().wait_for(patience) == std::future_status::ready);
  for (const auto& one : watched) on.a->send(one, "end"_atom);
  for (const auto& one : linked) on.a->send(one, "end"_atom);
  const auto arrived = [&] { return on.a->counters(name_b).value_or(connection_counters{}).packets_in; };
  const auto before = arrived();
  on.b->send(*watcher, "unlink"_atom);
  for (int one = 0; one < friends; ++one) REQUIRE(on.b->spawn(spawn_there, atom::of(name_a), log));
  REQUIRE(eventually([&] { return arrived() >= before + 2 * friends; }));
  CHECK(log->downs + log->exits + log->spawned + log->acknowledged == 0);

  on.proxy.resume(way::forward);
  CHECK(eventually([&] { return log->downs == mortals; }));
  CHECK(eventually([&] { return log->exits == mortals; }));
  CHECK(eventually([&] { return log->acknowledged == friends; }));
  CHECK(eventually([&] { return log->spawned == friends; }));
  const auto told = log->downs + log->exits + log->acknowledged + log->spawned;
  figures.ran(2 * mortals + 2 * friends);
  figures.violated(2 * mortals + 2 * friends - told);
  CHECK(on.both_connected());
}

// ----- R04, R05, R09, R31 -------------------------------------------------------------------------------------------

namespace {

/// Whether what a subscriber sees alternates, and how often it saw the other node come and go.
class alternation {
 public:
  explicit alternation(node& on)
      : watch_{on.subscribe([this](const node_event& news) {
          const bool up = news.what == node_event::kind::up;
          if (up == up_.exchange(up)) ++twice_;
          ++(up ? ups_ : downs_);
        })} {}
  [[nodiscard]] int ups() const { return ups_; }
  [[nodiscard]] int downs() const { return downs_; }
  [[nodiscard]] int twice() const { return twice_; }

 private:
  std::atomic<bool> up_{false};
  std::atomic<int> ups_{0};
  std::atomic<int> downs_{0};
  std::atomic<int> twice_{0};
  subscription watch_;
};

}  // namespace

TEST_CASE("nodeup and nodedown alternate on both sides through many connections", "[R04]") {
  scenario figures{"R04", "connections that come and go under subscribers on both sides"};
  fault_stage on;
  const alternation at_a{*on.a};
  const alternation at_b{*on.b};
  const int times = rounds(1'000, 10'000);
  for (int round = 0; round < times; ++round) {
    REQUIRE(on.a->connect(name_b));
    REQUIRE(eventually([&] { return on.both_connected(); }));
    if (round % 3 == 0) {
      on.proxy.end_all(round % 2 == 0 ? ending::reset : ending::close);
    } else {
      (void)(round % 3 == 1 ? on.a : on.b)->disconnect(round % 3 == 1 ? name_b : name_a);
    }
    REQUIRE(eventually([&] { return on.both_alone(); }));
  }
  CHECK(eventually([&] { return at_a.downs() == times && at_b.downs() == times; }));
  CHECK(at_a.ups() == times);
  CHECK(at_b.ups() == times);
  CHECK(at_a.twice() + at_b.twice() == 0);
  figures.ran(times);
  figures.violated(at_a.twice() + at_b.twice() + std::abs(at_a.ups() - times) + std::abs(at_b.ups() - times));
}

TEST_CASE("a peer from which nothing comes any more is down within its tick time, whatever that is", "[R05]") {
  for (const auto tick_time : rounds(std::vector{1000ms, 2000ms}, std::vector{1000ms, 2000ms, 4000ms, 8000ms})) {
    scenario figures{"R05", "silence of a peer: down at T ± T/4, T = " + std::to_string(tick_time / 1s) + " s"};
    fault_stage on{tick_time};
    REQUIRE(on.a->connect(name_b));
    const auto ticks = [&] {
      const auto counted = on.a->counters(name_b);
      return counted ? counted->ticks_in : 0;
    };
    REQUIRE(eventually([&] { return ticks() >= 3; }));
    const auto last = ticks();
    REQUIRE(eventually([&] { return ticks() > last; }));
    const auto silent = steady::now();
    on.proxy.stall(way::forward);
    on.proxy.stall(way::backward);
    REQUIRE(eventually([&] { return !on.a->is_connected(name_b); }));
    const auto took = steady::now() - silent;
    const auto slack = 400ms;  // for the scheduling of this computer
    CHECK(took > tick_time * 3 / 4 - slack);
    CHECK(took < tick_time * 5 / 4 + slack);
    figures.ran();
    figures.measured({"off T by", std::abs(std::chrono::duration<double, std::milli>(took - tick_time).count()), "ms",
                      std::chrono::duration<double, std::milli>(tick_time / 4 + slack).count()});
  }
}

TEST_CASE("processes of a peer that restarts again and again never match those of the next", "[R09]") {
  scenario figures{"R09", "a peer restarts under its name, ours"};
  const auto port = free_port();
  const auto a = started(plain_options(name_a, port));
  std::optional<pid> former;
  const int times = rounds(200, 1'000);
  for (int round = 0; round < times; ++round) {
    const auto b = started(plain_options(name_b, port));
    start_echo(*b);
    INFO("round " << round);
    CHECK(call_from(*a, echo_at_b, term{round}) == term{round});
    if (former) {
      const bool nobody = call_from(*a, *former, term{round}).is("noproc"_atom);
      CHECK(nobody);
      figures.violated(nobody ? 0 : 1);
    }
    figures.ran();
    former = b->whereis("echo"_atom);
    REQUIRE(former);
  }
}

TEST_CASE("looking for a node that is absent again and again costs no memory", "[R31]") {
  scenario figures{"R31", "attempts at an absent node"};
  const auto a = started(plain_options(name_a, free_port()));
  const auto try_often = [&](int times) {
    for (int round = 0; round < times; ++round) {
      const auto outcome = a->connect("gone@127.0.0.3");
      REQUIRE_FALSE(outcome);
      REQUIRE(outcome.error() == errc::nodedown);
    }
  };
  try_often(500);
  const auto baseline = heap_bytes();
  const int times = rounds(5'000, 100'000);
  try_often(times);
  const bool settled = eventually([&] { return heap_growth(baseline) < 100'000; });
  const auto more = heap_growth(baseline);
  CHECK(settled);
  figures.ran(times);
  figures.measured({"heap more", static_cast<double>(more), "B", 100'000});
}
