// R40: a million processes at once. All answer, all end, and their memory goes back.
#include "fixture.hpp"

#include "ergo_test/baseline.hpp"
#include "ergo_test/figures.hpp"
#include "ergo_test/rounds.hpp"
#include "ergo_test/sanitizers.hpp"

#include <atomic>
#include <memory>
#include <vector>

namespace ergo::test {
namespace {

/// Answers `{Pid, Number}` with the number.
class mirror final : public behaviour {
 public:
  void start(process& /*self*/) override {}
  void receive(process& self, message received) override {
    const auto& asked = received.payload();
    self.send(asked.elements()[0].as_pid().value_or(pid{}), asked.elements()[1]);
  }
  void task_ended(process& /*self*/) override {}
};

struct answers {
  std::atomic<std::int64_t> right{0};
  std::atomic<bool> all{false};
};

task<> ask_all(process& self, std::shared_ptr<std::vector<pid>> all, std::shared_ptr<answers> into) {
  std::int64_t number = 0;
  for (const auto& one : *all) {
    const auto question = etf::tuple(self.id(), ++number);
    co_await self.send(one, question);
  }
  std::int64_t sum = 0;
  for (std::int64_t answer = 0; answer < number; ++answer) {
    const auto got = co_await self.receive_any();
    sum += got.payload().as_integer().value_or(0);
    ++into->right;
  }
  if (sum != number * (number + 1) / 2) into->right = 0;
  into->all = true;
}

TEST_CASE("very many processes answer a message each and end, and nothing of them stays", "[R40]") {
  const std::size_t count = sanitized ? 10'000 : rounds<std::size_t>(100'000, 1'000'000);
  scenario figures{"R40", "processes that answer a message each and are ended"};
  // Blocks of the pools stay with the program, for the next processes.
  figures.may_keep(usual_remainder + static_cast<std::int64_t>(count) * 256);
  threaded_world world{{.cores = 2}};
  const auto before = resident_bytes();
  const auto made = std::make_shared<std::vector<pid>>();
  made->reserve(count);
  for (std::size_t one = 0; one < count; ++one)
    made->push_back(world.runtime().spawn(world.node(), {}, std::make_unique<mirror>()).value());
  const auto idle = resident_bytes() - before - count * sizeof(pid);
  const auto told = std::make_shared<answers>();
  world.spawn(ask_all, made, told);
  REQUIRE(eventually([&] { return told->all.load(); }, 120s));
  const auto most = resident_bytes() - before;
  for (const auto& one : *made) world.runtime().exit(one, exit_reason{"shutdown"_atom});
  REQUIRE(eventually([&] { return world.runtime().process_count() == 0; }, 120s));
  const auto right = told->right.load();
  CHECK(right == static_cast<std::int64_t>(count));
  figures.ran(static_cast<std::int64_t>(count));
  figures.violated(static_cast<std::int64_t>(count) - right);
  const auto each = static_cast<double>(count);
  figures.measured({.name = "each, idle", .value = static_cast<double>(idle) / each, .unit = "B"});
  figures.measured({.name = "RSS at most", .value = static_cast<double>(most) / (1 << 20), .unit = "MiB"});
}

}  // namespace
}  // namespace ergo::test
