// Our state machines against Erlang's gen_statem: the same scripts of decisions and messages must bring the same events
// to the same states in the same order. And how Erlang calls a state machine of ours.
#include "harness.hpp"
#include "machines.hpp"

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <random>

namespace ergo_interop {
namespace {

/// Makes random machines and messages for them; the same for the same seed.
///
/// What goes off in a script is a time-out of one kind only, so that the order is not up to the clock. A time-out that
/// is over but has not come yet is never given a time again: gen_statem loses the new one. Before OTP 24 it gives both
/// when such a time-out is set twice, so that these releases get none that wait beside other events.
class machine_writer {
 public:
  machine_writer(unsigned seed, const release& otp) : random_{seed} {
    functions_ = below(2) == 0;
    enters_ = below(2) == 0;
    plain_ = below(4) == 0;
    soon_ = below(4);
    for (auto& flavour : at_once_) flavour = !plain_ && below(2) == 0 && std::stoi(otp.number) >= 24;
  }

  /// A script of machines.erl, in Erlang syntax.
  std::string write() {
    const std::string mode = functions_ ? "state_functions" : "handle_event_function";
    const auto first = state();
    const auto first_actions = actions(3, true);
    const auto decisions = list(6 + below(14), [&] { return decision(); });
    const auto entries = list(below(8), [&] { return entry(); });
    const auto steps = list(3 + below(8), [&] { return step(); });
    return "{" + mode + "," + (enters_ ? "true" : "false") + "," + first + ",[" + first_actions + "]," + decisions +
           "," + entries + "," + steps + "}";
  }

 private:
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  template <std::size_t Size>
  std::string one_of(const std::array<const char*, Size>& words) {
    return words[below(Size)];
  }
  template <typename Make>
  std::string list(unsigned count, Make make) {
    std::string text;
    for (; count > 0; --count) text += (text.empty() ? "" : ",") + make();
    return "[" + text + "]";
  }
  std::string number() { return std::to_string(++last_); }
  std::string state() {
    const auto one = std::to_string(1 + below(4));
    return functions_ ? "s" + one : "{s," + one + "}";
  }

  std::string step() { return "{" + one_of(std::array{"cast", "cast", "call", "info"}) + "," + number() + "}"; }

  std::string decision() {
    const auto kind = below(24);
    if (kind == 0) {
      const auto reason = one_of(std::array{"normal", "shutdown", "{shutdown,why}", "boom", "{odd,[1,2]}"});
      return "{{stop," + reason + "},[" + one_of(std::array{"", "reply", "reply,reply"}) + "]}";
    }
    if (kind < 9) return "{{next," + state() + "},[" + actions(4, true) + "]}";
    return std::string{"{"} + (kind < 12 ? "repeat" : "keep") + ",[" + actions(4, true) + "]}";
  }

  std::string entry() {
    const auto kind = below(20);
    const bool wrong = below(30) == 0;
    if (kind == 0) return "{{stop,from_entry},[]}";
    if (wrong && kind < 6) return "{{next," + state() + "},[]}";
    return std::string{"{"} + (kind < 3 ? "repeat" : "keep") + ",[" + actions(3, wrong) + "]}";
  }

  std::string actions(unsigned most, bool of_events) {
    std::string text;
    for (auto count = below(most); count > 0; --count) text += (text.empty() ? "" : ",") + action(of_events);
    return text;
  }

  std::string action(bool of_events) {
    const auto kind = below(12);
    if (kind < 2) return "reply";
    if (kind == 2) return "hibernate";
    if (of_events && !plain_ && kind < 5) return "postpone";
    if (of_events && !plain_ && kind < 7) {
      const auto type =
          one_of(std::array{"cast", "info", "internal", "internal", "timeout", "state_timeout", "{timeout,a}"});
      return "{insert," + type + "," + number() + "}";
    }
    if (!plain_ && soon_ != 0 && kind == 7) return "{bare," + one_of(std::array{"0", "never", "infinity"}) + "}";
    return timer(plain_ ? soon_ : below(4));
  }

  std::string timer(unsigned which) {
    static constexpr std::array names{"timeout", "state_timeout", "{timeout,a}", "{timeout,b}"};
    const std::string name = names[which];
    const auto kind = below(6);
    if (kind == 0) return "{" + name + ",cancel}";
    if (kind == 1) return "{set," + name + ",infinity,0}";
    const bool goes_off = which == soon_;
    const auto content = std::to_string((goes_off ? 1000 : 0) + (last_++ % 900));
    if (goes_off) {
      if (kind == 2 && (which == 0 || plain_)) return "{" + name + ",update," + content + "}";
      return "{" + std::string{kind == 3 ? "set_at" : "set"} + "," + name + ",soon," + content + "}";
    }
    const bool at_once = which == 0 ? kind < 4 : at_once_[which];
    if (at_once && kind == 2) return "{" + name + ",update," + content + "}";
    if (at_once) return "{set," + name + ",0," + content + "}";
    return "{" + std::string{kind == 3 ? "set_at" : "set"} + "," + name + ",never," + content + "}";
  }

