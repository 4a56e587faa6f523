// A door that a code opens for a tenth of a second, and whoever wants to know of it.
//
// The door is a state machine (gen_statem); it notifies an event manager (gen_event) with two handlers, of which one
// prints and the other counts.
#include <ergo/otp/gen_event.hpp>
#include <ergo/otp/gen_statem.hpp>
#include <ergo/otp/outside.hpp>

#include <iostream>

using namespace ergo::literals;
using namespace std::chrono_literals;
namespace otp = ergo::otp;

namespace {

class door {
 public:
  explicit door(std::string code) : code_{std::move(code)} {}

  otp::transition init() { return otp::next_state("locked"_atom); }

  void lock(ergo::process& self) { tell(self, "locked"_atom); }
  otp::transition unlock(ergo::process& self) {
    tell(self, "unlocked"_atom);
    return otp::keep_state().with(otp::state_timeout.after(100ms));
  }
  otp::transition close() { return otp::next_state("locked"_atom); }

  otp::transition enter_code(ergo::process& self, const std::string& code, const otp::from& caller) {
    tell(self, "tried"_atom);
    const bool right = code == code_;
    if (!right) tell(self, "alarm"_atom);
    auto decided = right ? otp::next_state("open"_atom) : otp::keep_state();
    return std::move(decided).with(otp::reply_to(caller, right));
  }
  otp::transition wait() { return otp::keep_state().with(otp::postpone); }
  bool is_locked() { return true; }

  static constexpr auto states = otp::states(
      otp::state<"locked">(otp::on_enter(&door::lock), otp::on_call(otp::match<"code", std::string>(&door::enter_code),
                                                                    otp::match<"wait_until_locked">(&door::is_locked))),
      otp::state<"open">(otp::on_enter(&door::unlock), otp::on_state_timeout(&door::close),
                         otp::on_call(otp::match<ergo::term>(&door::wait))));

 private:
  static void tell(ergo::process& self, ergo::atom what) { otp::gen_event::notify(self, "house"_atom, what); }

  std::string code_;
};

class printer {
 public:
  void handle_event(const ergo::term& event) {
    if (!event.is("tried"_atom)) std::cout << "door: " << event.as_atom()->text() << std::endl;
  }
};

class counter {
 public:
  void tried() { ++tries_; }
  void alarm() { ++alarms_; }
  void other() {}
  ergo::term counts() { return ergo::etf::tuple(tries_, alarms_); }

  static constexpr auto events = otp::on(otp::match<"tried">(&counter::tried), otp::match<"alarm">(&counter::alarm),
                                         otp::match<ergo::term>(&counter::other));
  static constexpr auto calls = otp::on(otp::match<"counts">(&counter::counts));

 private:
  int tries_ = 0;
  int alarms_ = 0;
};

ergo::task<> live(ergo::process& self) {
  otp::event_handlers known;
  known.provide<printer>("printer"_atom).provide<counter>("counter"_atom);
  otp::start_options named;
  named.name = "house"_atom;
  (void)co_await otp::start_link<otp::event_manager>(self, named, known);
  (void)co_await otp::gen_event::add_handler(self, "house"_atom, "printer"_atom);
  (void)co_await otp::gen_event::add_handler(self, "house"_atom, "counter"_atom);

  const std::string code{"1234"};
  const otp::start_options unnamed;
  const auto front = co_await otp::start_link<door>(self, unnamed, code);
  for (const auto* tried : {"0000", "1234"}) {
    const auto attempt = ergo::etf::tuple("code"_atom, ergo::etf::binary(tried));
    (void)co_await otp::call<bool>(self, *front, attempt);
  }
  (void)co_await otp::call(self, *front, "wait_until_locked"_atom);  // postponed while the door is open

  const auto counts = co_await otp::gen_event::call(self, "house"_atom, "counter"_atom, "counts"_atom);
  std::cout << *counts->elements()[0].as_integer() << " codes were tried, " << *counts->elements()[1].as_integer()
            << " alarm" << std::endl;
}

}  // namespace

int main() {
  ergo::runtime runtime;
  const auto life = runtime.spawn(runtime.anonymous(), live);
  return life && runtime.wait(*life, 30s) ? 0 : 1;
}
