// What application_master.erl does in the master itself.
#include "application_master.hpp"

#include "application_keeper.hpp"
#include "application_terms.hpp"
#include "child_errors.hpp"

#include <ergo/calls.hpp>
#include <ergo/runtime.hpp>

namespace ergo::inline v0::otp::detail {
namespace {

// A process whose slice takes longer does not tell who its group leader is, and is not found when a group is killed.
constexpr auto patience = std::chrono::seconds{1};

term fact(const term& facts, atom item) {
  for (const auto& one : facts.items()) {
    if (etf::is_tagged(one, item, 2)) return one.elements()[1];
  }
  return {};
}

class master {
 public:
  master(process& self, master_order order) : self_{self}, order_{std::move(order)} {}

  task<exit_reason> run(init_ack starter) {
    self_.trap_exits(exits::trapped);
    self_.link(order_.controller);
    leader_ = self_.group_leader();
    self_.group_leader(self_.id());
    order_.directory->add_master(spec().name, self_.id());
    auto starting = start();
    auto failure = co_await std::move(starting);
    if (failure) co_return *std::move(failure);
    self_.unlink(order_.starter);
    starter.ready(self_);
    if (spec().longest != forever) (void)self_.send_after(spec().longest, self_.id(), etf::tuple(tag_, "timeout"_atom));
    auto serving = serve();
    auto reason = co_await std::move(serving);
    co_return reason;
  }

 private:
  [[nodiscard]] const application_spec& spec() const noexcept { return *order_.spec; }

  // Why it has failed, or nothing.
  task<std::optional<exit_reason>> start() {
    tag_ = self_.make_ref();
    const spawn_options linked{.to_parent = tie::link, .trap_exits = true, .quiet = true};
    keeper_ = self_.spawn(linked, make_body(keep_application, keeper_order{self_.id(), tag_, order_.spec}));
    for (;;) {
      const auto received = co_await self_.receive_any();
      if (const auto ended = received.as<exit_message>()) {
        if (ended->from == keeper_) co_return ended->reason;
        if (ended->from != order_.controller) continue;
        self_.exit(keeper_, exit_reason{"kill"_atom});
        auto clearing = kill_group();
        co_await std::move(clearing);
        co_return ended->reason;
      }
      const auto& told = received.payload();
      if (!told.is_tuple(2) || told.elements()[0] != tag_) {
        serve_group(received);
        continue;
      }
      const auto& outcome = told.elements()[1];
      if (etf::is_tagged(outcome, "error"_atom, 2)) co_return exit_reason{outcome.elements()[1]};
      root_ = outcome.elements()[1];
      co_return std::nullopt;
    }
  }

  task<exit_reason> serve() {
    for (;;) {
      const auto received = co_await self_.receive_any();
      if (const auto ended = received.as<exit_message>()) {
        if (ended->from != keeper_ && ended->from != order_.controller) continue;
        auto ending = end(ended->from == keeper_);
        co_await std::move(ending);
        co_return ended->reason;
      }
      const auto& told = received.payload();
      const bool overdue = told.is_tuple(2) && told.elements()[0] == tag_;
      const bool asked = received.kind() == ergo::detail::signal_kind::message && etf::is_tagged(told, "stop"_atom, 3);
      if (!overdue && !asked) {
        serve_group(received);
        continue;
      }
      auto ending = end(false);
      co_await std::move(ending);
      if (asked) answer(told, "ok"_atom);
      co_return exit_reason::normal();
    }
  }

  task<> end(bool keeper_has_gone) {
    if (!keeper_has_gone) self_.send(keeper_, etf::tuple(self_.id(), "terminate"_atom));
    while (!keeper_has_gone) {
      const auto received = co_await self_.receive_any();
      const auto ended = received.as<exit_message>();
      keeper_has_gone = ended && ended->from == keeper_;
      if (!ended) serve_group(received);
    }
    auto clearing = kill_group();
    co_await std::move(clearing);
  }