  std::mt19937 random_;
  bool functions_ = false;
  bool enters_ = false;
  bool plain_ = false;
  unsigned soon_ = 0;
  std::array<bool, 4> at_once_{};
  unsigned last_ = 0;
};

/// Lets one visitor in at a time: `enter` waits while it is occupied, `leave` makes room.
class cabin {
 public:
  ergo::atom init() { return "free"_atom; }
  ergo::otp::transition enter(const ergo::term& who) {
    who_ = who;
    return ergo::otp::next_state("occupied"_atom).with(ergo::otp::named_timeout("visit"_atom).after(1h));
  }
  ergo::otp::transition enter_now(const ergo::term& who, const ergo::otp::from& caller) {
    return enter(who).with(ergo::otp::reply_to(caller, "welcome"_atom));
  }
  ergo::otp::transition wait() { return ergo::otp::keep_state().with(ergo::otp::postpone); }
  ergo::otp::transition leave() { return ergo::otp::next_state("free"_atom); }
  ergo::term who() { return who_; }

  static constexpr auto states = ergo::otp::states(
      ergo::otp::state<"free">(ergo::otp::on_call(ergo::otp::match<"enter", ergo::term>(&cabin::enter_now)),
                               ergo::otp::on_cast(ergo::otp::match<"enter", ergo::term>(&cabin::enter))),
      ergo::otp::state<"occupied">(
          ergo::otp::on_call(ergo::otp::match<"enter", ergo::term>(&cabin::wait), ergo::otp::match<"who">(&cabin::who)),
          ergo::otp::on_cast(ergo::otp::match<"leave">(&cabin::leave)),
          ergo::otp::on_info(ergo::otp::match<"leave">(&cabin::leave))));

 private:
  ergo::term who_;
};

/// How many things the machines did; ends the scenario unless they did the same.
std::size_t same_in_both(erlang_peer& peer, const std::string& node, const std::string& script, unsigned seed) {
  const auto verdict = peer.run("{apply, machines, compare, [" + script + ", " + node + "]}");
  expect(verdict.starts_with("{same,"), "seed " + std::to_string(seed) + ": " + script + "\n" + verdict);
  return std::stoul(verdict.substr(6));
}

TEST_CASE("Random scripts bring the same events to Erlang's gen_statem and to our state machines") {
  for_every_release("300 random state machines: the same events in both", [](const release& otp) {
    const auto port = free_port();
    our_node ours{options_for(fresh_name("cpp"), port)};
    erlang_peer peer{peer_at(otp, port)};
    ergo::otp::start_options named;
    named.name = "machines"_atom;
    expect(ergo::otp::start<machines>(ours->local(), named).has_value(), "no machines");
    peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/machines.erl");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    const auto first = ergo::test::from_environment("ERGO_SCRIPT_SEED", 1);
    const auto count = ergo::test::from_environment("ERGO_SCRIPTS", 300);
    std::size_t compared = 0;
    for (auto seed = first; seed < first + count; ++seed) {
      compared += same_in_both(peer, ours.quoted_name(), machine_writer{seed, otp}.write(), seed);
    }
    expect(compared > 10 * std::size_t{count}, "the machines did no more than " + std::to_string(compared) + " things");
  });
}

TEST_CASE("Erlang's gen_statem clients call a state machine of ours") {
  for_every_release("gen_statem:call, cast, send_request; a crash", [](const release& otp) {
    const auto port = free_port();
    our_node ours{options_for(fresh_name("cpp"), port)};
    erlang_peer peer{peer_at(otp, port)};
    ergo::otp::start_options named;
    named.name = "cabin"_atom;
    expect(ergo::otp::start<cabin>(ours->local(), named).has_value(), "no cabin");
    peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/machines.erl");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    expect_same(peer.run("{apply, machines, visit, [{cabin, " + ours.quoted_name() + "}]}"),
                "[ok,bob,timeout,{reply,welcome},eve,welcome,zoe,function_clause]");
    expect(ours.reported("state machine terminating"), "the crash was not reported");
  });
}

}  // namespace
}  // namespace ergo_interop
