// The process of a scope: carries out what the scope decides, and answers calls as pg.erl does.
#include <ergo/otp/pg.hpp>

#include "pg_scope.hpp"

#include <ergo/otp/outside.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>

namespace ergo::inline v0::otp {
namespace detail {
namespace {

class pg_server {
 public:
  pg_server(process& self, atom scope) : scope_{scope, self.id()} {
    for (const auto node : self.monitor_nodes()) scope_.node_up(node);
    carry_out(self);
  }

  result handle_call(process& self, const term& request, const from& caller) {
    const auto answer = answer_to(self, request, caller);
    carry_out(self);
    return reply(answer ? *answer : etf::tuple("error"_atom, "badarg"_atom));
  }
  // pg.erl dies of what it does not know; a scope that loses all its members for one message is no better off.
  void handle_cast(process& self, const term& message) {
    (void)scope_.receive(message);
    carry_out(self);
  }
  void handle_info(process& self, const message& received) {
    if (const auto up = received.as<node_up>()) {
      scope_.node_up(up->node);
    } else if (const auto gone = received.as<down>()) {
      ended(*gone);
    } else if (received.kind() == ergo::detail::signal_kind::message) {
      (void)scope_.receive(received.payload());
    }
    carry_out(self);
  }
  [[nodiscard]] term state() const { return scope_.everything(); }

 private:
  [[nodiscard]] std::optional<term> answer_to(process& self, const term& request, const from& caller);
  [[nodiscard]] std::optional<term> change(process& self, const term& group, const term& who, bool joins);
  [[nodiscard]] term subscribe(process& self, const std::optional<term>& group, const pid& who);
  [[nodiscard]] bool unsubscribe(process& self, const reference& ref);
  void ended(const down& gone);
  void carry_out(process& self);

  void on(process& self, const pg_action::send& wanted) {
    if (reaches(self, wanted.to)) self.send(wanted.to, wanted.message);
  }
  void on(process& self, const pg_action::cast& wanted) {
    if (reaches(self, wanted.to)) self.send_cast(wanted.to, wanted.message);
  }
  void on(process& self, const pg_action::watch& wanted) {
    const auto made = self.monitor(wanted.whom);
    watches_.insert_or_assign(wanted.whom, made.ref);
  }
  void on(process& self, const pg_action::unwatch& wanted) {
    const auto made = watches_.extract(wanted.whom);
    if (!made.empty()) self.demonitor({made.mapped()}, demonitor_mode::flush);
  }
  [[nodiscard]] static bool reaches(process& self, const destination& to) {
    const auto node = to.by_name() ? to.node() : to.process().node.name();
    return self.node().connected().contains(node) || self.runtime().find_node_by_name(node) != nullptr;
  }

  pg_scope scope_;
  std::map<pid, reference, pid_order> watches_;  // of members and peers
};

void pg_server::carry_out(process& self) {
  for (const auto& command : scope_.take()) std::visit([&](const auto& one) { on(self, one); }, command);
}

// A monitor of a subscriber is the subscription's reference, so that it is known by that.
void pg_server::ended(const down& gone) {
  const auto who = gone.object.as_pid();
  const auto watch = who ? watches_.find(*who) : watches_.end();
  if (watch == watches_.end() || watch->second != gone.ref) {
    (void)scope_.unsubscribe(gone.ref);
    return;
  }
  watches_.erase(watch);
  scope_.ended(*who);
}

std::optional<term> pg_server::answer_to(process& self, const term& request, const from& caller) {
  if (request.is("monitor"_atom)) return subscribe(self, std::nullopt, caller.process);
  if (request.is("which_groups"_atom)) return scope_.groups();
  if (request.is("which_local_groups"_atom)) return scope_.local_groups();
  const auto parts = request.elements();
  if (parts.size() == 3 && parts[0].is("join_local"_atom)) return change(self, parts[1], parts[2], true);
  if (parts.size() == 3 && parts[0].is("leave_local"_atom)) return change(self, parts[1], parts[2], false);
  if (parts.size() != 2) return std::nullopt;
  if (parts[0].is("get_members"_atom)) return etf::to_term(scope_.all(parts[1]));
  if (parts[0].is("get_local_members"_atom)) return etf::to_term(scope_.local(parts[1]));
  if (parts[0].is("monitor"_atom)) return subscribe(self, parts[1], caller.process);
  const auto ref = parts[1].as_reference();
  if (ref && parts[0].is("cancel_monitor"_atom)) return etf::to_term(unsubscribe(self, *ref));
  if (ref && parts[0].is("demonitor"_atom)) return term{unsubscribe(self, *ref) ? "ok"_atom : "false"_atom};
  return std::nullopt;
}

std::optional<term> pg_server::change(process& self, const term& group, const term& who, bool joins) {
  const auto one = who.as_pid();
  const auto read = one ? std::vector{*one} : etf::from_term<std::vector<pid>>(who).value_or(std::vector<pid>{pid{}});
  const auto here = self.node().identity();
  if (std::ranges::any_of(read, [&](const pid& each) { return each.node != here; })) return term{"nolocal"_atom};
  if (joins) {
    scope_.join(group, read);
    return term{"ok"_atom};
  }
  return term{scope_.leave(group, read) ? "ok"_atom : "not_joined"_atom};
}

term pg_server::subscribe(process& self, const std::optional<term>& group, const pid& who) {
  const auto ref = self.monitor(who).ref;
  if (!group) {
    scope_.subscribe_all(ref, who);
    return etf::tuple(ref, scope_.everything());
  }
  scope_.subscribe(*group, ref, who);
  return etf::tuple(ref, etf::to_term(scope_.all(*group)));
}

bool pg_server::unsubscribe(process& self, const reference& ref) {
  if (!scope_.unsubscribe(ref)) return false;
  self.demonitor({ref}, demonitor_mode::flush);
  return true;
}

}  // namespace
}  // namespace detail

pg::pg() noexcept : name_{"pg"_atom} {}

start_awaiter pg::start_link(process& self) const {
  return start_awaiter{self, {.name = name_}, tie::link, make_server<detail::pg_server>(name_)};
}

ergo::result<pid> pg::start(local_node& on) const {
  return detail::start_and_wait(on, {.name = name_}, make_server<detail::pg_server>(name_));
}

child_spec pg::child() const { return otp::child<detail::pg_server>(term{name_}, name_).registered(); }

typed_call<std::vector<term>> pg::groups(process& self) const {
  return ask<std::vector<term>>(self, term{"which_groups"_atom});
}

typed_call<std::vector<term>> pg::local_groups(process& self) const {
  return ask<std::vector<term>>(self, term{"which_local_groups"_atom});
}

typed_call<pg_groups> pg::monitor_scope(process& self) const { return ask<pg_groups>(self, term{"monitor"_atom}); }

typed_call<bool> pg::demonitor(process& self, const reference& watch) const {
  return ask<bool>(self, etf::tuple("cancel_monitor"_atom, watch));
}

term pg::list_of(std::span<const pid> who) { return detail::list_of(who); }

}  // namespace ergo::inline v0::otp
