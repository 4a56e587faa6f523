// The application controller: one root supervisor per application.
#include <ergo/otp/application.hpp>

#include "child_errors.hpp"

#include <algorithm>

namespace ergo::inline v0::otp {

task<result> application_controller::init(process& self, std::vector<application_spec> set) {
  self.trap_exits(exits::trapped);
  const auto order = start_order(set);
  if (!order) co_return otp::refuse(order.error().reason());
  for (const auto index : *order) {
    auto& added = applications_.emplace_back();
    added.spec = std::move(set[index]);
  }
  for (std::size_t index = 0; index < applications_.size(); ++index) {
    const auto started = co_await start_one(self, index);
    if (started) continue;
    const auto reason = etf::tuple(applications_[index].spec.name, detail::start_reason(started.error()));
    co_await stop_all(self);
    co_return otp::refuse(reason);
  }
  co_return otp::ok();
}

task<ergo::result<pid>> application_controller::start_one(process& self, std::size_t index) {
  auto& application = applications_[index];
  auto tree = application.spec.root;
  start_awaiter starting{self, application.spec.options, tie::link, make_server<supervisor>(std::move(tree))};
  auto started = co_await starting;
  if (started) {
    application.root = *started;
    self.log(log_level::info, "application started", {{"application", application.spec.name}});
  }
  co_return started;
}

// A tree takes the time that its children are given.
task<> application_controller::stop_one(process& self, std::size_t index) {
  auto& application = applications_[index];
  const auto root = std::exchange(application.root, pid{});
  if (root == pid{}) co_return;
  const auto watch = self.monitor(root);
  self.exit(root, exit_reason{"shutdown"_atom});
  const auto reason = co_await detail::await_down(self, root, watch, forever);
  self.log(log_level::info, "application stopped",
           {{"application", application.spec.name}, {"reason", reason->value()}});
}

task<> application_controller::stop_all(process& self) {
  for (auto index = applications_.size(); index-- > 0;) co_await stop_one(self, index);
}

task<> application_controller::terminate(process& self) { co_await stop_all(self); }

task<result> application_controller::handle_info(process& self, const message& info) {
  const auto ended = info.as<exit_message>();
  if (!ended) co_return noreply();
  const auto found = std::ranges::find(applications_, ended->from, &running::root);
  if (found == applications_.end()) co_return noreply();
  found->root = pid{};
  const auto name = found->spec.name;
  const auto type = found->spec.type;
  self.log(log_level::error, "application ended", {{"application", name}, {"reason", ended->reason.value()}});
  if (type == start_type::temporary) co_return noreply();
  if (type == start_type::transient && ended->reason.is_normal()) co_return noreply();
  co_return otp::stop(exit_reason{etf::tuple("application_terminated"_atom, name, ended->reason.value())});
}

task<result> application_controller::handle_call(process& self, const term& request) {
  if (request.is("which_applications"_atom)) co_return otp::reply(state());
  if (!request.is_tuple(2)) co_return otp::reply(etf::tuple("error"_atom, "badarg"_atom));
  const auto operation = request.elements()[0].as_atom().value_or(atom{});
  const auto index = find(request.elements()[1].as_atom().value_or(atom{}));
  if (index == applications_.size()) co_return otp::reply(etf::tuple("error"_atom, "not_found"_atom));
  const auto name = applications_[index].spec.name;
  const bool runs = applications_[index].root != pid{};
  if (operation == "get_master"_atom) co_return otp::reply(runs ? term{applications_[index].root} : "undefined"_atom);
  if (operation == "stop"_atom) {
    if (!runs) co_return otp::reply(etf::tuple("error"_atom, etf::tuple("not_started"_atom, name)));
    co_await stop_one(self, index);
    co_return otp::reply("ok"_atom);
  }
  if (operation != "start"_atom) co_return otp::reply(etf::tuple("error"_atom, "badarg"_atom));
  if (runs) co_return otp::reply(etf::tuple("error"_atom, etf::tuple("already_started"_atom, name)));
  co_return co_await start_stopped(self, index);
}

task<result> application_controller::start_stopped(process& self, std::size_t index) {
  for (const auto needed : applications_[index].spec.applications) {
    if (applications_[find(needed)].root != pid{}) continue;
    co_return otp::reply(etf::tuple("error"_atom, etf::tuple("not_started"_atom, needed)));
  }
  const auto started = co_await start_one(self, index);
  if (started) co_return otp::reply("ok"_atom);
  co_return otp::reply(etf::tuple("error"_atom, detail::start_reason(started.error())));
}

term application_controller::state() const {
  std::vector<term> entries;
  for (const auto& [spec, root] : applications_) {
    if (root == pid{}) continue;
    entries.push_back(etf::tuple(spec.name, etf::text_list(spec.description), etf::text_list(spec.version)));
  }
  return etf::make_list(entries);
}

std::size_t application_controller::find(atom name) const noexcept {
  const auto found = std::ranges::find(applications_, name, [](const running& entry) { return entry.spec.name; });
  return static_cast<std::size_t>(found - applications_.begin());
}

ergo::result<pid> start_applications(local_node& on, std::vector<application_spec> set) {
  const start_options options{.name = "application_controller"_atom, .trap_exits = true};
  return start<application_controller>(on, options, std::move(set));
}

ergo::result<exit_reason> stop_applications(local_node& on, const pid& controller, duration grace) {
  return stop(on, controller, exit_reason{"shutdown"_atom}, grace);
}

}  // namespace ergo::inline v0::otp
