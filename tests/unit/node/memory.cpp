// R50: memory that runs out while a connection is set up. The node lives in the test's own thread, so that each of its
// allocations can be the one that fails; its peer lives in another.
#include "lone_node.hpp"

#include <ergo/calls.hpp>
#include <ergo/reactor.hpp>
#include <ergo/spawn.hpp>

#include <ergo_test/allocations.hpp>
#include <ergo_test/figures.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <new>
#include <utility>

namespace ergo_test {
namespace {

using namespace ergo;
using namespace std::chrono_literals;
using ergo::test::allocations;
using ergo::test::fail_allocation;
using ergo::test::held_everywhere;

/// Who calls: the peer, or the node whose memory runs out.
enum class caller : std::uint8_t { peer, itself };

/// How a try went.
struct tried {
  bool connected = false;
  bool answered = false;
  bool in_time = false;  ///< neither the caller nor the call has waited in vain
};

task<> echo(process& self) {
  for (;;) {
    message got = co_await self.receive_any();
    if (got.is_call()) self.reply(got.from(), got.payload());
  }
}

task<> ask(process& self, std::shared_ptr<std::promise<result<term>>> told) {
  const destination there{"echo"_atom, "itself@127.0.0.1"_atom};
  const term request{42};
  auto answer = co_await call(self, there, request, patience);
  told->set_value(std::move(answer));
}

class stage {
 public:
  stage() {
    const auto here = free_port();
    const auto there = free_port();
    auto options = lonely();
    options.name = "itself@127.0.0.1";
    options.listen_port_min = here;
    options.routes = {{"peer@*", {"127.0.0.1", there}}};
    options.executor = &context_;
    itself_ = *node::start(std::move(options), runtime_options{.cores = 1});
    options = lonely();
    options.name = "peer@127.0.0.1";
    options.listen_port_min = there;
    options.routes = {{"itself@*", {"127.0.0.1", here}}};
    peer_ = *node::start(std::move(options), runtime_options{.cores = 1});
  }

  /// Connects, and lets the peer call a process of the node, while the `nth` allocation of the node fails; 0: none.
  [[nodiscard]] tried meet(caller by, std::size_t nth = 0) {
    if (!itself_->whereis("echo"_atom)) REQUIRE(itself_->spawn(spawn_options{.name = "echo"_atom}, make_body(echo)));
    auto outcome = std::async(std::launch::async, [this, by] { return talk(by); });
    const auto before = allocations();
    fail_allocation(nth);
    const bool told = run_until([&] { return outcome.wait_for(0s) == std::future_status::ready; });
    fail_allocation(0);
    used_ = allocations() - before;
    REQUIRE(told);
    return outcome.get();
  }
  /// Ends what there is, until neither end knows of it any more.
  void part() {
    const bool parted = run_until([&] {
      (void)peer_->disconnect("itself@127.0.0.1");  // a call that failed early may have made another connection since
      return !peer_->is_connected("itself@127.0.0.1") && !itself_->is_connected("peer@127.0.0.1") &&
             itself_->figures().handshakes == 0 && peer_->figures().handshakes == 0;
    });
    INFO("connected: " << peer_->is_connected("itself@127.0.0.1") << itself_->is_connected("peer@127.0.0.1"));
    INFO("handshakes: " << itself_->figures().handshakes << ' ' << peer_->figures().handshakes);
    REQUIRE(parted);
  }
  /// How many allocations the node has made in the last `meet`.
  [[nodiscard]] std::size_t used() const noexcept { return used_; }
  /// How often a handler threw out of the context.
  [[nodiscard]] int thrown() const noexcept { return thrown_; }

 private:
  [[nodiscard]] tried talk(caller by) {
    const auto met = by == caller::peer ? peer_->connect("itself@127.0.0.1") : itself_->connect("peer@127.0.0.1");
    if (!met) return {false, false, met.error().code() != errc::timeout};
    const auto told = std::make_shared<std::promise<result<term>>>();
    auto answer = told->get_future();
    if (!peer_->spawn(spawn_options{}, make_body(ask, told))) return {true, false, false};
    const auto got = answer.get();
    return {true, got == term{42}, got || got.error().code() != errc::timeout};
  }
  template <typename Condition>
  [[nodiscard]] bool run_until(Condition over) {
    const auto until = std::chrono::steady_clock::now() + 2 * patience;
    while (!over() && std::chrono::steady_clock::now() < until) {
      try {
        context_.run_one_for(1ms);
      } catch (const std::bad_alloc&) {
        ++thrown_;
      }
    }
    return over();
  }

  boost::asio::io_context context_;
  std::unique_ptr<node> itself_;
  std::unique_ptr<node> peer_;
  std::size_t used_ = 0;
  int thrown_ = 0;
};

void require_peace(stage& on, caller by) {
  const auto met = on.meet(by);
  REQUIRE(met.connected);
  REQUIRE(met.answered);
  on.part();
}

/// What is looked at after each failure, besides that nobody has waited in vain.
enum class afterwards : std::uint8_t { the_next_call_succeeds, nothing_is_left };

/// Fails each allocation of a set-up in turn; returns how many there were.
std::size_t fail_each(stage& on, caller by, afterwards look) {
  constexpr std::size_t most = 5'000;
  for (std::size_t nth = 1; nth < most; ++nth) {
    INFO("allocation " << nth);
    const auto met = on.meet(by, nth);
    REQUIRE(met.in_time);
    const bool enough = on.used() < nth - 1 || (met.answered && on.used() == nth - 1);
    on.part();
    if (look == afterwards::the_next_call_succeeds) require_peace(on, by);
    REQUIRE(on.thrown() == 0);
    if (enough) return nth - 1;
  }
  return most;
}

void lose_nothing(caller by) {
  constexpr std::size_t at_least = 20;
  constexpr int most_rounds = 8;
  stage on;
  require_peace(on, by);
  const auto failures = fail_each(on, by, afterwards::the_next_call_succeeds);
  CHECK(failures >= at_least);
  ergo::test::count_runs(static_cast<std::int64_t>(failures));
  bool kept = false;
  for (int round = 0; round < most_rounds && !kept; ++round) {
    const auto held = held_everywhere();
    (void)fail_each(on, by, afterwards::nothing_is_left);
    kept = eventually([&] { return held_everywhere() <= held; });
  }
  CHECK(kept);
}

}  // namespace

TEST_CASE("whichever allocation fails while a peer calls, nobody waits in vain and the next call succeeds", "[R50]") {
  lose_nothing(caller::peer);
}

TEST_CASE("whichever allocation fails while a peer is called, nobody waits in vain and the next call succeeds",
          "[R50]") {
  lose_nothing(caller::itself);
}

}  // namespace ergo_test
