// Our application controller against Erlang's own: the same scripts of orders and ends must leave the same traces, and
// an Erlang shell must get the same answers.
#include "harness.hpp"

#include <ergo/otp/application.hpp>

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <random>

namespace ergo_interop {
namespace {

namespace otp = ergo::otp;
using ergo::etf::tuple;

// ----- the twin of applications.erl

/// The process at the top of an application, which says why it ends.
class app_root {
 public:
  app_root(ergo::process& self, ergo::destination log, ergo::atom name) : log_{log}, name_{name} {
    self.trap_exits(ergo::exits::trapped);
  }
  static otp::result handle_info(const ergo::message& info) {
    const auto& told = info.payload();
    const bool asked = ergo::etf::is_tagged(told, "die"_atom, 2);
    return asked ? otp::stop(ergo::exit_reason{told.elements()[1]}) : otp::noreply();
  }
  void terminate(ergo::process& self, const ergo::exit_reason& reason) const {
    self.send(log_, tuple("log"_atom, tuple("root"_atom, name_, reason.value())));
  }

 private:
  ergo::destination log_;
  ergo::atom name_;
};

class scripted_app {
 public:
  explicit scripted_app(ergo::atom peer) : log_{"app_log"_atom, peer} {}

  ergo::task<ergo::result<otp::application_root>> start(ergo::process& self, const ergo::term& type,
                                                        const ergo::term& arguments) {
    name_ = arguments.elements()[0].as_atom().value();
    const auto how = arguments.elements()[1];
    say(self, tuple("start"_atom, name_, type, how));
    if (ergo::etf::is_tagged(how, "error"_atom, 2)) co_return ergo::fail(ergo::errc::exited, how.elements()[1]);
    if (ergo::etf::is_tagged(how, "exit"_atom, 2)) self.exit(ergo::exit_reason{how.elements()[1]});
    if (how.is("ignore"_atom)) co_return ergo::fail(ergo::errc::ignored);
    otp::start_options named;
    named.name = ergo::atom::of(std::string{name_.text()} + "_root");
    const auto root = co_await otp::start_link<app_root>(self, named, log_, name_);
    if (!root) co_return std::unexpected{root.error()};
    co_return otp::application_root{*root};
  }
  void start_phase(ergo::process& self, ergo::atom phase, const ergo::term& type, const ergo::term& arguments) {
    say(self, tuple("phase"_atom, phase, type, arguments));
  }
  void prep_stop(ergo::process& self) { say(self, tuple("prep_stop"_atom, name_)); }
  void stop(ergo::process& self) { say(self, tuple("stop"_atom, name_)); }

 private:
  void say(ergo::process& self, const ergo::term& line) { self.send(log_, tuple("log"_atom, line)); }

  ergo::destination log_;
  ergo::atom name_;
};

// ----- scripts

/// Makes random applications, and random orders about them; the same for the same seed.
///
/// The end of one that must not end takes Erlang's node along, so those that may end, or not start, are temporary, or
/// transient where the end is `normal`.
class script_writer {
 public:
  script_writer(unsigned seed, bool optional) : random_{seed}, optional_{optional} {}

  /// A `{Specifications, Steps}` of applications.erl, in Erlang syntax.
  std::string write() {
    const auto count = 2 + below(4);
    std::string specs;
    for (unsigned index = 0; index < count; ++index) specs += (index == 0 ? "" : ",") + spec(index);
    std::string steps;
    for (auto left = 4 + below(12); left > 0; --left) steps += (steps.empty() ? "" : ",") + step();
    return "{[" + specs + "],[" + steps + "]}";
  }

 private:
  struct known {
    std::string name;
    bool sturdy;  // starts whenever it is asked to
  };

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  template <std::size_t Size>
  std::string one_of(const std::array<const char*, Size>& words) {
    return words[below(Size)];
  }
  static std::string name_of(unsigned index) { return "script_" + std::string(1, static_cast<char>('a' + index)); }

