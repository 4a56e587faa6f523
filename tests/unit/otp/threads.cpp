// Servers on real threads, used from threads that are no processes.
#include <ergo/otp/application.hpp>

#include "support.hpp"

#include <ergo_test/watchdog.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

using namespace ergo;
using namespace ergo::test;

namespace {

/// A runtime with two cores whose crashes are counted.
class machine {
 public:
  [[nodiscard]] local_node& node() noexcept { return runtime_.anonymous(); }
  [[nodiscard]] ergo::runtime& runtime() noexcept { return runtime_; }
  [[nodiscard]] int crashes() const noexcept { return crashes_.load(); }

 private:
  runtime_options options() {
    runtime_options made;
    made.cores = 2;
    made.on_event = [this](const event& happened) {
      if (happened.what == event::kind::crash) crashes_.fetch_add(1);
    };
    return made;
  }
  std::atomic<int> crashes_{0};
  ergo::runtime runtime_{options()};
};

class counter {
 public:
  void init(process& self) { self.trap_exits(exits::trapped); }
  void add(std::int64_t n) { total_ += n; }
  std::int64_t get() { return total_; }
  task<std::int64_t> get_later(process& self) {
    co_await self.sleep(1ms);
    co_return total_;
  }
  otp::result crash() { return otp::stop("told_to"_atom, "ok"_atom); }
  static constexpr auto calls = otp::on(otp::match<"get">(&counter::get), otp::match<"later">(&counter::get_later),
                                        otp::match<"crash">(&counter::crash));
  static constexpr auto casts = otp::on(otp::match<"add", std::int64_t>(&counter::add));

 private:
  std::int64_t total_ = 0;
};

class recorder {
 public:
  void record(std::int64_t value) { values_.push_back(value); }
  std::vector<std::int64_t> take() { return std::exchange(values_, {}); }
  static constexpr auto casts = otp::on(otp::match<std::int64_t>(&recorder::record));
  static constexpr auto infos = otp::on(otp::match<std::int64_t>(&recorder::record));
  static constexpr auto calls = otp::on(otp::match<"take">(&recorder::take));

 private:
  std::vector<std::int64_t> values_;
};

class failing {
 public:
  otp::result init(const term& how) {
    if (how.is("ignore"_atom)) return otp::ignore();
    return otp::refuse(how);
  }
};

class stuck {
 public:
  void init(process& self) { self.trap_exits(exits::trapped); }
  task<> terminate(process& self) { co_await self.sleep(1h); }
};

class never_ready {
 public:
  task<> init(process& self) { co_await self.sleep(1h); }
};

}  // namespace

TEST_CASE("a thread starts, calls and stops a server") {
  machine here;
  const auto server = otp::start<counter>(here.node(), {.name = "counter"_atom});
  REQUIRE(server.has_value());
  const auto add = etf::tuple("add"_atom, 5);
  otp::cast(here.node(), "counter"_atom, add);
  CHECK(otp::call<int>(here.node(), "counter"_atom, "get"_atom) == 5);
  CHECK(otp::call<int>(here.node(), *server, "later"_atom) == 5);
  const auto deaf = here.runtime().spawn(here.node(), [](process& self) -> task<> { co_await self.sleep(1h); });
  REQUIRE(deaf);
  const auto late = otp::call<int>(here.node(), *deaf, "get"_atom, 1ms);
  CHECK((!late && late.error() == errc::timeout));
  const auto ended = otp::stop(here.node(), *server, exit_reason{"shutdown"_atom});
  REQUIRE(ended.has_value());
  CHECK((ended->is("shutdown"_atom) || ended->is("noproc"_atom)));
  const auto gone = otp::call<int>(here.node(), *server, "get"_atom);
  CHECK((!gone && gone.error() == errc::noproc));
  CHECK(otp::stop(here.node(), *server, exit_reason{}).error() == errc::noproc);
  CHECK(here.crashes() == 0);
}

