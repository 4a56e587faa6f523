// Applications: order of start and stop, and what the end of one means for the others.
#include <ergo/otp/application.hpp>

#include "support.hpp"

using namespace ergo;
using namespace ergo::test;
using otp::start_type;

namespace {

class worker {
 public:
  worker(process& self, atom id) : id_{id} {
    self.trap_exits(exits::trapped);
    self.log(log_level::info, std::string{"start "} + std::string{id.text()});
  }
  otp::result handle_cast(const term& reason) { return otp::stop(exit_reason{reason}); }
  void terminate(process& self) { self.log(log_level::info, std::string{"stop "} + std::string{id_.text()}); }

 private:
  atom id_;
};

class refusing {
 public:
  otp::result init() { return otp::refuse("full"_atom); }
};

otp::application_spec application(atom name, std::vector<atom> needs = {}, start_type type = start_type::temporary) {
  otp::application_spec made;
  made.name = name;
  made.type = type;
  made.applications = std::move(needs);
  made.description = "the application";
  made.version = "1.0";
  made.root.intensity = 0;
  made.root.children.push_back(otp::child<worker>(name, name).registered());
  return made;
}

std::string order_of(const std::vector<otp::application_spec>& set) {
  const auto order = otp::start_order(set);
  if (!order) return etf::to_text(order.error().reason());
  std::string told;
  for (const auto index : *order) told += set[index].name.text();
  return told;
}

pid start_set(world& here, std::vector<otp::application_spec> set) {
  return here.run(
      [](process& self, std::vector<otp::application_spec> given) -> task<pid> {
        const auto started = co_await otp::start<otp::application_controller>(self, {.name = "apps"_atom}, given);
        CHECK(started.has_value());
        co_return started.value_or(pid{});
      },
      std::move(set));
}

std::string story(const world& here) {
  std::string told;
  for (const auto& happened : here.events()) {
    if (!happened.text.starts_with("start ") && !happened.text.starts_with("stop ")) continue;
    told += (told.empty() ? "" : " ") + happened.text;
  }
  return told;
}

void end_child(world& here, atom name, const term& reason) {
  otp::cast(here.node(), name, reason);
  here.settle();
}

}  // namespace

TEST_CASE("applications come after what they need, otherwise in the order given") {
  CHECK(order_of({}).empty());
  CHECK(order_of({application("a"_atom), application("b"_atom)}) == "ab");
  CHECK(order_of({application("a"_atom, {"c"_atom}), application("b"_atom), application("c"_atom, {"b"_atom})}) ==
        "bca");
  CHECK(order_of({application("a"_atom, {"b"_atom, "c"_atom}), application("b"_atom, {"d"_atom}),
                  application("c"_atom, {"d"_atom}), application("d"_atom)}) == "dbca");
  CHECK(order_of({application("a"_atom, {"x"_atom})}) == "{not_found,x}");
  CHECK(order_of({application("a"_atom), application("a"_atom)}) == "{badarg,{duplicate,a}}");
  CHECK(order_of({application("a"_atom, {"a"_atom})}) == "{badarg,{circular,a}}");
  CHECK(order_of({application("a"_atom, {"b"_atom}), application("b"_atom, {"c"_atom}),
                  application("c"_atom, {"a"_atom})}) == "{badarg,{circular,a}}");
}