  /// Some of those with a smaller number, sometimes one that is not there.
  std::string needs(unsigned index) {
    std::string names;
    for (unsigned other = 0; other < index; ++other) {
      if (below(3) == 0) names += (names.empty() ? "" : ",") + name_of(other);
    }
    if (below(12) == 0) names += (names.empty() ? "" : ",") + std::string{"script_none"};
    return names;
  }

  std::string spec(unsigned index) {
    const auto name = name_of(index);
    const bool sturdy = below(3) == 0;
    apps_.push_back({name, sturdy});
    std::string options = "{description,\"" + name + "\"},{vsn,\"1." + std::to_string(below(9)) + "\"}";
    const auto how =
        sturdy ? "ok"
               : one_of(std::array{"ok", "ok", "ok", "ok", "{error,full}", "{exit,boom}", "{exit,normal}", "ignore"});
    if (sturdy || below(6) != 0) options += ",{mod,{applications,{" + name + "," + how + "}}}";
    if (const auto list = sturdy ? "" : needs(index); !list.empty()) {
      options += ",{applications,[" + list + "]}";
      if (optional_ && below(3) == 0) options += ",{optional_applications,[" + list + "]}";
    }
    if (below(3) == 0) options += ",{env,[{size," + std::to_string(below(9)) + "},{name,\"x\"}]}";
    if (below(4) == 0) options += ",{start_phases,[{warm,1},{open,[2]}]}";
    return "{application," + name + ",[" + options + "]}";
  }

  const known& any() { return apps_[below(static_cast<unsigned>(apps_.size()))]; }

  std::string step() {
    const auto& [name, sturdy] = any();
    switch (below(16)) {
      case 0:
      case 1:
      case 2:
        return sturdy ? "{start,[" + name + "," + one_of(std::array{"temporary", "transient", "permanent"}) + "]}"
                      : "{start,[" + name + "]}";
      case 3: return "{ensure_started,[" + name + "]}";
      case 4:
      case 5: return "{ensure_all_started,[" + name + "]}";
      case 6:
      case 7: return "{stop,[" + name + "]}";
      case 8:
      case 9:
        if (sturdy) return "{stop,[" + name + "]}";
        return "{die," + name + "," + one_of(std::array{"normal", "shutdown", "boom", "{shutdown,x}"}) + "}";
      case 10: return "{unload,[" + name + "]}";
      case 11: return "{load,[" + name + "]}";
      case 12:
        return "{set_env,[" + name + ",size," + std::to_string(below(99)) +
               one_of(std::array{"]}", ",[]]}", ",[{persistent,true}]]}"});
      case 13: return "{" + one_of(std::array{"unset_env", "get_env"}) + ",[" + name + ",size]}";
      case 14: return "{" + one_of(std::array{"get_all_env", "get_all_key"}) + ",[" + name + "]}";
      default:
        return "{raw," +
               (below(2) == 0 ? one_of(std::array{"which_applications", "info"}) : "{is_running," + name + "}") + "}";
    }
  }

  std::mt19937 random_;
  bool optional_;
  std::vector<known> apps_;
};

/// A node of ours with a controller, and an Erlang node that has applications.erl loaded.
struct office {
  our_node ours;
  erlang_peer peer;