TEST_CASE("a thread learns why a start has failed") {
  machine here;
  const auto ignored = otp::start<failing>(here.node(), {}, term{"ignore"_atom});
  CHECK((!ignored && ignored.error() == errc::ignored));
  const auto refused = otp::start<failing>(here.node(), {}, term{"full"_atom});
  CHECK((!refused && refused.error().context() == term{"full"_atom}));
  const auto late = otp::start<never_ready>(here.node(), {.timeout = 20ms});
  CHECK((!late && late.error() == errc::timeout));
  REQUIRE(otp::start<counter>(here.node(), {.name = "one"_atom}).has_value());
  const auto taken = otp::start<counter>(here.node(), {.name = "one"_atom});
  CHECK((!taken && taken.error() == errc::name_taken));
  here.runtime().stop(1s);
  const auto stopped = otp::start<counter>(here.node(), {});
  CHECK((!stopped && stopped.error() == errc::stopped));
}

TEST_CASE("a thread that waits for a start is let go when the runtime stops") {
  auto here = std::make_unique<machine>();
  std::atomic<bool> failed{false};
  std::thread waiting{[&] { failed = !otp::start<never_ready>(here->node(), {.name = "never"_atom}).has_value(); }};
  while (!here->node().whereis("never"_atom)) std::this_thread::yield();
  here->runtime().stop(100ms);
  waiting.join();
  CHECK(failed);
}

TEST_CASE("a server that does not stop in time is killed") {
  machine here;
  const auto server = otp::start<stuck>(here.node(), {});
  REQUIRE(server.has_value());
  const auto ended = otp::stop(here.node(), *server, exit_reason{"shutdown"_atom}, 20ms);
  REQUIRE(ended.has_value());
  CHECK((ended->is("killed"_atom) || ended->is("noproc"_atom)));
}

