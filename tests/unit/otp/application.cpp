// Applications: load, start in order, phases, stop in reverse, and what the end of one means for the others.
#include "application_stage.hpp"
#include "ergo_test/figures.hpp"

using namespace ergo;
using namespace ergo::test;
using otp::start_type;

namespace {

class refusing {
 public:
  otp::result init() { return otp::refuse("full"_atom); }
};

}  // namespace

TEST_CASE("an application is started after those it needs, and all stop in reverse") {
  stage here{{app("web"_atom, {"db"_atom, "log"_atom}), app("db"_atom, {"log"_atom}), app("log"_atom)}};
  CHECK(here.start_all("web"_atom) == "{ok,[log,db,web]}");
  CHECK(here.story() == "begin log, start log, begin db, start db, begin web, start web");
  CHECK(here.ask("which_applications"_atom) ==
        R"([{web,"the application","1.0"},{db,"the application","1.0"},{log,"the application","1.0"}])");
  here.runtime().exit(here.controller, "shutdown"_atom);
  CHECK(here.story() == "prepare web, stop web, end web, prepare db, stop db, end db, prepare log, stop log, end log");
  CHECK(here.runtime().process_count() == 0);
  CHECK(here.crashes() == 0);
}

TEST_CASE("what runs already is not started again, and what is missing may be optional") {
  auto web = app("web"_atom, {"db"_atom, "extra"_atom});
  stage without{{web, app("db"_atom)}};
  CHECK(without.start("db"_atom) == "ok");
  CHECK(without.start_all("web"_atom) == R"({error,{extra,{"no such file or directory","extra.app"}}})");
  web.optional_applications = {"extra"_atom};
  stage here{{web, app("db"_atom)}};
  CHECK(here.start("db"_atom) == "ok");
  CHECK(here.start_all("web"_atom) == "{ok,[web]}");
  CHECK(here.start_all("web"_atom) == "{ok,[]}");
}

TEST_CASE("when one of many does not start, those before it are stopped again") {
  auto bad = otp::application::tree("bad"_atom, {});
  bad.applications = {"b"_atom};
  otp::supervisor_spec broken;
  broken.children.push_back(otp::child<refusing>("r"_atom));
  bad.make = otp::application::tree("bad"_atom, broken).make;
  stage here{{app("a"_atom), app("b"_atom, {"a"_atom}), bad, app("kept"_atom)}};
  CHECK(here.start("kept"_atom) == "ok");
  CHECK(here.story() == "begin kept, start kept");
  CHECK(here.start_all("bad"_atom) ==
        "{error,{bad,{{shutdown,{failed_to_start_child,r,full}},{bad,start,[normal,[]]}}}}");
  CHECK(here.story() == "begin a, start a, begin b, start b, prepare b, stop b, end b, prepare a, stop a, end a");
  CHECK(here.ask("which_applications"_atom) == R"([{kept,"the application","1.0"}])");
}