TEST_CASE("a long chain of dependencies needs no deep stack") {
  std::vector<otp::application_spec> set;
  for (int index = 0; index < 20'000; ++index) {
    otp::application_spec one;
    one.name = atom::of("chain" + std::to_string(index));
    if (index + 1 < 20'000) one.applications.push_back(atom::of("chain" + std::to_string(index + 1)));
    set.push_back(std::move(one));
  }
  const auto order = otp::start_order(set);
  REQUIRE(order.has_value());
  CHECK(order->front() == 19'999);
  CHECK(order->back() == 0);
}

TEST_CASE("a set starts in order and stops in reverse") {
  world here;
  const auto controller =
      start_set(here, {application("web"_atom, {"db"_atom}), application("db"_atom), application("log"_atom)});
  const auto running = here.run([](process& self) -> task<term> {
    const auto answer = co_await otp::call(self, "apps"_atom, "which_applications"_atom);
    co_return answer.value_or(term{});
  });
  CHECK(running.items().size() == 3);
  CHECK(running.items()[0] == etf::tuple("db"_atom, etf::text_list("the application"), etf::text_list("1.0")));
  here.runtime().exit(controller, "shutdown"_atom);
  here.settle();
  CHECK(story(here) == "start db start web start log stop log stop web stop db");
  CHECK(here.runtime().process_count() == 0);
  CHECK(here.crashes() == 0);
}

TEST_CASE("an application that does not start stops those before it") {
  world here;
  auto bad = application("bad"_atom);
  bad.root.children = {otp::child<refusing>("r"_atom)};
  const auto outcome = here.run(
      [](process& self, std::vector<otp::application_spec> set) -> task<term> {
        const auto started = co_await otp::start<otp::application_controller>(self, {}, set);
        CHECK(!started);
        co_return started.error().context();
      },
      std::vector{application("a"_atom), bad, application("c"_atom)});
  const auto why = etf::tuple("failed_to_start_child"_atom, "r"_atom, "full"_atom);
  CHECK(outcome == etf::tuple("bad"_atom, etf::tuple("shutdown"_atom, why)));
  CHECK(story(here) == "start a stop a");
  CHECK(here.runtime().process_count() == 0);
}

TEST_CASE("the start type says what the end of an application means for the others") {
  struct row {
    start_type type;
    term reason;  // of the root supervisor
    bool others_live;
  };
  const std::vector<row> table{
      {start_type::permanent, "normal"_atom, false},   {start_type::permanent, "shutdown"_atom, false},
      {start_type::permanent, "crash"_atom, false},    {start_type::transient, "normal"_atom, true},
      {start_type::transient, "shutdown"_atom, false}, {start_type::transient, "crash"_atom, false},
      {start_type::temporary, "normal"_atom, true},    {start_type::temporary, "shutdown"_atom, true},
      {start_type::temporary, "crash"_atom, true},
  };
  for (const auto& [type, reason, others_live] : table) {
    world here;
    auto ending = application("ending"_atom, {}, type);
    ending.options.name = "ending_root"_atom;
    const auto controller = start_set(here, {application("other"_atom), ending});
    const auto root = here.node().whereis("ending_root"_atom);
    REQUIRE(root);
    here.runtime().exit(*root, exit_reason{reason});
    here.settle();
    CHECK(here.runtime().alive(controller) == others_live);
    CHECK(here.node().whereis("other"_atom).has_value() == others_live);
  }
}

TEST_CASE("a root that gives up ends its permanent application and all others") {
  world here;
  const auto controller = start_set(here, {application("a"_atom), application("b"_atom, {}, start_type::permanent)});
  end_child(here, "b"_atom, "bad"_atom);
  CHECK(!here.runtime().alive(controller));
  CHECK(here.runtime().process_count() == 0);
  const auto last = std::ranges::find_if(here.events(), [&](const event& happened) {
    return happened.what == event::kind::crash && happened.process == controller;
  });
  REQUIRE(last != here.events().end());
  CHECK(last->reason == etf::tuple("application_terminated"_atom, "b"_atom, "shutdown"_atom));
}

TEST_CASE("applications stop and start by name") {
  world here;
  start_set(here, {application("db"_atom), application("web"_atom, {"db"_atom})});
  here.run([](process& self) -> task<> {
    const auto ask = [](process& me, atom operation, atom name) -> task<term> {
      const auto request = etf::tuple(operation, name);
      const auto answer = co_await otp::call(me, "apps"_atom, request);
      co_return answer.value_or(term{});
    };
    const auto expect = [&](const term& answer, const term& wanted) { CHECK(answer == wanted); };
    auto answer = co_await ask(self, "stop"_atom, "web"_atom);
    expect(answer, "ok"_atom);
    CHECK(!self.node().whereis("web"_atom));
    answer = co_await ask(self, "stop"_atom, "web"_atom);
    expect(answer, etf::tuple("error"_atom, etf::tuple("not_started"_atom, "web"_atom)));
    answer = co_await ask(self, "stop"_atom, "db"_atom);
    expect(answer, "ok"_atom);
    answer = co_await ask(self, "start"_atom, "web"_atom);
    expect(answer, etf::tuple("error"_atom, etf::tuple("not_started"_atom, "db"_atom)));
    answer = co_await ask(self, "start"_atom, "db"_atom);
    expect(answer, "ok"_atom);
    answer = co_await ask(self, "start"_atom, "db"_atom);
    expect(answer, etf::tuple("error"_atom, etf::tuple("already_started"_atom, "db"_atom)));
    answer = co_await ask(self, "start"_atom, "web"_atom);
    expect(answer, "ok"_atom);
    CHECK(self.node().whereis("web"_atom).has_value());
    answer = co_await ask(self, "start"_atom, "nothing"_atom);
    expect(answer, etf::tuple("error"_atom, "not_found"_atom));
    answer = co_await ask(self, "dance"_atom, "web"_atom);
    expect(answer, etf::tuple("error"_atom, "badarg"_atom));
  });
}
