// A state machine as `sys` sees it, after the system callbacks of gen_statem.erl.
#include <ergo/otp/detail/statem_loop.hpp>

#include "statem_machine.hpp"

#include <ergo/otp/io_format.hpp>

#include <algorithm>

namespace ergo::inline v0::otp::detail {
namespace {

std::string line(std::string_view format, const term& arguments) {
  return io_format(etf::text_list(format), arguments).value_or(std::string{"*DBG* an event too large to print\n"});
}

// `call Request from Pid`, or `Type Content`.
std::string event_text(const term& event) {
  const auto& type = event.elements()[0];
  const auto& content = event.elements()[1];
  if (etf::is_tagged(type, "call"_atom, 2)) {
    const auto& from = type.elements()[1];
    return line("call ~tp from ~tw", etf::list(content, from.is_tuple(2) ? from.elements()[0] : from));
  }
  return line("~tw ~tp", etf::list(type, content));
}

term terms_of(const std::vector<state_event>& events) {
  std::vector<term> all;
  for (const auto& each : events) all.push_back(each.to_term());
  return etf::make_list(all);
}

}  // namespace

const term& statem_loop::present_state() const noexcept { return machine_->state(); }

std::optional<term> statem_loop::changed(transition decision) {
  using act = transition::act;
  switch (decision.what()) {
    case act::next: machine_->become(std::move(decision.state())); return std::nullopt;
    case act::keep:
    case act::repeat: return std::nullopt;
    case act::stop:
    case act::ignore:
    case act::refuse: break;
  }
  return etf::tuple("error"_atom, decision.reason());
}

// The data first: they may be refused, and then nothing has changed.
task<term> statem_loop::replace_system_state(process& self, new_state next) {
  const auto present = state();
  const auto made = co_await next.made_of(self, present);
  if (!made.is_tuple(2)) throw callback_failure{"error"_atom, etf::tuple("badmatch"_atom, made)};
  const auto& wanted = made.elements()[1];
  if (wanted != present.elements()[1]) {
    if (!data_are_replaceable()) throw callback_failure{"error"_atom, etf::tuple("badmatch"_atom, wanted)};
    take_data(wanted);
  }
  machine_->become(made.elements()[0]);
  co_return state();
}

std::optional<term> statem_loop::on_code_change(process& /*self*/, const term& old_version, const term& extra) {
  return undefined_callback("code_change"_atom, etf::list(old_version, present_state(), data(), extra));
}

// Time-outs in the order in which OTP's map of them is folded.
void statem_loop::add_to_status(status& all) const {
  all.queue = etf::make_list(machine_->waiting());
  all.postponed = terms_of(machine_->postponed());
  std::vector<term> timeouts;
  for (const auto& each : machine_->timeouts()) timeouts.push_back(statem_machine::event_of(each).to_term());
  std::ranges::sort(timeouts, [](const term& left, const term& right) { return etf::compare(left, right) > 0; });
  all.timeouts = etf::make_list(timeouts);
}

term statem_loop::system_status(process& self, const status_facts& facts) const {
  status all{.state = state(), .log = facts.log};
  add_to_status(all);
  const auto running = machine_->timeouts().size();
  const auto shown = visible(all);
  const auto text = [](std::string_view words) { return etf::text_list(words); };
  const auto of_machine =
      etf::list(etf::tuple(text("Status"), facts.state), etf::tuple(text("Parent"), facts.parent),
                etf::tuple(text("Modules"), etf::list(server_name())),
                etf::tuple(text("Time-outs"), etf::tuple(running, shown.timeouts)),
                etf::tuple(text("Logged Events"), shown.log), etf::tuple(text("Postponed"), shown.postponed));
  const auto of_state = etf::list(etf::tuple(text("State"), shown.state));
  return etf::list(etf::tuple("header"_atom, status_header("Status for state machine", system_name(self))),
                   etf::tuple("data"_atom, of_machine), etf::tuple("data"_atom, of_state));
}

term statem_loop::event_of_arrival(const message& received) const {
  const auto arrived = [&](const state_event& event) {
    return etf::tuple("in"_atom, event.to_term(), machine_->state());
  };
  const auto timer = timer_of(received);
  if (timer == timers_.end()) return arrived(state_event{received});
  const auto& timeouts = machine_->timeouts();
  const auto running = std::ranges::find(timeouts, timer->first, &statem_machine::running::timer);
  return running == timeouts.end() ? arrived(state_event{received}) : arrived(statem_machine::event_of(*running));
}

void statem_loop::note_end(process& self, const exit_reason& reason) {
  note(self, etf::tuple("terminate"_atom, reason.value(), machine_->state()));
}

std::string statem_loop::describe_event(process& self, const term& event) const {
  const auto name = system_name(self);
  const auto parts = event.elements();
  if (etf::is_tagged(event, "in"_atom, 3)) {
    return line("*DBG* ~tp receive ~ts in state ~tp~n", etf::list(name, etf::binary(event_text(parts[1])), parts[2]));
  }
  if (etf::is_tagged(event, "out"_atom, 3)) {
    return line("*DBG* ~tp send ~tp to ~tw~n", etf::list(name, parts[1], parts[2].elements()[0]));
  }
  if (parts.size() == 3) {  // start_timer, terminate
    return line("*DBG* ~tp ~tw ~tp in state ~tp~n", etf::list(name, parts[0], parts[1], parts[2]));
  }
  const auto state =
      parts[2] == parts[3] ? line("~tp", etf::list(parts[2])) : line("~tp => ~tp", etf::list(parts[2], parts[3]));
  return line("*DBG* ~tp ~tw ~ts in state ~ts~n",
              etf::list(name, parts[0], etf::binary(event_text(parts[1])), etf::binary(state)));
}

// The fields of OTP's report.
void statem_loop::report(process& self, const status& shown) const {
  self.log(log_level::error, "state machine terminating",
           {{"label", etf::tuple(system_module(), "terminate"_atom)},
            {"name", system_name(self)},
            {"server", server_name()},
            {"queue", cut(shown.queue)},
            {"postponed", cut(shown.postponed)},
            {"state", cut(shown.state)},
            {"timeouts", cut(shown.timeouts)},
            {"log", cut(shown.log)},
            {"reason", cut(shown.reason)},
            {"client_info", client(self)}});
}

}  // namespace ergo::inline v0::otp::detail
