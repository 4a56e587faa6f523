// What links and monitors of another node are told of an end, however much that is (R10 to R13).
#include "fault_stage.hpp"

#include <ergo/etf/text.hpp>
#include <ergo_test/figures.hpp>

#include <atomic>
#include <vector>

using namespace ergo;
using namespace ergo_test;

namespace {

enum class tie : std::uint8_t { link, monitor };

/// Ends with whatever it is sent.
task<> mortal(process& self) {
  for (;;) {
    const auto told = co_await self.receive_any();
    if (told.is_call()) {
      self.reply(told.from(), term{"here"_atom});
    } else {
      self.exit(exit_reason{told.payload()});
    }
  }
}

/// Tells the reason with which the other one has ended.
task<> survivor(process& self, pid other, tie how, std::atomic<int>* tied, std::shared_ptr<std::promise<term>> told) {
  self.trap_exits(exits::trapped);
  if (how == tie::link) {
    self.link(other);
  } else {
    (void)self.monitor(other);
  }
  const auto there = co_await call(self, other, term{"there"_atom}, patience);  // behind the link, so it stands
  if (there) ++*tied;
  const auto ended = co_await self.receive_if(
      [](const message& each) { return each.as<down>().has_value() || each.as<exit_message>().has_value(); });
  const auto by_monitor = ended.as<down>();
  told->set_value(by_monitor ? by_monitor->reason.value() : ended.as<exit_message>()->reason.value());
}

/// Whether `count` processes of a, tied to one of b, all get the reason with which that one ends.
void expect_told(const term& reason, int count) {
  fault_stage on;
  REQUIRE(on.a->connect(name_b));
  const auto ending = on.b->spawn(mortal);
  REQUIRE(ending);
  std::atomic<int> tied{0};
  std::vector<std::future<term>> told;
  for (int one = 0; one < count; ++one) {
    const auto to = std::make_shared<std::promise<term>>();
    told.push_back(to->get_future());
    REQUIRE(on.a->spawn(survivor, *ending, one % 2 == 0 ? tie::link : tie::monitor, &tied, to));
  }
  REQUIRE(eventually([&] { return tied.load() == count; }));
  on.b->send(*ending, reason);
  for (auto& each : told) {
    REQUIRE(each.wait_for(patience) == std::future_status::ready);
    const bool same = each.get() == reason;
    CHECK(same);
  }
  CHECK(on.both_connected());
  ergo::test::count_runs(count);
}

}  // namespace

TEST_CASE("an exit reason of 10 MiB reaches links and monitors of another node whole", "[R12]") {
  expect_told(etf::binary(std::string(10 << 20, 'r')), 4);
}

TEST_CASE("an exit reason of very many terms reaches links and monitors of another node whole", "[R12]") {
  std::vector<term> all;
  for (int one = 0; one < 300'000; ++one) all.push_back(etf::tuple("frame"_atom, one));
  expect_told(etf::make_list(all), 3);
}
