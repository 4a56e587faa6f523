// Child specifications as Erlang writes them. What is wrong with one is told in the terms that OTP 25's
// supervisor:check_childspecs/1,2 gave for the same.
#include "support.hpp"

#include <ergo/otp/start_functions.hpp>

using namespace ergo;
using otp::auto_shutdown;

namespace {

term map(std::initializer_list<std::pair<atom, term>> entries) {
  std::vector<term> all;
  for (const auto& [key, value] : entries) {
    all.emplace_back(key);
    all.push_back(value);
  }
  return etf::make_map(all);
}

term start() { return etf::tuple("shop"_atom, "start_link"_atom, etf::list(1, 2)); }

std::string verdict(const term& list, std::optional<auto_shutdown> rule = std::nullopt) {
  const auto checked = otp::check_childspecs(list, rule);
  return checked ? "ok" : etf::to_text(checked.error().context());
}

std::string verdict_on(std::initializer_list<std::pair<atom, term>> entries,
                       std::optional<auto_shutdown> rule = std::nullopt) {
  return verdict(etf::list(map(entries)), rule);
}

}  // namespace

TEST_CASE("the first thing that is wrong with a child is told as OTP tells it") {
  const term id{"a"_atom};
  CHECK(verdict_on({{"id"_atom, id}, {"start"_atom, start()}}) == "ok");
  CHECK(verdict_on({{"start"_atom, start()}}) == "missing_id");
  CHECK(verdict_on({{"id"_atom, id}}) == "missing_start");
  CHECK(verdict_on({{"id"_atom, id}, {"start"_atom, "shop"_atom}}) == "{invalid_mfa,shop}");
  CHECK(verdict_on({{"id"_atom, id}, {"start"_atom, etf::tuple("shop"_atom, "f"_atom, 2)}}) ==
        "{invalid_mfa,{shop,f,2}}");
  CHECK(verdict_on({{"id"_atom, id}, {"start"_atom, start()}, {"restart"_atom, "often"_atom}}) ==
        "{invalid_restart_type,often}");
  CHECK(verdict_on({{"id"_atom, id}, {"start"_atom, start()}, {"type"_atom, "boss"_atom}}) ==
        "{invalid_child_type,boss}");
  CHECK(verdict_on({{"id"_atom, id}, {"start"_atom, start()}, {"shutdown"_atom, -1}}) == "{invalid_shutdown,-1}");
  CHECK(verdict_on({{"id"_atom, id}, {"start"_atom, start()}, {"shutdown"_atom, "never"_atom}}) ==
        "{invalid_shutdown,never}");
  CHECK(verdict_on({{"id"_atom, id}, {"start"_atom, start()}, {"modules"_atom, "shop"_atom}}) ==
        "{invalid_modules,shop}");
  CHECK(verdict_on({{"id"_atom, id}, {"start"_atom, start()}, {"modules"_atom, etf::list("shop"_atom, 1)}}) ==
        "{invalid_module,1}");
  CHECK(verdict_on({{"id"_atom, id}, {"start"_atom, start()}, {"significant"_atom, 1}}) == "{invalid_significant,1}");
  CHECK(verdict(etf::list("shop"_atom)) == "{invalid_child_spec,shop}");
  CHECK(verdict("shop"_atom) == "{badarg,shop}");
  CHECK(verdict(term{}) == "ok");
}

TEST_CASE("significance fits the supervisor's auto_shutdown, where that is known") {
  const auto significant = [](atom kind, std::optional<auto_shutdown> rule) {
    return verdict_on({{"id"_atom, 1}, {"start"_atom, start()}, {"restart"_atom, kind}, {"significant"_atom, true}},
                      rule);
  };
  const std::string with_permanent = "{bad_combination,[{restart,permanent},{significant,true}]}";
  CHECK(significant("transient"_atom, std::nullopt) == "ok");
  CHECK(significant("temporary"_atom, auto_shutdown::any_significant) == "ok");
  CHECK(significant("permanent"_atom, std::nullopt) == with_permanent);
  CHECK(significant("permanent"_atom, auto_shutdown::all_significant) == with_permanent);
  CHECK(significant("transient"_atom, auto_shutdown::never) ==
        "{bad_combination,[{auto_shutdown,never},{significant,true}]}");
}

TEST_CASE("ids that are exactly equal are duplicates") {
  const auto child = [](const term& id) { return map({{"id"_atom, id}, {"start"_atom, start()}}); };
  CHECK(verdict(etf::list(child(1), child(1.0), child(1))) == "{duplicate_child_name,1}");
  CHECK(verdict(etf::list(child(1), child(1.0))) == "ok");
}

TEST_CASE("a specification is read with OTP's defaults, from a map or the tuple of six") {
  const auto worker = otp::read_child_spec(map({{"id"_atom, "w"_atom}, {"start"_atom, start()}}));
  REQUIRE(worker);
  CHECK(worker->restart == otp::restart::permanent);
  CHECK(worker->shutdown == otp::shutdown{std::chrono::seconds{5}});
  CHECK(worker->modules == etf::list("shop"_atom));
  CHECK(!worker->significant);
  const auto tree =
      otp::read_child_spec(map({{"id"_atom, "s"_atom}, {"start"_atom, start()}, {"type"_atom, "supervisor"_atom}}));
  REQUIRE(tree);
  CHECK(tree->shutdown == otp::shutdown{forever});
  CHECK(tree->type == otp::child_type::supervisor);
  const auto old = otp::read_child_spec(
      etf::tuple("o"_atom, start(), "transient"_atom, "brutal_kill"_atom, "worker"_atom, "dynamic"_atom));
  REQUIRE(old);
  CHECK(old->restart == otp::restart::transient);
  CHECK(old->shutdown == otp::shutdown::brutal_kill());
  CHECK(old->modules == term{"dynamic"_atom});
  CHECK(old->mfa == start());
  const auto none = otp::read_child_spec("none"_atom);
  REQUIRE(!none);
  CHECK(none.error() == errc::badarg);
}

TEST_CASE("start functions are found by module, function and arity") {
  otp::start_functions functions;
  const otp::start_function nothing = [](process& /*self*/, term /*arguments*/) -> task<result<otp::started_child>> {
    co_return otp::started_child{};
  };
  CHECK(functions.add("shop"_atom, "start_link"_atom, 1, nothing).has_value());
  CHECK(functions.add("shop"_atom, "start_link"_atom, 2, nothing).has_value());
  const auto twice = functions.add("shop"_atom, "start_link"_atom, 2, nothing);
  CHECK((!twice && twice.error() == errc::already_present));
  CHECK(functions.find("shop"_atom, "start_link"_atom, 1) != nullptr);
  CHECK(functions.find("shop"_atom, "start_link"_atom, 3) == nullptr);
  CHECK(functions.find("shop"_atom, "start"_atom, 1) == nullptr);
  CHECK(functions.remove("shop"_atom, "start_link"_atom, 1));
  CHECK(!functions.remove("shop"_atom, "start_link"_atom, 1));
  CHECK(functions.find("shop"_atom, "start_link"_atom, 1) == nullptr);
}