  explicit office(const release& release, std::uint16_t port = free_port())
      : ours{options_for(fresh_name("cpp"), port), runtime_for(release)}, peer{peer_at(release, port)} {
    otp::application_options options;
    options.known.push_back(otp::application::spec<scripted_app>("code"_atom, ergo::atom::of(peer.name())));
    options.known.back().module = "applications"_atom;
    expect(otp::application::start_controller(ours->local(), options).has_value(), "no controller");
    peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/applications.erl");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
  }
  void expect_same_trace(const std::string& script, const std::string& seed = "by hand") {
    const auto verdict = peer.run("{apply, applications, compare, [" + script + ", " + ours.quoted_name() + "]}");
    const bool same = verdict.starts_with("{same,");
    expect(same, same ? "" : "seed " + seed + ": " + script + "\n" + verdict + "\nreports:\n" + ours.reports());
  }
};

TEST_CASE("Random scripts of orders leave the same traces in Erlang's application controller and in ours", "[R18]") {
  const auto first = ergo::test::from_environment("ERGO_SCRIPT_SEED", 1);
  const auto count = ergo::test::from_environment("ERGO_SCRIPTS", 300);
  for_every_release(std::to_string(count) + " random scripts of applications: the same trace in both",
                    [&](const release& otp) {
                      const auto port = free_port();  // a program keeps what its ports are taken with
                      ergo::test::scenario figures{"R18", "random scripts of orders, the same trace as in Erlang's"};
                      office on{otp, port};
                      for (auto seed = first; seed < first + count; ++seed) {
                        figures.ran();
                        on.expect_same_trace(script_writer{seed, otp.number != "23"}.write(), std::to_string(seed));
                      }
                    });
}

TEST_CASE("Our node answers every call of Erlang's module application as Erlang's own does") {
  for_every_release("specifications, keys, parameters, refusals, the controller's requests", [](const release& otp) {
    office on{otp};
    const std::string specs =
        "[{application,one,[{description,\"first\"},{id,\"i\"},{vsn,\"1\"},{modules,[m1,m2]},{registered,[r]},"
        "{env,[{a,1},{b,\"two\"}]},{maxT,infinity},{mod,{applications,{one,ok}}},{start_phases,[{go,x}]}]},"
        "{application,two,[{applications,[one]},{included_applications,[three]},{mod,{nobody,1}}]},"
        "{application,three,[]},{application,3,[]},{application,four,x},{application,five,[{mod,3}]},none,"
        "{application,six},7]";
    std::string keys;
    for (const auto* const key : {"description", "id", "vsn", "modules", "maxP", "maxT", "registered", "applications",
                                  "included_applications", "env", "mod", "start_phases", "unknown"}) {
      keys += std::string{",{get_key,[one,"} + key + "]}";
    }
    const std::string steps =
        "[{load,[one]},{load,[{application,one,[]}]},{load,[three]},{get_all_key,[one]},{get_all_key,[no]},"
        "{get_key,[no,vsn]}" +
        keys +
        ",{get_env,[one,a]},{get_env,[one,none]},{get_env,[one,none,5]},{get_env,[one,a,5]},{get_env,[no,a]},"
        "{get_all_env,[one]},{get_all_env,[no]},{set_env,[one,c,3]},{set_env,[one,d,4,5000]},"
        "{set_env,[one,e,5,infinity]},{set_env,[no,f,6]},{get_env,[no,f]},{unset_env,[no,f]},{unset_env,[one,c,[]]},"
        "{set_env,[[{one,[{g,1},{h,2}]},{three,[{i,3}]}]]},{set_env,[[{one,[{j,1}]}],[{persistent,true}]]},"
        "{set_env,[[{one,x}]]},{set_env,[[{1,[]}]]},{set_env,[[one]]},{set_env,[[{one,[{k,1},{k,2}]}]]},"
        "{set_env,[[{one,[{1,2}]}]]},{set_env,[[{one,[k]}]]},{set_env,[[{one,[]},{one,[]}]]},{get_all_env,[one]},"
        "{get_env,[three,i]},{start,[two]},{start,[one,often]},{start,[none]},{ensure_all_started,[none]},"
        "{start,[one]},{start,[one]},{ensure_started,[one]},{unload,[one]},{raw,{is_running,one}},"
        "{raw,{start_type,one}},{raw,which_applications},{raw,info},{start,[two]},{ensure_all_started,[two]},"
        "{start,[three]},{raw,{is_running,three}},{raw,{stop_application,three}},{raw,{stop_application,three}},"
        "{raw,{start_application,one,temporary}},{raw,{load_application,one}},{raw,{unload_application,no}},"
        "{raw,{start_application,no,temporary}},{get_application,[m1]},{get_application,[no_module]},{get_supervisor,["
        "one]},{get_supervisor,[no]},"
        "{which_applications,[5000]},{stop,[one]},{stop,[one]},{unload,[one]},{get_env,[one,a]},{load,[one]},"
        "{get_env,[7]},{get_application,[]},{unload,[no]},{ensure_all_started,[one,temporary]}]";
    on.expect_same_trace("{" + specs + "," + steps + "}");
  });
}

}  // namespace
}  // namespace ergo_interop