  // What the processes of the application ask of their group leader, and others of a master, at any time.
  void serve_group(const message& received) {
    if (received.kind() != ergo::detail::signal_kind::message) return;
    const auto& told = received.payload();
    if (etf::is_tagged(told, "io_request"_atom, 4)) {
      self_.send(leader_ == pid{} ? destination{"user"_atom} : destination{leader_}, told);
    } else if (etf::is_tagged(told, "get_child"_atom, 3)) {
      answer(told, root_.is_nil() ? term{"error"_atom} : etf::tuple(root_, spec().module));
    } else if (etf::is_tagged(told, "start_type"_atom, 2)) {
      const auto asker = told.elements()[1].as_pid();
      const bool starting = root_.is_nil();
      if (asker) self_.send(*asker, etf::tuple("start_type"_atom, starting ? "normal"_atom : "local"_atom));
    } else if (etf::is_tagged(told, "config_change"_atom, 4)) {
      const auto parts = told.elements();
      self_.send(keeper_, etf::tuple(self_.id(), parts[0], parts[1], parts[2], parts[3]));
    }
  }

  // `{What, Tag, From}` is answered with `{Tag, Value}`.
  void answer(const term& asked, const term& value) {
    const auto asker = asked.elements()[2].as_pid();
    if (asker) self_.send(*asker, etf::tuple(asked.elements()[1], value));
  }

  // Whoever is left of the application, wherever it stood: until a look at all processes finds nobody.
  task<> kill_group() {
    for (bool found = true; found;) {
      found = false;
      const auto everybody = self_.runtime().processes(self_.node());
      for (const auto& one : everybody) {
        if (one == self_.id()) continue;
        const auto facts = co_await process_info(self_, one, patience);
        if (!facts || fact(*facts, "group_leader"_atom) != term{self_.id()}) continue;
        self_.exit(one, exit_reason{"kill"_atom});
        found = true;
      }
    }
  }

  process& self_;
  master_order order_;
  pid leader_{};
  pid keeper_{};
  term tag_;
  term root_;
};

}  // namespace

task<exit_reason> run_master(process& self, init_ack starter, master_order order) {
  master here{self, std::move(order)};
  auto running = here.run(std::move(starter));
  auto reason = co_await std::move(running);
  co_return reason;
}

task<> stop_master(process& self, pid master) {
  const auto watch = self.monitor(master);
  self.unlink(master);
  self.send(master, etf::tuple("stop"_atom, watch.ref, self.id()));
  const auto is_answer = [ref = watch.ref](const message& candidate) {
    if (candidate.kind() != ergo::detail::signal_kind::message) return false;
    const auto& told = candidate.payload();
    return told.is_tuple(2) && told.elements()[0].as_reference() == ref;
  };
  auto ending = await_down(self, master, watch, forever);
  (void)co_await std::move(ending);
  auto said = self.receive_if(is_answer);
  if (said.await_ready()) (void)said.await_resume();
}

task<term> change_config(process& self, pid master, environment_changes changes) {
  std::vector<term> removed{changes.removed.begin(), changes.removed.end()};
  const auto told = etf::tuple(as_term(changes.changed), as_term(changes.added), etf::make_list(removed));
  const auto watch = self.monitor(master);
  self.send(master, etf::tuple("config_change"_atom, watch.ref, self.id(), told));
  const auto is_answer = [ref = watch.ref](const message& candidate) {
    if (const auto ended = candidate.as<down>()) return ended->ref == ref;
    if (candidate.kind() != ergo::detail::signal_kind::message) return false;
    const auto& said = candidate.payload();
    return said.is_tuple(2) && said.elements()[0].as_reference() == ref;
  };
  const auto received = co_await self.receive_if(is_answer);
  if (const auto ended = received.as<down>()) co_return etf::tuple("EXIT"_atom, ended->reason.value());
  (void)self.demonitor(watch, demonitor_mode::flush);
  co_return received.payload().elements()[1];
}

}  // namespace ergo::inline v0::otp::detail
