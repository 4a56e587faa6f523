// Streams of small and large messages between an Erlang node and ours: R01, and R02 with a connection that is reset.
#include "harness.hpp"
#include "proxied.hpp"

#include <ergo_test/mixed_traffic.hpp>
#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace ergo_interop {
namespace {

using ergo::test::mixed_name;
using ergo::test::mixed_pairs;
using ergo::test::mixed_tally;
using ergo::test::rounds;

constexpr int resets = 40;

using shared_tally = std::shared_ptr<mixed_tally>;

std::int64_t messages() { return rounds<std::int64_t>(12'500, 250'000); }
std::chrono::seconds patience_of_all() { return rounds(60s, 900s); }

std::vector<ergo::pid> check_here(ergo::node& on, const shared_tally& tally) {
  std::vector<ergo::pid> made;
  for (std::int64_t pair = 1; pair <= mixed_pairs; ++pair) {
    ergo::spawn_options named;
    named.name = mixed_name(pair);
    const auto started = on.spawn(named, ergo::make_body(ergo::test::check_mixed, pair, tally));
    expect(started.has_value(), "no receiver");
    made.push_back(*started);
  }
  return made;
}

void send_from_here(ergo::node& on, ergo::atom to, std::int64_t count, std::chrono::milliseconds pause,
                    const shared_tally& tally) {
  for (std::int64_t pair = 1; pair <= mixed_pairs; ++pair) {
    const ergo::destination there{mixed_name(pair), to};
    const auto started = on.spawn(ergo::test::send_mixed, there, pair, count, ergo::duration{pause}, tally);
    expect(started.has_value(), "no sender");
  }
}

std::string side(erlang_peer& peer, const std::string& function, const std::string& arguments) {
  return peer.run("{apply, streams_side, " + function + ", [" + arguments + "]}");
}

void load_side(erlang_peer& peer) { peer.load(ERGO_SOURCE_DIR "/tests/interop/node/streams_side.erl"); }

void all_came_here(const shared_tally& tally, std::int64_t count, scenario& figures) {
  const bool ended = tally->finished.get_future().wait_for(patience_of_all()) == std::future_status::ready;
  expect(ended, "only " + std::to_string(tally->received) + " came here in time");
  figures.ran(tally->received);
  figures.violated(tally->disordered + tally->damaged + tally->missing);
  expect(tally->disordered == 0, "out of order, or twice, here");
  expect(tally->damaged == 0, "not what was sent, here");
  expect(tally->missing == 0, "lost here");
  expect(tally->received == mixed_pairs * count, "not all came here");
}

/// What all of Erlang's receivers have counted.
struct counted {
  std::int64_t ended = 0;
  std::int64_t received = 0;
  std::int64_t disordered = 0;
  std::int64_t damaged = 0;
  std::int64_t gaps = 0;
};

counted count_there(erlang_peer& peer) {
  counted sum;
  const auto all = parsed(side(peer, "tallies", ""));
  for (const auto& one : all.items()) {
    const auto number = [&](std::size_t at) { return one.elements()[at].as_integer().value(); };
    sum.ended += number(0);
    sum.received += number(1);
    sum.disordered += number(2);
    sum.damaged += number(3);
    sum.gaps += number(4);
  }
  return sum;
}

void all_came_there(erlang_peer& peer, std::int64_t count, scenario& figures) {
  counted seen;
  const auto ended = [&] { return (seen = count_there(peer)).ended == mixed_pairs; };
  eventually("all pairs have come to their end there", ended, patience_of_all());
  figures.ran(seen.received);
  figures.violated(seen.disordered + seen.damaged + seen.gaps);
  expect(seen.disordered == 0, "out of order, or twice, there");
  expect(seen.damaged == 0, "not what was sent, there");
  expect(seen.gaps == 0, "lost there");
  expect(seen.received == mixed_pairs * count, "not all came there");
}

// ----- R01 ----------------------------------------------------------------------------------------------------------

std::string of_all(const std::string& direction) {
  return "4 pairs × " + std::to_string(messages()) + " messages of up to 200 KiB, " + direction + " (R01)";
}

TEST_CASE("Of four pairs from Erlang to ours nothing is lost, comes twice or out of order", "[R01]") {
  for_every_release(of_all("Erlang to C++"), [](const release& otp) {
    scenario figures{"R01", carried("messages of 4 pairs, Erlang to C++")};
    world in{otp};
    in.connect(true);
    load_side(in.peer());
    const auto tally = std::make_shared<mixed_tally>();
    check_here(in.node(), tally);
    side(in.peer(), "send_all", in.cpp() + ", " + std::to_string(messages()));
    all_came_here(tally, messages(), figures);
  });
}

TEST_CASE("Of four pairs from ours to Erlang nothing is lost, comes twice or out of order", "[R01]") {
  for_every_release(of_all("C++ to Erlang"), [](const release& otp) {
    scenario figures{"R01", carried("messages of 4 pairs, C++ to Erlang")};
    world in{otp};
    in.connect(false);
    load_side(in.peer());
    side(in.peer(), "check_all", "");
    send_from_here(in.node(), in.peer_atom(), messages(), 0ms, std::make_shared<mixed_tally>());
    all_came_there(in.peer(), messages(), figures);
  });
}

TEST_CASE("Of four pairs in each direction at once nothing is lost, comes twice or out of order", "[R01]") {
  for_every_release(of_all("both ways at once"), [](const release& otp) {
    scenario figures{"R01", carried("messages of 4 pairs, Erlang and C++ both ways at once")};
    world in{otp};
    in.connect(true);
    load_side(in.peer());
    const auto back = std::make_shared<mixed_tally>();
    check_here(in.node(), back);
    side(in.peer(), "check_all", "");
    send_from_here(in.node(), in.peer_atom(), messages(), 0ms, std::make_shared<mixed_tally>());
    side(in.peer(), "send_all", in.cpp() + ", " + std::to_string(messages()));
    all_came_here(back, messages(), figures);
    all_came_there(in.peer(), messages(), figures);
  });
}

// ----- R02 ----------------------------------------------------------------------------------------------------------

/// Resets the connection again and again, each time when the stream, of which `come` tells how far it is, has gone on
/// over a new one for a while. Returns how many there were.
int reset_again_and_again(proxied& on, const std::function<std::int64_t()>& come) {
  const auto goes_on = [&](int session, std::int64_t more) {
    eventually("there is a new connection", [&] { return on.up.count() > session; }, 30s);
    const auto wanted = come() + more;
    eventually("the stream goes on", [&] { return come() >= wanted; });
  };
  for (int reset = 0; reset < resets; ++reset) {
    goes_on(reset, 50 + reset % 5 * 100);
    on.proxy.end_all(ending::reset);
  }
  goes_on(resets, 100);
  return on.up.count();
}

/// Sends something else to ours, once a second. Over TLS, Erlang's senders that wait for room may miss their waking
/// when the connection is reset: they go on with the next message that anybody sends to that node.
class nudge {
 public:
  explicit nudge(proxied& in) : in_{in} {}
  void now_and_then() {
    const auto now = std::chrono::steady_clock::now();
    if (!over_tls() || now < next_) return;
    next_ = now + 1s;
    in_.peer.run("{apply, erlang, send, [{" + atom_text(mixed_name(1).text()) + ", " + in_.ours.quoted_name() +
                 "}, nudge]}");
  }

