// Runs by seed: how many, which, what makes one fail, and how it is run again.
#include "setting.hpp"

#include <ergo/testing/sim.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <string>
#include <vector>

using namespace ergo;
using test::setting;

namespace {

/// The seeds of all runs that a scenario without faults is given.
std::vector<std::uint64_t> seeds_of(const testing::seed_range& range) {
  std::vector<std::uint64_t> seen;
  const auto failed = testing::run_seeds(range, [&](testing::sim& world) -> std::string {
    seen.push_back(world.seed());
    return {};
  });
  CHECK_FALSE(failed);
  return seen;
}

std::string five_is_wrong(testing::sim& world) {
  world.start("a@sim");
  return world.seed() == 5 ? "five is wrong" : "";
}

TEST_CASE("each seed is run once, in order, and the environment sets their number and the first") {
  CHECK(seeds_of({.first = 7, .count = 3}) == std::vector<std::uint64_t>{7, 8, 9});
  const setting more{"ERGO_SIM_SEEDS", "5"};
  CHECK(seeds_of({.first = 7, .count = 3}) == std::vector<std::uint64_t>{7, 8, 9, 10, 11});
  const setting later{"ERGO_SIM_FIRST", "1001"};
  CHECK(seeds_of({.first = 7, .count = 3}) == std::vector<std::uint64_t>{1001, 1002, 1003, 1004, 1005});
}

TEST_CASE("a failing scenario tells its seed, and that seed alone can be run again with its history") {
  const auto failed = testing::run_seeds({.first = 1, .count = 10}, five_is_wrong);
  REQUIRE(failed);
  CHECK(failed->seed == 5);
  CHECK(failed->what == "five is wrong");
  CHECK(failed->repeatable);
  CHECK(failed->message().find("ERGO_SIM_SEED=5") != std::string::npos);
  {
    const setting only{"ERGO_SIM_SEED", "5"};
    const auto again = testing::run_seeds({.first = 1, .count = 10}, five_is_wrong);
    REQUIRE(again);
    CHECK(again->history.find("start a@sim") != std::string::npos);
    CHECK(again->message().find("start a@sim") != std::string::npos);
  }
  {
    const setting only{"ERGO_SIM_SEED", "6"};
    CHECK_FALSE(testing::run_seeds({.first = 1, .count = 10}, five_is_wrong));
  }
  const setting only{"ERGO_SIM_SEED", "six"};
  CHECK(testing::run_seeds({.first = 1, .count = 10}, five_is_wrong));
}

TEST_CASE("a program's arguments choose seeds and faults as the environment does") {
  const auto take = [](std::vector<std::string> words) {
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    auto count = static_cast<int>(words.size());
    auto wrong = testing::take_arguments(count, arguments.data());
    std::string left;
    for (int index = 0; index < count; ++index) left += std::string{arguments[static_cast<std::size_t>(index)]} + " ";
    CHECK(arguments[static_cast<std::size_t>(count)] == nullptr);
    return left + wrong;
  };
  CHECK(take({"tests", "--seeds", "2000", "-v", "--first", "7", "last"}) == "tests -v last ");
  CHECK(std::getenv("ERGO_SIM_SEEDS") == std::string{"2000"});
  CHECK(std::getenv("ERGO_SIM_FIRST") == std::string{"7"});
  CHECK(take({"tests", "--seed", "17", "--faults", "3,9"}) == "tests ");
  CHECK(std::getenv("ERGO_SIM_SEED") == std::string{"17"});
  CHECK(std::getenv("ERGO_SIM_FAULTS") == std::string{"3,9"});
  for (const auto* const variable : {"ERGO_SIM_SEEDS", "ERGO_SIM_FIRST", "ERGO_SIM_SEED", "ERGO_SIM_FAULTS"})
    ::unsetenv(variable);
  CHECK(take({"tests", "--seeds", "many"}) == "tests --seeds takes a number");
  CHECK(take({"tests", "--seeds"}) == "tests --seeds takes a number");
  CHECK(take({"tests", "--faults", "3;9"}) == "tests --faults takes `all`, `none` or numbers of faults, as in 3,9");
  CHECK(std::getenv("ERGO_SIM_SEEDS") == nullptr);
}

TEST_CASE("a scenario that throws fails with the text of its exception") {
  const auto thrown = testing::run_seeds({.first = 3, .count = 1},
                                         [](testing::sim&) -> std::string { throw std::runtime_error{"oops"}; });
  REQUIRE(thrown);
  CHECK(thrown->what == "exception: oops");
}

// Refuses every packet that arrives.
class deaf final : public testing::carriage {
 public:
  void write(const destination& /*to*/, detail::signal* envelope,
             const std::function<void(testing::packet)>& send) override {
    testing::packet made;
    made.envelope = envelope;
    send(std::move(made));
  }
  std::string read(testing::packet /*received*/, const std::function<void(testing::packet)>& /*send*/) override {
    return "I cannot hear you";
  }
  void lost() override {}
};

TEST_CASE("a packet that its receiver refuses ends the connection and fails the run") {
  testing::sim_options options;
  options.carry = [](local_node&, etf::node_id) { return std::make_unique<deaf>(); };
  bool connected = true;
  const auto failed = testing::run_seeds({.first = 1, .count = 1}, options, [&](testing::sim& world) -> std::string {
    world.start("a@sim");
    world.start("b@sim");
    const auto target = world.spawn("b@sim", [](process& self) -> task<> { co_await self.sleep(forever); });
    world.spawn(
        "a@sim",
        [](process& self, pid to) -> task<> {
          self.send(to, 1);
          co_return;
        },
        target);
    world.run_for(std::chrono::seconds{1});
    connected = world.connected("a@sim", "b@sim");
    return {};
  });
  REQUIRE(failed);
  CHECK(failed->what == "a packet was refused: I cannot hear you");
  CHECK_FALSE(connected);
}

}  // namespace
