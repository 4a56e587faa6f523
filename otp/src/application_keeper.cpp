// What application_master.erl does in its process X.
#include "application_keeper.hpp"

#include "child_errors.hpp"

#include <ergo/detail/process_exit.hpp>

#include <variant>

namespace ergo::inline v0::otp::detail {
namespace {

/// What a callback gave, or why it gave nothing.
template <typename T>
struct attempt {
  std::optional<T> value;
  term thrown;
};

term exit_of(const term& reason) { return etf::tuple("EXIT"_atom, reason); }
term error_of(const term& why) { return etf::tuple("error"_atom, why); }

environment pairs(const term& list) {
  environment read;
  for (const auto& one : list.items()) {
    if (const auto key = one.is_tuple(2) ? one.elements()[0].as_atom() : std::nullopt) {
      read.emplace_back(*key, one.elements()[1]);
    }
  }
  return read;
}

environment_changes read_changes(const term& told) {
  environment_changes changes;
  changes.changed = pairs(told.elements()[0]);
  changes.added = pairs(told.elements()[1]);
  for (const auto& one : told.elements()[2].items()) {
    if (const auto key = one.as_atom()) changes.removed.push_back(*key);
  }
  return changes;
}

class keeper {
 public:
  keeper(process& self, keeper_order order) : self_{self}, order_{std::move(order)} {}

  task<exit_reason> run() {
    self_.trap_exits(exits::trapped);
    auto starting = start();
    const auto outcome = co_await std::move(starting);
    self_.send(order_.master, etf::tuple(order_.tag, outcome));
    if (!etf::is_tagged(outcome, "ok"_atom, 2)) co_return exit_reason::normal();
    auto serving = serve();
    auto reason = co_await std::move(serving);
    co_return reason;
  }

 private:
  [[nodiscard]] const application_spec& spec() const noexcept { return *order_.spec; }
  // How OTP names a call that has failed: `{Module, Function, Arguments}`.
  [[nodiscard]] term called(atom function, std::vector<term> arguments) const {
    return etf::tuple(spec().module, function, etf::make_list(arguments));
  }

  // ----- start

  task<term> start() {
    const auto call = called("start"_atom, {"normal"_atom, spec().arguments});
    auto calling = call_start();
    const auto given = co_await std::move(calling);
    if (!given.value && given.thrown.is("normal"_atom)) co_return error_of(etf::tuple(exit_of(given.thrown), call));
    if (!given.value) co_return error_of(etf::tuple("bad_return"_atom, etf::tuple(call, exit_of(given.thrown))));
    auto taking = take_root(*given.value);
    const auto top = co_await std::move(taking);
    if (!top && top.error() == errc::ignored) {
      co_return error_of(etf::tuple("bad_return"_atom, etf::tuple(call, "ignore"_atom)));
    }
    if (!top) co_return error_of(etf::tuple(start_reason(top.error()), call));
    root_ = *top;
    auto going_on = run_phases();
    const auto outcome = co_await std::move(going_on);
    if (outcome.is("ok"_atom)) co_return etf::tuple("ok"_atom, root_);
    auto ending = end_root("shutdown"_atom);
    co_await std::move(ending);
    co_return outcome;
  }

  task<attempt<ergo::result<application_root>>> call_start() {
    attempt<ergo::result<application_root>> given;
    try {
      if (!spec().make) {
        const std::vector<term> arguments{"normal"_atom, spec().arguments};
        const auto place = etf::tuple(spec().module, "start"_atom, etf::make_list(arguments), term{});
        self_.exit(exit_reason{etf::tuple("undef"_atom, etf::list(place))});
      }
      code_ = spec().make();
      auto work = code_->start(self_, "normal"_atom, spec().arguments);
      given.value.emplace(co_await std::move(work));
    } catch (...) {
      given.thrown = ergo::detail::reason_of_current_exception().value();
    }
    co_return given;
  }

  task<ergo::result<pid>> take_root(ergo::result<application_root> given) {
    if (!given) co_return std::unexpected{given.error()};
    if (const auto* const running = std::get_if<pid>(&given->top())) {
      self_.link(*running);
      co_return *running;
    }
    const auto& wanted = std::get<application_root::started>(given->top());
    auto tree = wanted.tree;
    start_awaiter starting{self_, wanted.how, tie::link, make_server<supervisor>(std::move(tree))};
    auto started = co_await starting;
    co_return started;
  }

