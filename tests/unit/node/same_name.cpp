// R52: a name is given once.
#include "ergo_test/figures.hpp"
#include "fault_stage.hpp"

#include <future>
#include <memory>
#include <utility>
#include <vector>

using namespace ergo;
using namespace ergo_test;

namespace {

result<std::unique_ptr<node>> start_at(const std::string& name, std::uint16_t epmd) {
  node_options options;
  options.name = name;
  options.cookie = "secret";
  options.epmd_port = epmd;
  options.on_event = [](const event&) {};
  return node::start(std::move(options), runtime_options{.cores = 1});
}

}  // namespace

TEST_CASE("of nodes that start at once under one name exactly one gets it, and no later one touches it", "[R52]") {
  constexpr int rivals = 4;
  const int times = rounds(3, 100);  // whoever is refused has tried for a second
  for (int round = 0; round < times; ++round) {
    INFO("round " << round);
    const auto epmd = free_port();
    std::vector<std::future<result<std::unique_ptr<node>>>> starting;
    for (int rival = 0; rival < rivals; ++rival)
      starting.push_back(std::async(std::launch::async, start_at, "a@localhost", epmd));
    std::unique_ptr<node> first;
    for (auto& one : starting) {
      auto outcome = one.get();
      if (!outcome) {
        CHECK(outcome.error() == errc::name_taken);
        continue;
      }
      CHECK_FALSE(first);
      first = *std::move(outcome);
    }
    ergo::test::count_runs(1);
    REQUIRE(first);
    start_echo(*first);
    const auto other = start_at("b@localhost", epmd);
    REQUIRE(other);
    const destination echo_at_a{"echo"_atom, "a@localhost"_atom};
    // The port mapper may be gone with a rival, and each node registers again in its own time.
    REQUIRE(eventually([&] { return (*other)->connect("a@localhost").has_value(); }));
    CHECK(call_from(**other, echo_at_a, term{round}) == term{round});
    const auto opened = first->counters("b@localhost");
    const auto again = start_at("a@localhost", epmd);
    REQUIRE_FALSE(again);
    CHECK(again.error() == errc::name_taken);
    CHECK(first->is_connected("b@localhost"));
    CHECK(call_from(**other, echo_at_a, term{round}) == term{round});
    REQUIRE(first->counters("b@localhost"));
    CHECK(first->counters("b@localhost")->packets_in > opened->packets_in);  // the same connection
  }
}