TEST_CASE("twenty thousand casts in a burst are all there and in order") {
  machine here;
  const auto server = otp::start<recorder>(here.node(), {});
  REQUIRE(server.has_value());
  const auto sender = here.runtime().spawn(
      here.node(),
      [](process& self, pid to) -> task<> {
        for (std::int64_t value = 0; value < 20'000; ++value) otp::cast(self, to, value);
        const auto mark = co_await otp::call(self, to, "take"_atom);
        if (!mark) co_return;
        for (const auto& value : mark->items()) self.send(to, value);
      },
      *server);
  REQUIRE(sender.has_value());
  (void)here.runtime().wait(*sender, 30s);
  const auto values = otp::call<std::vector<std::int64_t>>(here.node(), *server, "take"_atom);
  REQUIRE(values.has_value());
  CHECK(values->size() == 20'000);
  CHECK(std::ranges::is_sorted(*values));
}

TEST_CASE("callers on many threads each get their own answers while a supervised server crashes") {
  machine here;
  otp::supervisor_spec tree;
  tree.intensity = 1'000'000;
  tree.children.push_back(otp::child<counter>("counter"_atom).registered());
  const auto top = otp::start<otp::supervisor>(here.node(), {}, tree);
  REQUIRE(top.has_value());
  std::atomic<int> answered{0};
  std::atomic<int> odd{0};
  const auto gone = [](const auto& answer) {
    return !answer && (answer.error() == errc::noproc || answer.error() == errc::exited);
  };
  const auto ask = [&](int thread) {
    for (int round = 0; round < 200; ++round) {
      const bool crash = thread == 0 && round % 10 == 0;
      const auto request = crash ? "crash"_atom : "get"_atom;
      auto answer = otp::call(here.node(), "counter"_atom, request);
      while (gone(answer)) answer = otp::call(here.node(), "counter"_atom, request);
      ++(answer ? answered : odd);
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) threads.emplace_back(ask, thread);
  for (auto& thread : threads) thread.join();
  CHECK(odd == 0);
  CHECK(answered == 800);
  const auto until = std::chrono::steady_clock::now() + 20s;  // the answer to "crash" comes before the crash
  while (here.crashes() < 20 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK(here.crashes() == 20);
  const auto ended = otp::stop(here.node(), *top, exit_reason{"shutdown"_atom});
  CHECK(ended.has_value());
}

otp::application_options two_applications() {
  otp::application_options options;
  for (const auto name : {"front"_atom, "back"_atom}) {
    otp::supervisor_spec tree;
    tree.children.push_back(otp::child<counter>(name).registered());
    options.known.push_back(otp::application::tree(name, tree));
  }
  options.known[0].applications.push_back("back"_atom);
  return options;
}

TEST_CASE("applications are started and stopped by a thread") {
  machine here;
  const auto controller = otp::application::start_controller(here.node(), two_applications());
  REQUIRE(controller.has_value());
  CHECK(here.node().whereis("application_controller"_atom) == *controller);
  CHECK(otp::application::load(here.node(), "front"_atom).has_value());
  const auto early = otp::application::start(here.node(), "front"_atom);
  CHECK((!early && early.error() == errc::not_found));
  const auto all = otp::application::ensure_all_started(here.node(), "front"_atom);
  CHECK((all && *all == std::vector{"back"_atom, "front"_atom}));
  CHECK(otp::call<int>(here.node(), "front"_atom, "get"_atom) == 0);
  const auto running = otp::application::which_applications(here.node());
  CHECK((running && running->size() == 2 && running->front().name == "front"_atom));
  const auto second = otp::application::start_controller(here.node(), {});
  CHECK((!second && second.error() == errc::name_taken));
  CHECK(otp::application::stop(here.node(), "front"_atom).has_value());
  CHECK(!here.node().whereis("front"_atom));
  CHECK(otp::application::unload(here.node(), "front"_atom).has_value());
  CHECK(otp::application::stop_controller(here.node()).has_value());
  CHECK(!here.node().whereis("back"_atom));
  const auto gone = otp::application::which_applications(here.node());
  CHECK((!gone && gone.error() == errc::noproc));
  CHECK(here.crashes() == 0);
}

TEST_CASE("a runtime that stops ends its applications in order, before everybody else") {
  class resident {
   public:
    resident(process& self, std::vector<std::string>* told, std::mutex* guard, std::string name)
        : told_{told}, guard_{guard}, name_{std::move(name)} {
      self.trap_exits(exits::trapped);
    }
    task<> terminate(process& self) {
      co_await self.sleep(5ms);  // long enough for others to overtake
      const std::scoped_lock lock{*guard_};
      told_->push_back(name_);
    }

   private:
    std::vector<std::string>* told_;
    std::mutex* guard_;
    std::string name_;
  };
  std::mutex guard;
  std::vector<std::string> told;
  {
    machine here;
    REQUIRE(otp::start<resident>(here.node(), {}, &told, &guard, std::string{"outside"}).has_value());
    otp::application_options options;
    for (const auto name : {"a"_atom, "b"_atom, "c"_atom}) {
      otp::supervisor_spec tree;
      for (const auto* const part : {"1", "2"}) {
        const auto id = std::string{name.text()} + part;
        tree.children.push_back(otp::child<resident>(atom::of(id), &told, &guard, id));
      }
      options.known.push_back(otp::application::tree(name, tree));
      if (options.known.size() > 1) options.known.back().applications = {options.known[options.known.size() - 2].name};
    }
    REQUIRE(otp::application::start_controller(here.node(), options).has_value());
    REQUIRE(otp::application::ensure_all_started(here.node(), "c"_atom).has_value());
    here.runtime().stop(20s);
  }
  CHECK(told == std::vector<std::string>{"c2", "c1", "b2", "b1", "a2", "a1", "outside"});
}

TEST_CASE("stopping the runtime calls terminate of servers that trap exits") {
  static std::atomic<int> terminated;
  class witness {
   public:
    void init(process& self) { self.trap_exits(exits::trapped); }
    void terminate() { ++terminated; }
  };
  terminated = 0;
  {
    machine here;
    for (int server = 0; server < 10; ++server) REQUIRE(otp::start<witness>(here.node(), {}).has_value());
    here.runtime().stop(5s);
  }
  CHECK(terminated == 10);
}