  task<term> run_phases() {
    if (!spec().start_phases) co_return "ok"_atom;
    for (const auto& [phase, arguments] : *spec().start_phases) {
      auto calling = call_phase(phase, arguments);
      const auto given = co_await std::move(calling);
      if (given.value && given.value->is("ok"_atom)) continue;
      const auto call = called("start_phase"_atom, {phase, "normal"_atom, arguments});
      if (given.value && etf::is_tagged(*given.value, "error"_atom, 2)) {
        co_return error_of(etf::tuple(given.value->elements()[1], call));
      }
      const auto what = given.value ? *given.value : exit_of(given.thrown);
      co_return error_of(etf::tuple("bad_return_value"_atom, etf::tuple(call, what)));
    }
    co_return "ok"_atom;
  }

  task<attempt<term>> call_phase(atom phase, term arguments) {
    attempt<term> given;
    try {
      auto work = code_->start_phase(self_, phase, "normal"_atom, std::move(arguments));
      given.value.emplace(co_await std::move(work));
    } catch (...) {
      given.thrown = ergo::detail::reason_of_current_exception().value();
    }
    co_return given;
  }

  // ----- run and end

  task<exit_reason> serve() {
    for (;;) {
      const auto received = co_await self_.receive_any();
      if (const auto ended = received.as<exit_message>()) {
        if (ended->from != root_ && ended->from != order_.master) continue;
        auto ending = end(ended->from == root_ ? std::nullopt : std::optional{ended->reason});
        co_await std::move(ending);
        co_return ended->reason;
      }
      if (received.kind() != ergo::detail::signal_kind::message) continue;
      const auto& told = received.payload();
      if (!told.is_tuple() || told.elements().empty() || told.elements()[0] != term{order_.master}) continue;
      if (told.is_tuple(2) && told.elements()[1].is("terminate"_atom)) {
        auto ending = end(exit_reason{"shutdown"_atom});
        co_await std::move(ending);
        co_return exit_reason::normal();
      }
      if (!told.is_tuple(5) || !told.elements()[1].is("config_change"_atom)) continue;
      auto changing = change(told);
      co_await std::move(changing);
    }
  }

  // `how` is what the root is told; nothing where it has ended already.
  task<> end(std::optional<exit_reason> how) {
    auto preparing = call_prep_stop();
    co_await std::move(preparing);
    if (how) {
      auto ending = end_root(*how);
      co_await std::move(ending);
    }
    auto stopping = call_stop();
    co_await std::move(stopping);
  }

  task<> end_root(exit_reason how) {
    self_.exit(root_, how);
    const auto is_root = [root = root_](const message& candidate) {
      const auto ended = candidate.as<exit_message>();
      return ended && ended->from == root;
    };
    (void)co_await self_.receive_if(is_root);
  }

  task<> call_prep_stop() {
    try {
      auto work = code_->prep_stop(self_);
      co_await std::move(work);
    } catch (...) {
      self_.log(log_level::error, "application's prep_stop has failed",
                {{"application", spec().name}, {"reason", ergo::detail::reason_of_current_exception().value()}});
    }
  }

  task<> call_stop() {
    try {
      auto work = code_->stop(self_);
      co_await std::move(work);
    } catch (...) {
      self_.log(log_level::error, "application's stop has failed",
                {{"application", spec().name}, {"reason", ergo::detail::reason_of_current_exception().value()}});
    }
  }

  task<> change(term told) {
    term outcome;
    try {
      auto work = code_->config_change(self_, read_changes(told.elements()[4]));
      outcome = co_await std::move(work);
    } catch (...) {
      outcome = exit_of(ergo::detail::reason_of_current_exception().value());
    }
    const auto asker = told.elements()[3].as_pid();
    if (asker) self_.send(*asker, etf::tuple(told.elements()[2], outcome));
  }

  process& self_;
  keeper_order order_;
  std::unique_ptr<application_module> code_;
  pid root_{};
};

}  // namespace

task<exit_reason> keep_application(process& self, keeper_order order) {
  keeper here{self, std::move(order)};
  auto running = here.run();
  auto reason = co_await std::move(running);
  co_return reason;
}

}  // namespace ergo::inline v0::otp::detail
