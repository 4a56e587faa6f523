// An event manager whose handlers come and go while it runs: one counts, one is replaced by another that takes over
// what it knows, and one fails, which hurts nobody else.
#include <ergo/etf/text.hpp>
#include <ergo/otp/gen_event.hpp>
#include <ergo/otp/outside.hpp>

#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string_view>
#include <utility>

using namespace ergo::literals;
using namespace std::chrono_literals;
namespace otp = ergo::otp;
namespace gen_event = ergo::otp::gen_event;

namespace {

void print(std::string_view who, const ergo::term& what) {
  std::cout << who << ": " << ergo::etf::to_text(what) << std::endl;
}

/// Prints every event, and hands over how many there were when it has to go.
class talker {
 public:
  void handle_event(const ergo::term& event) {
    ++seen_;
    print("talker", event);
  }
  ergo::term terminate() const { return ergo::term{seen_}; }

 private:
  std::int64_t seen_ = 0;
};

/// Goes on where the handler before it has stopped: it is made with `{Arguments, what that one returned}`.
class counter {
 public:
  explicit counter(const ergo::term& given) : seen_{given.elements()[1].as_integer().value_or(0)} {}
  void handle_event(const ergo::term& /*event*/) { ++seen_; }
  std::int64_t count() const { return seen_; }
  static constexpr auto calls = otp::on(otp::match<"count">(&counter::count));

 private:
  std::int64_t seen_;
};

/// Bears no smoke.
class detector {
 public:
  void smoke() { throw std::runtime_error{"smoke"}; }
  void other() {}
  static constexpr auto events =
      otp::on(otp::match<"smoke">(&detector::smoke), otp::match<ergo::term>(&detector::other));
};

ergo::task<> live(ergo::process& self) {
  otp::event_handlers known;  // what Erlang calls modules
  known.provide<talker>("talker"_atom).provide<counter>("counter"_atom).provide<detector>("detector"_atom);
  const otp::start_options plain;
  const auto started = co_await otp::start_link<otp::event_manager>(self, plain, known);
  if (!started) self.exit(ergo::exit_reason::from(started.error()));
  const ergo::destination house{*started};

  (void)co_await gen_event::add_handler(self, house, "talker"_atom);
  (void)co_await gen_event::add_sup_handler(self, house, "detector"_atom);  // we are told when it goes
  (void)co_await gen_event::sync_notify(self, house, "bell"_atom);
  (void)co_await gen_event::sync_notify(self, house, "smoke"_atom);
  const auto told = co_await self.receive<ergo::term>();  // {gen_event_EXIT, detector, Reason}
  print("told", told->elements()[1]);

  const std::pair<ergo::term, ergo::term> old{"talker"_atom, "enough"_atom};
  const std::pair<ergo::term, ergo::term> next{"counter"_atom, ergo::term{}};
  (void)co_await gen_event::swap_handler(self, house, old, next);
  (void)co_await gen_event::sync_notify(self, house, "bell"_atom);
  const auto handlers = co_await gen_event::which_handlers(self, house);
  print("handlers", ergo::etf::to_term(*handlers));
  const auto count = co_await gen_event::call<std::int64_t>(self, house, "counter"_atom, "count"_atom);
  std::cout << *count << " events" << std::endl;
}

}  // namespace

int main() {
  ergo::runtime runtime;
  const auto life = runtime.spawn(runtime.anonymous(), live);
  return life && runtime.wait(*life, 30s) ? 0 : 1;
}