 private:
  proxied& in_;
  std::chrono::steady_clock::time_point next_{};
};

TEST_CASE("Four pairs from Erlang that are reset again and again are in order, with losses where a nodedown tells",
          "[R02]") {
  for_every_release("4 pairs with 40 resets, Erlang to C++ (R02)", [](const release& otp) {
    scenario figures{"R02", carried("resets under 4 pairs, Erlang to C++")};
    proxied on{otp, proxied::dials::erlang};
    load_side(on.peer);
    const auto tally = std::make_shared<mixed_tally>();
    const auto checkers = check_here(*on.ours, tally);
    const auto watch = on.ours->subscribe([&](const ergo::node_event& news) {
      if (news.what != ergo::node_event::kind::down) return;
      for (const auto& one : checkers) on.ours->send(one, "down"_atom);
    });
    on.peer.run("{set, s, {apply, streams_side, send_all, [" + on.ours.quoted_name() + ", for_ever]}}");
    nudge others{on};
    (void)reset_again_and_again(on, [&] {
      others.now_and_then();
      return tally->received.load();
    });
    side(on.peer, "stop_all", "{var, s}");
    figures.ran(resets);
    figures.violated(tally->disordered + tally->damaged + tally->unexplained);
    figures.measured({.name = "messages", .value = static_cast<double>(tally->received), .unit = ""});
    expect(tally->disordered == 0, "out of order, or twice");
    expect(tally->damaged == 0, "not what was sent");
    expect(tally->unexplained == 0, "lost without a nodedown");
  });
}

TEST_CASE("Four pairs to Erlang that are reset again and again are in order, with one gap for each reset at most",
          "[R02]") {
  for_every_release("4 pairs with 40 resets, C++ to Erlang (R02)", [](const release& otp) {
    scenario figures{"R02", carried("resets under 4 pairs, C++ to Erlang")};
    proxied on{otp, proxied::dials::ours};
    load_side(on.peer);
    const auto tally = std::make_shared<mixed_tally>();
    side(on.peer, "check_all", "");
    const auto there = parsed(atom_text(on.peer.name())).as_atom().value();
    send_from_here(*on.ours, there, std::numeric_limits<std::int64_t>::max(), 1ms, tally);
    const auto connections = reset_again_and_again(on, [&] { return count_there(on.peer).received; });
    const auto seen = count_there(on.peer);
    tally->stop = true;
    figures.ran(resets);
    figures.violated(seen.disordered + seen.damaged);
    figures.measured({.name = "gaps",
                      .value = static_cast<double>(seen.gaps),
                      .unit = "",
                      .at_most = static_cast<double>(mixed_pairs * (connections - 1))});
    expect(seen.disordered == 0, "out of order, or twice");
    expect(seen.damaged == 0, "not what was sent");
    expect(seen.gaps <= mixed_pairs * (connections - 1), "lost within a session");
  });
}

}  // namespace
}  // namespace ergo_interop
