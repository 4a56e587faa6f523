// Supervision trees of ours that Erlang asks for.
#include "trees.hpp"

#include <ergo/runtime.hpp>

#include <mutex>
#include <unordered_map>
#include <utility>

namespace ergo_interop {

using namespace ergo::literals;
namespace otp = ergo::otp;
using ergo::etf::is_tagged;
using ergo::etf::tuple;

// ----- workers

scripted::scripted(ergo::term id, std::shared_ptr<std::size_t> starts, ergo::term outcomes, ergo::pid log)
    : id_{std::move(id)}, starts_{std::move(starts)}, outcomes_{std::move(outcomes)}, log_{log} {}

otp::result scripted::init(ergo::process& self) {
  const auto nth = (*starts_)++;
  if (id_.is_tuple(2)) id_ = tuple(id_.elements()[0], nth + 1);
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
  deaf_ = outcome.is("deaf"_atom);
  tell(self, tuple("start"_atom, id_));
  return otp::ok();
}

otp::result scripted::handle_info(ergo::process& self, const ergo::term& message) {
  if (is_tagged(message, "who"_atom, 3)) {
    self.send(message.elements()[1].as_pid().value(), tuple(message.elements()[2], id_));
    return otp::noreply();
  }
  told_to_die_ = is_tagged(message, "die"_atom, 2);
  if (told_to_die_) return otp::stop(ergo::exit_reason{message.elements()[1]});
  return otp::noreply();
}

ergo::task<> scripted::terminate(ergo::process& self, const ergo::exit_reason& reason) {
  while (deaf_ && !told_to_die_) co_await self.sleep(std::chrono::hours{1});
  tell(self, tuple("stop"_atom, id_, reason.value()));
}

void scripted::tell(ergo::process& self, const ergo::term& line) const { self.send(log_, tuple("log"_atom, line)); }

// ----- their specifications

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

otp::strategy strategy_of(const ergo::term& word) {
  if (word.is("one_for_all"_atom)) return otp::strategy::one_for_all;
  if (word.is("rest_for_one"_atom)) return otp::strategy::rest_for_one;
  return word.is("simple_one_for_one"_atom) ? otp::strategy::simple_one_for_one : otp::strategy::one_for_one;
}

otp::auto_shutdown auto_shutdown_of(const ergo::term& word) {
  if (word.is("any_significant"_atom)) return otp::auto_shutdown::any_significant;
  return word.is("all_significant"_atom) ? otp::auto_shutdown::all_significant : otp::auto_shutdown::never;
}

otp::supervisor_spec tree_of(const ergo::term& flags, const ergo::term& children, ergo::pid log);

otp::child_spec child_of(const ergo::term& described, ergo::pid log) {
  const auto parts = described.elements();
  const bool significant = parts[3].is("true"_atom);
  otp::child_spec made;
  if (parts[0].is("supervisor"_atom)) {
    made = otp::child_supervisor(parts[1], tree_of(parts[4], parts[5], log));
  } else {
    made = otp::child<scripted>(parts[1], parts[1], std::make_shared<std::size_t>(0), parts[5], log);
    made.shutdown = shutdown_of(parts[4]);
    made.options.trap_exits = true;
  }
  made.restart = restart_of(parts[2]);
  made.significant = significant;
  return made;
}

// The kind of a `simple_one_for_one`, as Erlang would write it: the counter of starts is known by a reference.
otp::child_spec kind_of(const ergo::term& described, ergo::pid log, const ergo::reference& starts) {
  const auto parts = described.elements();
  auto made = child_of(described, log);
  made.make = nullptr;
  const auto id = tuple(parts[1], "any"_atom);
  made.mfa = tuple("scripts"_atom, "start_worker"_atom, ergo::etf::list(id, starts, parts[5], log));
  return made;
}

otp::supervisor_spec tree_of(const ergo::term& flags, const ergo::term& children, ergo::pid log) {
  static std::atomic<std::uint32_t> kinds{0};
  const auto parts = flags.elements();
  otp::supervisor_spec tree;
  tree.strategy = strategy_of(parts[0]);
  tree.intensity = static_cast<unsigned>(parts[1].as_integer().value());
  tree.auto_shutdown = auto_shutdown_of(parts[2]);
  tree.period = std::chrono::hours{1};
  tree.start_functions = script_functions();
  for (const auto& child : children.items()) {
    if (tree.strategy == otp::strategy::simple_one_for_one) {
      const ergo::reference starts{.node = log.node, .size = 1, .words = {++kinds}};
      tree.children.push_back(kind_of(child, log, starts));
    } else {
      tree.children.push_back(child_of(child, log));
    }
  }
  return tree;
}

/// Counters of starts by the term that stands for them in a specification.
struct start_counters {
  std::mutex mutex;
  std::unordered_map<ergo::term, std::shared_ptr<std::size_t>> all;

  std::shared_ptr<std::size_t> of(const ergo::term& key) {
    const std::scoped_lock lock{mutex};
    auto& counter = all[key];
    if (!counter) counter = std::make_shared<std::size_t>(0);
    return counter;
  }
};

ergo::task<ergo::result<otp::started_child>> start_worker(ergo::process& self, start_counters* counters,
                                                          ergo::term arguments) {
  const auto given = arguments.items();
  const otp::start_options options{.trap_exits = true};
  const auto starts = counters->of(given[1]);
  const auto log = given[3].as_pid().value();
  const auto started = co_await otp::start_link<scripted>(self, options, given[0], starts, given[2], log);
  if (!started) co_return std::unexpected{started.error()};
  otp::started_child made;
  made.process = *started;
  co_return made;
}

}  // namespace

std::shared_ptr<const otp::start_functions> script_functions() {
  static start_counters counters;
  static const auto functions = [] {
    auto made = std::make_shared<otp::start_functions>();
    const otp::start_function body = [](ergo::process& self, ergo::term arguments) {
      return start_worker(self, &counters, std::move(arguments));
    };
    if (!made->add("scripts"_atom, "start_worker"_atom, 4, body)) std::abort();
    return std::shared_ptr<const otp::start_functions>{std::move(made)};
  }();
  return functions;
}

// ----- trees

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
