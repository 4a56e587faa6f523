// The same stories abandoned after every single slice, and in many random orders: nothing is leaked, nothing hangs.
#include <ergo/otp/application.hpp>

#include "support.hpp"

using namespace ergo;
using namespace ergo::test;

namespace {

/// Counts the objects and frames that live.
struct counted {
  static inline int alive = 0;
  counted() { ++alive; }
  counted(const counted&) { ++alive; }
  counted(counted&&) noexcept { ++alive; }
  counted& operator=(const counted&) = default;
  counted& operator=(counted&&) = default;
  ~counted() { --alive; }
};

struct order {
  std::string text;
  std::vector<std::string> parts;
};
BOOST_DESCRIBE_STRUCT(order, (), (text, parts))

/// Suspends in every callback, with something in every frame.
class busy {
 public:
  explicit busy(std::string name) : name_{std::move(name)} {}
  task<otp::result> init(process& self) {
    const counted frame;
    co_await self.yield();
    self.trap_exits(exits::trapped);
    co_return otp::ok().with(otp::continue_with{etf::binary(name_)});
  }
  task<> handle_continue(process& self, const term& argument) {
    const counted frame;
    co_await self.sleep(1ms);
    name_ += argument.bytes();
  }
  task<order> serve(process& self, const order& wanted, const otp::from& caller) {
    const counted frame;
    auto copy = wanted;
    co_await self.yield();
    copy.text += name_;
    if (caller.process == self.id()) copy.text.clear();
    co_return copy;
  }
  task<> handle_info(process& self, const term& info) {
    const counted frame;
    const auto work = [text = etf::to_text(info)] { return text.size(); };
    (void)co_await self.receive_if([](const message&) { return false; }, 1ms);
    self.log(log_level::debug, std::to_string(work()));
  }
  task<> terminate(process& self) {
    const counted frame;
    co_await self.sleep(1ms);
  }
  static constexpr auto calls = otp::on(otp::match<order>(&busy::serve));

 private:
  std::string name_;
  counted member_;
};

task<> story(process& self) {
  const counted frame;
  const std::string name(40, 'b');
  const auto server = co_await otp::start_monitor<busy>(self, {.timeout = 5s}, name);
  CHECK(server.has_value());
  const order wanted{std::string(40, 'o'), {std::string(40, 'p'), std::string(40, 'q')}};
  const auto got = co_await otp::call<order>(self, server->process, wanted, 1s);
  CHECK((got && got->text.size() == 40 + 80 && got->parts == wanted.parts));
  self.send(server->process, name);
  const auto late = co_await otp::call<order>(self, server->process, wanted, 1us);
  CHECK(!late);
  self.runtime().exit(server->process, "shutdown"_atom);
  const auto ended = co_await self.receive<down>(1s);
  CHECK(!ended.timed_out());
}

task<> tree_story(process& self) {
  const std::string name(40, 'b');
  otp::supervisor_spec inner;
  inner.children.push_back(otp::child<busy>("x"_atom, name).registered());
  otp::supervisor_spec root;
  root.children.push_back(otp::child<busy>("a"_atom, name).registered());
  root.children.push_back(otp::child_supervisor("sub"_atom, inner));
  otp::application_options known;
  known.known.push_back(otp::application::tree("late"_atom, {}));
  known.known[0].applications.push_back("early"_atom);
  known.known.push_back(otp::application::tree("early"_atom, root));
  const otp::start_options controlling{.name = "application_controller"_atom};
  const auto apps = co_await otp::start<otp::application_controller>(self, controlling, known);
  CHECK(apps.has_value());
  const std::vector<atom> wanted{"late"_atom};
  const auto all = co_await otp::application::ensure_all_started(self, wanted);
  CHECK((all && all->size() == 2));
  const auto first = self.node().whereis("x"_atom);
  CHECK(first.has_value());
  self.exit(*first, "kill"_atom);
  auto second = self.node().whereis("x"_atom);
  while (!second || second == first) {
    co_await self.sleep(1ms);
    second = self.node().whereis("x"_atom);
  }
  const auto watch = self.monitor(*apps);
  self.runtime().exit(*apps, "shutdown"_atom);
  auto ended = co_await self.receive<down>(10s);
  CHECK((ended && ended->ref == watch.ref && ended->reason.is("shutdown"_atom)));
}

}  // namespace

TEST_CASE("a conversation with a server may be abandoned after any slice", "[R54]") {
  const auto before = counted::alive;
  abandon_everywhere(story);
  CHECK(counted::alive == before);
}

TEST_CASE("a tree of applications may be abandoned after any slice", "[R54]") {
  const auto before = counted::alive;
  abandon_everywhere(tree_story);
  CHECK(counted::alive == before);
}

TEST_CASE("the stories come to the same end in every order of processes") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    world here{seed};
    here.run(story);
    here.run(tree_story);
    here.settle();
    CHECK(here.runtime().process_count() == 0);
    CHECK(here.crashes() <= 1);  // the one that was killed
  }
}
