// Processes that end before the others of their node when the runtime stops.
#include <ergo/runtime.hpp>
#include <ergo/stop_first.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace ergo;
using namespace std::chrono_literals;

namespace {

/// What processes have said, in order.
class journal {
 public:
  void add(const std::string& line) {
    const std::scoped_lock lock{mutex_};
    lines_.push_back(line);
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::scoped_lock lock{mutex_};
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// Takes a while to end once it is told to, unless it is deaf.
task<> resident(process& self, journal* told, std::string name, bool deaf) {
  (void)co_await self.receive<exit_message>();
  if (deaf) co_await self.sleep(forever);
  co_await self.sleep(5ms);
  told->add(name);
}

pid start(runtime& on, journal& told, const std::string& name, bool deaf = false) {
  const spawn_options trapping{.trap_exits = true};
  return *on.spawn(on.anonymous(), trapping, make_body(resident, &told, name, deaf));
}

}  // namespace

TEST_CASE("of those that are to end first, the last added ends first, then everybody else") {
  journal told;
  runtime on{{.cores = 2}};
  start(on, told, "other");
  for (const auto* const name : {"a", "b", "c"}) stop_first(on.anonymous(), start(on, told, name));
  CHECK(stopped_first(on.anonymous()).size() == 3);
  on.stop(20s);
  CHECK(told.lines() == std::vector<std::string>{"c", "b", "a", "other"});
}

TEST_CASE("one that does not end takes the time of all, and is killed with the rest") {
  journal told;
  runtime on{{.cores = 2}};
  start(on, told, "other");
  stop_first(on.anonymous(), start(on, told, "deaf", true));
  on.stop(50ms);
  CHECK(told.lines().size() <= 1);
  CHECK(on.process_count() == 0);
}

TEST_CASE("those that have ended before are not waited for") {
  journal told;
  runtime on{{.cores = 1}};
  const auto early = start(on, told, "early");
  stop_first(on.anonymous(), early);
  on.exit(early, "shutdown"_atom);
  REQUIRE(on.wait(early, 20s));
  CHECK(stopped_first(on.anonymous()).empty());
  start(on, told, "other");
  on.stop(20s);
  CHECK(told.lines() == std::vector<std::string>{"early", "other"});
}

TEST_CASE("a stop on a thread of the runtime tells those first, and leaves the others to the stop that follows") {
  journal told;
  runtime on{{.cores = 2}};
  start(on, told, "other");
  const auto first = start(on, told, "first");
  stop_first(on.anonymous(), first);
  REQUIRE(on.spawn(on.anonymous(), [](process& self) -> task<> {
    self.runtime().stop();
    co_return;
  }));
  CHECK(on.wait(first, 20s));
  on.stop(20s);
  CHECK(told.lines() == std::vector<std::string>{"first", "other"});
}
