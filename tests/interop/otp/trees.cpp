// Supervision trees of ours that Erlang asks for.
#include "trees.hpp"

#include <ergo/runtime.hpp>

#include <utility>

namespace ergo_interop {

using namespace ergo::literals;
namespace otp = ergo::otp;
using ergo::etf::is_tagged;
using ergo::etf::tuple;

scripted::scripted(ergo::term id, std::shared_ptr<std::size_t> starts, ergo::term outcomes, ergo::pid log)
    : id_{std::move(id)}, starts_{std::move(starts)}, outcomes_{std::move(outcomes)}, log_{log} {}

otp::result scripted::init(ergo::process& self) {
  const auto nth = (*starts_)++;
  const auto outcomes = outcomes_.items();
  const auto outcome = nth < outcomes.size() ? outcomes[nth] : ergo::term{"good"_atom};
  if (outcome.is("ignore"_atom)) {
    tell(self, tuple("ignored"_atom, id_));
    return otp::ignore();
  }
  if (is_tagged(outcome, "bad"_atom, 2)) {
    tell(self, tuple("refused"_atom, id_));
    return otp::refuse(outcome.elements()[1]);
  }
  tell(self, tuple("start"_atom, id_));
  return otp::ok();
}

otp::result scripted::handle_info(const ergo::term& message) {
  if (is_tagged(message, "die"_atom, 2)) return otp::stop(ergo::exit_reason{message.elements()[1]});
  return otp::noreply();
}

void scripted::terminate(ergo::process& self, const ergo::exit_reason& reason) {
  tell(self, tuple("stop"_atom, id_, reason.value()));
}

void scripted::tell(ergo::process& self, const ergo::term& line) const { self.send(log_, tuple("log"_atom, line)); }

namespace {

otp::restart restart_of(const ergo::term& word) {
  if (word.is("permanent"_atom)) return otp::restart::permanent;
  return word.is("transient"_atom) ? otp::restart::transient : otp::restart::temporary;
}

otp::shutdown shutdown_of(const ergo::term& word) {
  if (word.is("brutal_kill"_atom)) return otp::shutdown::brutal_kill();
  if (word.is("infinity"_atom)) return otp::shutdown{ergo::forever};
  return otp::shutdown{std::chrono::milliseconds{word.as_integer().value()}};
}

otp::child_spec child_of(const ergo::term& described, ergo::pid log) {
  const auto parts = described.elements();
  if (parts[0].is("supervisor"_atom))
    return otp::child_supervisor(parts[1], tree_of(parts[3], parts[4], log)).restarted(restart_of(parts[2]));
  auto made = otp::child<scripted>(parts[1], parts[1], std::make_shared<std::size_t>(0), parts[4], log)
                  .restarted(restart_of(parts[2]))
                  .stopped(shutdown_of(parts[3]));
  made.options.trap_exits = true;
  return made;
}

}  // namespace

otp::supervisor_spec tree_of(const ergo::term& intensity, const ergo::term& children, ergo::pid log) {
  otp::supervisor_spec tree;
  tree.intensity = static_cast<unsigned>(intensity.as_integer().value());
  tree.period = std::chrono::hours{1};
  for (const auto& child : children.items()) tree.children.push_back(child_of(child, log));
  return tree;
}

ergo::task<otp::result> trees::handle_call(ergo::process& self, const ergo::term& request) {
  if (is_tagged(request, "stop_tree"_atom, 2)) {
    self.runtime().exit(request.elements()[1].as_pid().value(), ergo::exit_reason{"shutdown"_atom});
    co_return otp::reply("ok"_atom);
  }
  if (!is_tagged(request, "start_tree"_atom, 3)) co_return otp::reply("badarg"_atom);
  const auto tree = request.elements()[1].elements();
  auto spec = tree_of(tree[1], tree[2], request.elements()[2].as_pid().value());
  const otp::start_options unnamed;
  const auto started = co_await otp::start<otp::supervisor>(self, unnamed, spec);
  if (started) co_return otp::reply(tuple("ok"_atom, *started));
  co_return otp::reply(tuple("error"_atom, started.error().context()));
}

}  // namespace ergo_interop
