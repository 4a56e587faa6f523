// The connection table under random scripts: whatever a driver may do, in any order, its promises hold.
#include <ergo/dist/peers.hpp>

#include <catch2/catch_test_macros.hpp>

#include <iterator>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dist = ergo::dist;
namespace peering = ergo::dist::peering;
namespace handshake = ergo::dist::handshake;
using dist::attempt_id;
using dist::handshake_errc;
using dist::peer_errc;
using dist::waiter_id;
using handshake::decision;
using handshake::verdict;

namespace {

// A driver that does anything a driver may do, in any order, and checks every promise of the table.
class random_driver {
 public:
  explicit random_driver(unsigned seed) : random_{seed} {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    finish();
  }

 private:
  enum class at { dialing, asked, admitted, proving, committed, up, closing };

  int pick(int n) { return std::uniform_int_distribution{0, n - 1}(random_); }
  std::string_view any_peer() {
    static constexpr std::string_view names[] = {"a@h", "b@h", "z@h"};
    return names[pick(3)];
  }

  void pass(const peering::event& event) {
    for (const peering::command& c : peers_.resume(event)) std::visit([this](const auto& e) { take(e); }, c);
  }

  void take(const peering::dial& c) {
    REQUIRE(sockets_.emplace(c.id, at::dialing).second);
    REQUIRE_FALSE(up_.contains(c.peer));
    REQUIRE(++flights_[c.peer] == 1);
    peer_of_[c.id] = c.peer;
  }
  void take(const peering::admit& c) {
    REQUIRE(sockets_.at(c.id) == at::asked);
    const bool refused = c.decision == decision::nok || c.decision == decision::not_allowed;
    if (refused)
      sockets_.erase(c.id);
    else
      sockets_[c.id] = at::admitted;
  }
  void take(const peering::conclude& c) {
    const auto where = sockets_.at(c.id);
    REQUIRE((where == at::proving || where == at::dialing));
    if (where == at::dialing) return;
    sockets_[c.id] = c.verdict == verdict::proceed ? at::committed : at::closing;
    if (c.verdict == verdict::proceed) REQUIRE_FALSE(up_.contains(peer_of_[c.id]));
  }
  void take(const peering::close& c) {
    REQUIRE(sockets_.contains(c.id));
    REQUIRE(sockets_[c.id] != at::closing);
    if (sockets_[c.id] == at::dialing) --flights_[peer_of_[c.id]];
    sockets_[c.id] = at::closing;
  }
  void take(const peering::nodeup& c) {
    REQUIRE(up_.emplace(c.peer, c.id).second);
    REQUIRE(sockets_.at(c.id) != at::closing);
    sockets_[c.id] = at::up;
  }
  void take(const peering::nodedown& c) {
    REQUIRE(up_.at(c.peer) == c.id);
    up_.erase(c.peer);
  }
  void take(const peering::granted& c) {
    REQUIRE(waiting_.erase(c.waiter) == 1);
    REQUIRE(sockets_.at(c.id) == at::up);
    REQUIRE(up_.at(peer_of_[c.id]) == c.id);
  }
  void take(const peering::denied& c) { REQUIRE(waiting_.erase(c.waiter) == 1); }
  void take(const peering::await_peer& c) { tickets_.emplace_back(c.peer, c.ticket); }

  void end(attempt_id which) {
    if (sockets_[which] == at::dialing) --flights_[peer_of_[which]];
    sockets_.erase(which);
    const bool nok = pick(3) == 0;
    const handshake_errc code = nok ? handshake_errc::nok : handshake_errc::closed;
    pass(peering::ended{which, {peer_errc::handshake, dist::handshake_failure{code, {}, {}, {}}}});
  }

  void advance(attempt_id which) {
    if (pick(4) == 0) return end(which);
    switch (sockets_[which]) {
      case at::dialing:
        if (pick(3) == 0) return pass(peering::alive{which});
        --flights_[peer_of_[which]];
        return pass(peering::established{which});
      case at::admitted: sockets_[which] = at::proving; return pass(peering::proven{which});
      case at::committed: return pass(peering::established{which});
      case at::closing:  // what was on its way when the close was commanded
        pass(peering::established{which});
        return pass(peering::proven{which});
      default: return;
    }
  }

  void step() {
    const auto peer = any_peer();
    switch (pick(9)) {
      case 0:
      case 1: {
        const auto w = waiter_id{++last_waiter_};
        waiting_[w] = peer;
        return pass(peering::want{peer, w});
      }
      case 2: {
        const auto n = peers_.next_id();
        sockets_[n] = at::asked;
        peer_of_[n] = peer;
        return pass(peering::incoming{n, peer});
      }
      case 3: {
        if (waiting_.empty() || pick(3) != 0) return;
        const auto [w, wanted] = *std::next(waiting_.begin(), pick(static_cast<int>(waiting_.size())));
        waiting_.erase(w);
        return pass(peering::forget{wanted, w});
      }
      case 4:
        if (pick(4) == 0) pass(peering::disconnect{peer});
        return;
      case 5: return ring();
      default:
        if (!sockets_.empty()) advance(std::next(sockets_.begin(), pick(static_cast<int>(sockets_.size())))->first);
    }
  }

  void ring() {
    if (tickets_.empty()) return;
    const auto which = static_cast<std::ptrdiff_t>(pick(static_cast<int>(tickets_.size())));
    const auto [peer, ticket] = tickets_[static_cast<std::size_t>(which)];
    tickets_.erase(tickets_.begin() + which);
    pass(peering::waited_out{peer, ticket});
  }

  // Every socket ends and every timer fires: nothing may be left over, and nobody unanswered.
  void finish() {
    for (int i = 0; i < 100'000 && (!sockets_.empty() || !tickets_.empty()); ++i) {
      if (!sockets_.empty())
        end(sockets_.begin()->first);
      else
        ring();
    }
    REQUIRE(waiting_.empty());
    REQUIRE(up_.empty());
    REQUIRE(peers_.attempts() == 0);
    REQUIRE(peers_.size() == 0);
  }

  std::mt19937 random_;
  dist::peers peers_{"m@h"};
  std::map<attempt_id, at> sockets_;
  std::map<attempt_id, std::string> peer_of_;
  std::map<std::string, attempt_id> up_;
  std::map<std::string, int> flights_;
  std::map<waiter_id, std::string> waiting_;
  std::vector<std::pair<std::string, std::uint64_t>> tickets_;
  std::uint64_t last_waiter_{};
};

}  // namespace

TEST_CASE("whatever happens in whatever order, the table keeps its promises", "[A12]") {
  for (unsigned seed = 1; seed <= 2000; ++seed) {
    INFO("seed " << seed);
    random_driver{seed}.run(200);
  }
}
