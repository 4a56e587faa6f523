// The running supervisor: a server in front of its children.
#include <ergo/otp/supervisor.hpp>

#include "pending_specs.hpp"
#include "supervision.hpp"

namespace ergo::inline v0::otp {

child_spec child_spec::registered(atom name) && {
  options.name = name == atom{} ? id.as_atom().value_or(atom{}) : name;
  return std::move(*this);
}

child_spec child_spec::restarted(otp::restart kind) && {
  restart = kind;
  return std::move(*this);
}

child_spec child_spec::stopped(otp::shutdown rule) && {
  shutdown = rule;
  return std::move(*this);
}

child_spec child_spec::made_significant() && {
  significant = true;
  return std::move(*this);
}

child_spec child_supervisor(const term& id, supervisor_spec tree) {
  auto made = child<supervisor>(id, std::move(tree));
  made.type = child_type::supervisor;
  made.shutdown = forever;
  return made;
}

supervisor::supervisor() noexcept = default;
supervisor::~supervisor() = default;

task<result> supervisor::init(process& self, supervisor_spec spec) {
  self.trap_exits(exits::trapped);
  auto made = detail::supervision::make(std::move(spec));
  if (!made) co_return otp::stop(exit_reason{made.error()});
  children_ = *std::move(made);
  co_return co_await children_->start(self);
}

task<> supervisor::terminate(process& self) { co_await children_->stop_all(self); }

task<result> supervisor::handle_info(process& self, const message& info) {
  if (const auto ended = info.as<exit_message>())
    co_return co_await children_->child_ended(self, ended->from, ended->reason);
  const auto& content = info.payload();
  if (etf::is_tagged(content, "$restart"_atom, 3)) {
    const auto attempt = static_cast<std::uint64_t>(content.elements()[2].as_integer().value_or(0));
    co_return co_await children_->wait_over(self, content.elements()[1], attempt);
  }
  self.log(log_level::error, "supervisor received unexpected message", {{"message", info.to_term()}});
  co_return noreply();
}

task<result> supervisor::handle_cast(process& self, const term& request) {
  if (!etf::is_tagged(request, "try_again_restart"_atom, 2)) co_return noreply();
  co_return co_await children_->try_again(self, request.elements()[1]);
}

task<result> supervisor::handle_call(process& self, const term& request) {
  if (request.is("which_children"_atom)) co_return otp::reply(children_->which_children());
  if (request.is("count_children"_atom)) co_return otp::reply(children_->count_children(self));
  const term bad = etf::tuple("error"_atom, "badarg"_atom);
  if (!request.is_tuple(2)) co_return otp::reply(bad);
  const auto operation = request.elements()[0].as_atom().value_or(atom{});
  const auto& operand = request.elements()[1];
  if (operation == "start_child"_atom) co_return co_await children_->start_child(self, operand);
  if (operation == "terminate_child"_atom) co_return co_await children_->terminate_child(self, operand);
  if (operation == "restart_child"_atom) co_return co_await children_->restart_child(self, operand);
  if (operation == "delete_child"_atom) co_return otp::reply(children_->delete_child(operand));
  if (operation == "get_childspec"_atom) co_return otp::reply(children_->childspec(self, operand));
  if (operation == "which_child"_atom) co_return otp::reply(children_->which_child(operand));
  if (operation != detail::add_child_request()) co_return otp::reply(bad);
  auto spec = detail::take_pending(operand);
  if (!spec) co_return otp::reply(bad);
  auto adding = children_->add_child(self, *std::move(spec));
  co_return co_await std::move(adding);
}

term supervisor::state() const { return children_ ? children_->which_children() : term{}; }

}  // namespace ergo::inline v0::otp
