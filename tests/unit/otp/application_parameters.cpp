// What is known of applications: parameters and keys; and what C++ asks of their controller.
#include "application_stage.hpp"

using namespace ergo;
using namespace ergo::test;

TEST_CASE("parameters of a specification are overridden by a configuration, and that by set_env") {
  auto shop = app("shop"_atom);
  shop.env = {{"port"_atom, 80}, {"host"_atom, text("here")}};
  application_options options;
  options.env = {{"shop"_atom, {{"port"_atom, 81}, {"extra"_atom, true}}}};
  stage here{{shop}, options};
  const auto get = [&](atom key) { return here.ask("get_env"_atom, {"shop"_atom, key}); };
  CHECK(get("port"_atom) == "undefined");
  CHECK(here.ask("load"_atom, {"shop"_atom}) == "ok");
  CHECK(get("port"_atom) == "{ok,81}");
  CHECK(get("host"_atom) == R"({ok,"here"})");
  CHECK(get("extra"_atom) == "{ok,true}");
  CHECK(here.ask("get_env"_atom, {"shop"_atom, "none"_atom, 7}) == "7");
  CHECK(otp::application::get_env<int>(here.node(), "shop"_atom, "port"_atom) == 81);
  CHECK(otp::application::get_env<std::string>(here.node(), "shop"_atom, "host"_atom) == "here");
  CHECK(otp::application::get_env<int>(here.node(), "shop"_atom, "host"_atom).error() == errc::bad_answer);
  CHECK(otp::application::get_env<int>(here.node(), "shop"_atom, "none"_atom).error() == errc::not_found);

  CHECK(here.ask("set_env"_atom, {"shop"_atom, "port"_atom, 82}) == "ok");
  CHECK(get("port"_atom) == "{ok,82}");
  CHECK(here.ask("unset_env"_atom, {"shop"_atom, "extra"_atom}) == "ok");
  CHECK(get("extra"_atom) == "undefined");
  const auto reload = [&] {
    CHECK(here.ask("unload"_atom, {"shop"_atom}) == "ok");
    CHECK(get("port"_atom) == "undefined");
    CHECK(here.ask("load"_atom, {"shop"_atom}) == "ok");
  };
  reload();
  CHECK(get("port"_atom) == "{ok,81}");
  const auto kept = etf::list(etf::tuple("persistent"_atom, true));
  CHECK(here.ask("set_env"_atom, {"shop"_atom, "port"_atom, 83, kept}) == "ok");
  CHECK(here.ask("unset_env"_atom, {"shop"_atom, "extra"_atom, kept}) == "ok");
  reload();
  CHECK(get("port"_atom) == "{ok,83}");
  CHECK(get("extra"_atom) == "undefined");

  const auto several = etf::list(etf::tuple("shop"_atom, etf::list(etf::tuple("port"_atom, 84))));
  CHECK(here.ask("set_env"_atom, {several}) == "ok");
  CHECK(get("port"_atom) == "{ok,84}");
  CHECK(here.ask("set_env"_atom, {etf::list(1)}) == R"({error,{badarg,"invalid application config: 1"}})");
}

TEST_CASE("keys of a specification are told as Erlang's") {
  auto shop = app("shop"_atom, {"db"_atom});
  shop.registered = {"till"_atom};
  stage here{{shop}};
  CHECK(here.ask("load"_atom, {"shop"_atom}) == "ok");
  CHECK(here.ask("get_all_key"_atom, {"shop"_atom}) ==
        R"({ok,[{description,"the application"},{id,[]},{vsn,"1.0"},{modules,[]},{maxP,infinity},{maxT,infinity},)"
        R"({registered,[till]},{included_applications,[]},{optional_applications,[]},{applications,[db]},{env,[]},)"
        R"({mod,{shop,[]}},{start_phases,undefined}]})");
  CHECK(here.ask("get_key"_atom, {"shop"_atom, "color"_atom}) == "undefined");
  CHECK(here.ask("get_key"_atom, {"db"_atom, "vsn"_atom}) == "undefined");
  CHECK(here.ask("get_all_key"_atom, {"db"_atom}) == "undefined");
}

TEST_CASE("running applications are told what has changed") {
  stage here{{app("shop"_atom), app("db"_atom)}};
  for (const auto name : {"shop"_atom, "db"_atom}) CHECK(here.start(name) == "ok");
  CHECK(here.ask("set_env"_atom, {"shop"_atom, "port"_atom, 1}) == "ok");
  CHECK(here.ask("set_env"_atom, {"shop"_atom, "old"_atom, 1}) == "ok");
  (void)here.story();
  const auto changed = here.run([](process& self) -> task<bool> {
    const auto before = co_await otp::application::prep_config_change(self);
    (void)co_await otp::application::set_env(self, "shop"_atom, "port"_atom, 2);
    (void)co_await otp::application::set_env(self, "shop"_atom, "new"_atom, 2);
    (void)co_await otp::application::unset_env(self, "shop"_atom, "old"_atom);
    const auto done = co_await otp::application::config_change(self, *before);
    co_return done.has_value();
  });
  CHECK(changed);
  CHECK(here.story() == "changed port, added new, removed old");
}

TEST_CASE("C++ asks what Erlang asks, and is told errors by code") {
  stage here{{app("db"_atom), app("web"_atom, {"db"_atom})}};
  const auto told = here.run([](process& self) -> task<std::vector<errc>> {
    std::vector<errc> codes;
    const auto note = [&](const ergo::result<void>& outcome) {
      codes.push_back(outcome ? errc::ok : outcome.error().code());
    };
    auto outcome = co_await otp::application::start(self, "web"_atom);
    note(outcome);
    outcome = co_await otp::application::start(self, "gone"_atom);
    note(outcome);
    const std::vector<atom> wanted{"web"_atom};
    const auto all = co_await otp::application::ensure_all_started(self, wanted);
    codes.push_back(all && all->size() == 2 ? errc::ok : errc::bad_answer);
    outcome = co_await otp::application::start(self, "web"_atom);
    note(outcome);
    outcome = co_await otp::application::ensure_started(self, "web"_atom);
    note(outcome);
    const auto running = co_await otp::application::which_applications(self);
    codes.push_back(running && running->front().version == "1.0" ? errc::ok : errc::bad_answer);
    outcome = co_await otp::application::stop(self, "web"_atom);
    note(outcome);
    outcome = co_await otp::application::unload(self, "web"_atom);
    note(outcome);
    outcome = co_await otp::application::load(self, "db"_atom);
    note(outcome);
    co_return codes;
  });
  CHECK(told == std::vector{errc::not_found, errc::not_found, errc::ok, errc::already_present, errc::ok, errc::ok,
                            errc::ok, errc::ok, errc::already_present});
  CHECK(otp::application::loaded_applications(here.node()).size() == 1);
}