TEST_CASE("applications that need each other are refused, and a long chain of them needs no deep stack") {
  stage here{
      {app("a"_atom, {"b"_atom}), app("b"_atom, {"c"_atom}), app("c"_atom, {"a"_atom}), app("i"_atom, {"i"_atom})}};
  CHECK(here.start_all("a"_atom) == "{error,{a,{circular,a}}}");
  CHECK(here.start_all("i"_atom) == "{error,{i,{circular,i}}}");
  std::vector<application_spec> chain(2'000);
  for (std::size_t index = 0; index < chain.size(); ++index) {
    chain[index].name = atom::of("chain" + std::to_string(index));
    if (index + 1 < chain.size()) chain[index].applications = {atom::of("chain" + std::to_string(index + 1))};
  }
  stage longer{chain};
  const auto started = longer.start_all("chain0"_atom);
  CHECK(started.starts_with("{ok,[chain1999,chain1998,"));
  CHECK(started.ends_with(",chain0]}"));
}

TEST_CASE("requests are refused in OTP's words") {
  stage here{{app("db"_atom), app("web"_atom, {"db"_atom})}};
  CHECK(here.start("web"_atom) == "{error,{not_started,db}}");
  CHECK(here.start("db"_atom) == "ok");
  CHECK(here.start("db"_atom) == "{error,{already_started,db}}");
  CHECK(here.ask("ensure_started"_atom, {"db"_atom}) == "ok");
  CHECK(here.start("db"_atom, "often"_atom) == "{error,{invalid_restart_type,often}}");
  CHECK(here.ask("load"_atom, {"db"_atom}) == "{error,{already_loaded,db}}");
  CHECK(here.ask("unload"_atom, {"db"_atom}) == "{error,{running,db}}");
  CHECK(here.ask("unload"_atom, {"no"_atom}) == "{error,{not_loaded,no}}");
  CHECK(here.start("no"_atom) == R"({error,{"no such file or directory","no.app"}})");
  CHECK(here.stop("web"_atom) == "{error,{not_started,web}}");
  CHECK(here.stop("db"_atom) == "ok");
  CHECK(here.stop("db"_atom) == "{error,{not_started,db}}");
  CHECK(here.ask("unload"_atom, {"db"_atom}) == "ok");
  CHECK(here.ask("load"_atom, {1}) == "{error,{bad_application,1}}");
  CHECK(here.ask("dance"_atom, {1}) == "{error,undef}");
}

TEST_CASE("the start type says what the end of an application means for the others") {
  struct row {
    start_type type;
    term reason;
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
    std::optional<term> ended;
    application_options options;
    options.end = [&](const exit_reason& why) { ended = why.value(); };
    auto ending = otp::application::tree("ending"_atom, tree_of("ending"_atom), {.name = "ending_root"_atom});
    stage here{{app("other"_atom), ending}, options};
    CHECK(here.start("other"_atom) == "ok");
    const auto word = type == start_type::permanent   ? "permanent"_atom
                      : type == start_type::transient ? "transient"_atom
                                                      : "temporary"_atom;
    CHECK(here.start("ending"_atom, word) == "ok");
    const auto root = here.node().whereis("ending_root"_atom);
    REQUIRE(root);
    (void)here.story();
    here.runtime().exit(*root, exit_reason{reason});
    here.settle();
    CHECK(here.runtime().alive(here.controller) == others_live);
    CHECK(here.node().whereis("other"_atom).has_value() == others_live);
    CHECK(ended.has_value() != others_live);
    if (ended) CHECK(*ended == etf::tuple("application_terminated"_atom, "ending"_atom, reason));
    CHECK(here.story() == (others_live ? "stop ending" : "stop ending, prepare other, stop other, end other"));
  }
}

TEST_CASE("an application that ended by itself starts again, and what needs it says that it does not run") {
  stage here{{app("db"_atom), app("web"_atom, {"db"_atom})}};
  CHECK(here.start("db"_atom) == "ok");
  here.end_worker("db"_atom, "crash"_atom);
  CHECK(here.story() == "begin db, start db, stop db, prepare db, end db");
  CHECK(here.ask("which_applications"_atom) == "[]");
  CHECK(here.start("web"_atom) == "{error,{not_running,db}}");
  CHECK(here.start("db"_atom) == "ok");
  CHECK(here.start("web"_atom) == "ok");
  here.end_worker("db"_atom, "crash"_atom);
  CHECK(here.stop("db"_atom) == "ok");
  CHECK(here.stop("db"_atom) == "{error,{not_started,db}}");
}

TEST_CASE("a permanent application that does not start ends the controller") {
  stage here{{app("other"_atom), otp::application::spec<talking>("broken"_atom, "broken"_atom)}};
  CHECK(here.start("other"_atom) == "ok");
  const auto term_spec =
      etf::tuple("application"_atom, "odd"_atom, etf::list(etf::tuple("mod"_atom, etf::tuple("nobody"_atom, 1))));
  CHECK(here.ask("load"_atom, {term_spec}) == "ok");
  const std::string undefined = "{nobody,start,[normal,1]}";
  CHECK(here.start("odd"_atom) ==
        "{error,{bad_return,{" + undefined + ",{'EXIT',{undef,[{nobody,start,[normal,1],[]}]}}}}}");
  CHECK(here.runtime().alive(here.controller));
  CHECK(here.start("odd"_atom, "permanent"_atom).starts_with("{error,{bad_return,"));
  here.settle();
  CHECK(!here.runtime().alive(here.controller));
  CHECK(!here.node().whereis("other"_atom));
}

TEST_CASE("an application's start may fail in each of OTP's ways") {
  struct odd {
    int way = 0;
    ergo::result<otp::application_root> start(process& self) const {
      if (way == 0) return fail(errc::exited, "no_disk"_atom);
      if (way == 1) self.exit(exit_reason::normal());
      if (way == 2) self.exit("sudden"_atom);
      if (way == 3) return fail(errc::ignored);
      throw std::runtime_error{"words"};
    }
  };
  const std::vector<std::string> expected{
      "{error,{no_disk,{odd,start,[normal,[]]}}}", "{error,{{'EXIT',normal},{odd,start,[normal,[]]}}}",
      "{error,{bad_return,{{odd,start,[normal,[]]},{'EXIT',sudden}}}}",
      "{error,{bad_return,{{odd,start,[normal,[]]},ignore}}}",
      R"({error,{bad_return,{{odd,start,[normal,[]]},{'EXIT',{exception,<<"words">>}}}}})"};
  for (std::size_t way = 0; way < expected.size(); ++way) {
    stage here{{otp::application::spec<odd>("odd"_atom, odd{static_cast<int>(way)})}};
    CHECK(here.start("odd"_atom) == expected[way]);
    CHECK(here.start("odd"_atom, "transient"_atom) == expected[way]);
    here.settle();
    CHECK(here.runtime().alive(here.controller) == (way == 1));
  }
}

TEST_CASE("start phases run in order, and one that fails stops the tree") {
  auto phased = app("phased"_atom);
  phased.start_phases = otp::environment{{"warm"_atom, 1}, {"open"_atom, 2}};
  stage here{{phased}};
  CHECK(here.start("phased"_atom) == "ok");
  CHECK(here.story() == "begin phased, start phased, phase warm, phase open");

  struct cold : talking {
    using talking::talking;
    static ergo::result<void> start_phase(atom phase, const term& type, const term& arguments) {
      if (phase == "warm"_atom) return {};
      return fail(errc::exited, etf::tuple(type, arguments));
    }
  };
  auto failing = otp::application::spec<cold>("cold"_atom, "cold"_atom);
  failing.start_phases = phased.start_phases;
  auto plain = otp::application::tree("plain"_atom, tree_of("plain"_atom));
  plain.start_phases = phased.start_phases;
  stage there{{failing, plain}};
  CHECK(there.start("cold"_atom) == "{error,{{normal,2},{cold,start_phase,[open,normal,2]}}}");
  CHECK(there.story() == "begin cold, start cold, stop cold");
  CHECK(there.start("plain"_atom) ==
        "{error,{bad_return_value,{{plain,start_phase,[warm,normal,1]},{'EXIT',{undef,[]}}}}}");
  there.runtime().exit(there.controller, "shutdown"_atom);
  there.settle();
  CHECK(there.runtime().process_count() == 0);
}

TEST_CASE("those who ask while an application starts get the same answer, and others are served meanwhile") {
  struct slow {
    static task<otp::application_root> start(process& self) {
      co_await self.sleep(1s);
      co_return tree_of("slow"_atom);
    }
  };
  stage here{{otp::application::spec<slow>("slow"_atom), app("quick"_atom)}};
  CHECK(here.ask("load"_atom, {"slow"_atom}) == "ok");
  int answered = 0;
  for (int caller = 0; caller < 3; ++caller) {
    here.spawn(
        [](process& self, int* count) -> task<> {
          const auto request = etf::tuple("start_application"_atom, "slow"_atom, "temporary"_atom);
          const auto answer = co_await otp::call(self, "application_controller"_atom, request);
          if (answer && answer->is("ok"_atom)) ++*count;
        },
        &answered);
  }
  here.settle();
  CHECK(answered == 0);
  CHECK(here.start("quick"_atom) == "ok");
  CHECK(here.ask("info"_atom).ends_with("{starting,[{slow,temporary,normal,undefined}]}]"));
  here.advance(1s);
  CHECK(answered == 3);
}

TEST_CASE("included applications are loaded and unloaded with the one that includes them") {
  auto outer = app("outer"_atom);
  outer.included_applications = {"inner"_atom};
  stage here{{outer, app("inner"_atom)}};
  CHECK(here.ask("load"_atom, {"outer"_atom}) == "ok");
  CHECK(here.ask("get_key"_atom, {"inner"_atom, "vsn"_atom}) == R"({ok,"1.0"})");
  CHECK(here.ask("unload"_atom, {"outer"_atom}) == "ok");
  CHECK(here.ask("loaded_applications"_atom) == "[]");
}

TEST_CASE("whoever belongs to an application has its master as group leader, knows its parameters, and ends with it") {
  struct straying {
    static otp::supervisor_spec start(process& self) {
      const spawn_options named{.name = "stray"_atom};
      self.spawn(named, make_body([](process& stray) -> task<> {
                   const auto own = otp::application::get_application(stray);
                   const auto port = otp::application::get_env<int>(stray, "port"_atom);
                   stray.log(log_level::info,
                             "start " + std::string{own ? own->text() : "?"} + " " + std::to_string(port.value_or(0)));
                   for (;;) (void)co_await stray.receive_any();
                 }));
      return {};
    }
  };
  auto shop = otp::application::spec<straying>("shop"_atom);
  shop.env = {{"port"_atom, 8080}};
  stage here{{shop}};
  CHECK(here.start("shop"_atom) == "ok");
  CHECK(here.story() == "start shop 8080");
  const auto stray = here.node().whereis("stray"_atom);
  REQUIRE(stray);
  CHECK(here.ask("get_application"_atom, {*stray}) == "{ok,shop}");
  CHECK(here.ask("get_application"_atom, {here.controller}) == "undefined");
  CHECK(here.stop("shop"_atom) == "ok");
  CHECK(!here.runtime().alive(*stray));
  here.runtime().exit(here.controller, "shutdown"_atom);
  here.settle();
  CHECK(here.runtime().process_count() == 0);
}

TEST_CASE("a master tells its root, and passes on what its group prints") {
  stage here{{app("shop"_atom)}};
  CHECK(here.start("shop"_atom) == "ok");
  const auto told = here.run([](process& self) -> task<term> {
    (void)self.register_name("user"_atom);
    const auto request = etf::tuple("get_master"_atom, "shop"_atom);
    const auto master = co_await otp::call(self, "application_controller"_atom, request);
    const auto to = *master->as_pid();
    self.send(to, etf::tuple("get_child"_atom, 1, self.id()));
    const auto child = co_await self.receive<term>(1s);
    self.send(to, etf::tuple("io_request"_atom, self.id(), 2, "hello"_atom));
    const auto printed = co_await self.receive<term>(1s);
    co_return etf::tuple(child->elements()[1].elements()[1], printed->elements()[0], printed->elements()[3]);
  });
  CHECK(etf::to_text(told) == "{shop,io_request,hello}");
}

TEST_CASE("an application stops by itself when its time is up") {
  auto brief = app("brief"_atom);
  brief.longest = 2s;
  stage here{{brief}};
  CHECK(here.start("brief"_atom, "permanent"_atom) == "ok");
  CHECK(here.ask("get_key"_atom, {"brief"_atom, "maxT"_atom}) == "{ok,2000}");
  here.advance(1999ms);
  CHECK(here.runtime().alive(here.controller));
  here.advance(1ms);
  CHECK(!here.runtime().alive(here.controller));
}

TEST_CASE("the end of one that others depend on stops all in reverse, a thousand in all", "[R18]") {
  constexpr int rounds = 10;
  constexpr std::size_t most = 100;
  std::vector<application_spec> known{app("base"_atom)};
  for (std::size_t index = 0; index < most; ++index) {
    auto one = otp::application::tree(atom::of("app" + std::to_string(index)), {});
    one.applications = {index == 0 ? "base"_atom : known.back().name};
    known.push_back(std::move(one));
  }
  for (int round = 0; round < rounds; ++round) {
    stage here{known};
    CHECK(here.start("base"_atom, "permanent"_atom) == "ok");
    CHECK(here.start_all(known.back().name).starts_with("{ok,[app0,app1,"));
    here.end_worker("base"_atom, "crash"_atom);
    std::vector<std::string> stopped;
    for (const auto& happened : here.events()) {
      if (happened.text == "application stopped") stopped.push_back(etf::to_text(happened.fields[0].second));
    }
    ergo::test::count_runs(static_cast<std::int64_t>(stopped.size()));
    REQUIRE(stopped.size() == most);
    CHECK(stopped.front() == known.back().name.text());
    CHECK(stopped.back() == "app0");
    CHECK(!here.runtime().alive(here.controller));
    CHECK(here.runtime().process_count() == 0);
  }
}
