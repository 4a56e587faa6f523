// The C++ twin of the gen_server in twins.erl: callback for callback the same.
#include "twins.hpp"

#include "harness.hpp"
#include "watched.hpp"

#include <ergo/otp/start.hpp>

namespace ergo_interop {

using namespace ergo::literals;
namespace otp = ergo::otp;
using ergo::term;
using ergo::etf::is_tagged;
using ergo::etf::tuple;

namespace {

ergo::duration milliseconds(const term& count) { return std::chrono::milliseconds{count.as_integer().value()}; }

}  // namespace

void twin::note(ergo::process& self, const term& line) const {
  self.send(diary_.as_pid().value(), tuple("diary"_atom, line));
}

otp::result twin::init(ergo::process& self, const term& diary, const term& how) {
  diary_ = diary;
  last_ = "none"_atom;
  if (how.is("ignore"_atom)) return otp::ignore();
  const auto parts = how.elements();
  if (is_tagged(how, "stop"_atom, 2)) return otp::stop(ergo::exit_reason{parts[1]});
  if (is_tagged(how, "exit"_atom, 2)) self.exit(ergo::exit_reason{parts[1]});
  if (is_tagged(how, "timeout"_atom, 2)) return otp::ok().with(otp::timeout{milliseconds(parts[1])});
  if (is_tagged(how, "continue"_atom, 2)) return otp::ok().with(otp::continue_with{parts[1]});
  return otp::ok();
}

otp::result twin::handle_call(ergo::process& self, const term& what, const otp::from& caller) {
  return act(self, what, &caller);
}

otp::result twin::handle_cast(ergo::process& self, const term& what) { return act(self, what, nullptr); }

otp::result twin::handle_info(ergo::process& self, const term& what) {
  if (!what.is("timeout"_atom)) return act(self, what, nullptr);
  note(self, what);
  return otp::noreply();
}

otp::result twin::handle_continue(ergo::process& self, const term& what) {
  if (is_tagged(what, "then_stop"_atom, 2)) return otp::stop(ergo::exit_reason{what.elements()[1]});
  if (!is_tagged(what, "more"_atom, 2)) {
    note(self, tuple("continued"_atom, what));
    return otp::noreply();
  }
  note(self, tuple("continued"_atom, "more"_atom));
  return otp::noreply().with(otp::continue_with{what.elements()[1]});
}

otp::result twin::act(ergo::process& self, const term& what, const otp::from* caller) {
  const auto parts = what.elements();
  const auto answer = [&](const term& value) { return caller == nullptr ? otp::noreply() : otp::reply(value); };
  if (is_tagged(what, "add"_atom, 2)) return answer(term{count_ += parts[1].as_integer().value()});
  if (is_tagged(what, "stop"_atom, 2)) return otp::stop(ergo::exit_reason{parts[1]});
  if (is_tagged(what, "stop"_atom, 3) && caller != nullptr) return otp::stop(ergo::exit_reason{parts[1]}, parts[2]);
  if (is_tagged(what, "exit"_atom, 2)) self.exit(ergo::exit_reason{parts[1]});
  if (is_tagged(what, "silent"_atom, 1)) return otp::noreply();
  if (is_tagged(what, "late"_atom, 2) && caller != nullptr) {
    self.send(self.id(), tuple("answer"_atom, caller->to_term(), parts[1]));
    return otp::noreply();
  }
  if (is_tagged(what, "answer"_atom, 3)) {
    const auto from = parts[1].elements();
    otp::reply(self, otp::from{from[0].as_pid().value(), from[1]}, parts[2]);
    return otp::noreply();
  }
  if (is_tagged(what, "ignore"_atom, 1)) return otp::ignore();
  if (is_tagged(what, "continue"_atom, 2)) return answer("continuing"_atom).with(otp::continue_with{parts[1]});
  if (is_tagged(what, "timeout"_atom, 2)) return answer("waiting"_atom).with(otp::timeout{milliseconds(parts[1])});
  if (is_tagged(what, "rest"_atom, 1)) return answer("resting"_atom).with(otp::hibernate);
  if (is_tagged(what, "trap"_atom, 1)) {
    self.trap_exits(ergo::exits::trapped);
    return answer("trapping"_atom);
  }
  if (is_tagged(what, "last"_atom, 2)) {
    last_ = parts[1];
    return answer("noted"_atom);
  }
  return answer("unknown"_atom);
}

void twin::terminate(ergo::process& self, const ergo::exit_reason& reason) {
  note(self, tuple("terminate"_atom, reason.value()));
  if (is_tagged(last_, "exit"_atom, 2)) self.exit(ergo::exit_reason{last_.elements()[1]});
}

otp::result twin::code_change(const term& old_version, const term& state, const term& extra) {
  if (extra.is("no"_atom)) return otp::refuse(tuple(old_version, state));
  last_ = tuple(old_version, extra);
  return otp::ok();
}

ergo::node_options visible_at(std::uint16_t epmd_port) {
  auto options = options_for(fresh_name("cpp"), epmd_port);
  options.visibility = ergo::visibility::visible;
  return options;
}

ergo::task<otp::result> twins::handle_call(ergo::process& self, const term& request) {
  const auto parts = request.elements();
  if (const auto printer = parts[1].as_pid()) {
    const auto watched = co_await start_watched(self, parts[0].as_atom().value(), *printer);
    co_return otp::reply(watched ? tuple("ok"_atom, *watched) : tuple("error"_atom, watched.error().context()));
  }
  const auto how = parts[1].elements();
  otp::start_options named;
  named.name = "twin"_atom;
  if (parts.size() > 2) named.group_leader = parts[2].as_pid().value();
  const term& diary = how[0];
  const term& init = how[1];
  const auto started = co_await otp::start<twin>(self, named, diary, init);
  if (started) co_return otp::reply(tuple("ok"_atom, *started));
  if (started.error() == ergo::errc::ignored) co_return otp::reply("ignore"_atom);
  co_return otp::reply(tuple("error"_atom, started.error().context()));
}

}  // namespace ergo_interop
