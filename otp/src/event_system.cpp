// An event manager as `sys` sees it, after the system callbacks of gen_event.erl.
#include <ergo/otp/gen_event.hpp>

#include <ergo/otp/io_format.hpp>

namespace ergo::inline v0::otp::detail {

// As in OTP each handler is asked for itself, and keeps its state where the function fails or gives another handler's.
task<term> manager_callbacks::replace_system_state(process& self, new_state next) {
  for (auto& each : object_->entries_) {
    const auto present = etf::tuple(each.module, each.id, each.code->state());
    try {
      const auto made = co_await next.made_of(self, present);
      const bool fits = made.is_tuple(3) && made.elements()[0] == term{each.module} && made.elements()[1] == each.id;
      if (fits && made != present) each.code->take_state(made.elements()[2]);
    } catch (...) {
      continue;
    }
  }
  co_return state();
}

std::optional<term> manager_callbacks::change_code(process& self, term module, term old_version, term extra) {
  for (auto& each : object_->entries_) {
    if (module != term{each.module}) continue;
    if (auto refused = each.code->change_code(self, old_version, extra)) return refused;
  }
  return std::nullopt;
}

// Handlers are shown as OTP's records `handler`.
term manager_callbacks::system_status(process& self, const status_facts& facts) const {
  std::vector<term> handlers;
  auto log = facts.log;
  for (const auto& each : object_->entries_) {
    const auto shown = each.code->format_status({.state = each.code->state(), .log = log});
    log = shown.log;
    const auto by = each.supervisor ? term{*each.supervisor} : term{false};
    handlers.push_back(etf::tuple("handler"_atom, each.module, each.id, shown.state, by));
  }
  const auto text = [](std::string_view words) { return etf::text_list(words); };
  const auto of_manager = etf::list(etf::tuple(text("Status"), facts.state), etf::tuple(text("Logged Events"), log),
                                    etf::tuple(text("Parent"), facts.parent));
  const auto items = etf::tuple(text("Installed handlers"), etf::make_list(handlers));
  return etf::list(etf::tuple("header"_atom, status_header("Status for event handler", system_name(self))),
                   etf::tuple("data"_atom, of_manager), etf::tuple("items"_atom, items));
}

std::string manager_callbacks::describe_event(process& self, const term& event) const {
  const auto line = [](std::string_view format, const term& arguments) {
    return io_format(etf::text_list(format), arguments).value_or(std::string{"*DBG* an event too large to print\n"});
  };
  const auto name = system_name(self);
  if (!etf::is_tagged(event, "in"_atom, 2)) return line("*DBG* ~tp : ~tp~n", etf::list(name, event));
  const auto& message = event.elements()[1];
  if (etf::is_tagged(message, "notify"_atom, 2))
    return line("*DBG* ~tp got event ~tp~n", etf::list(name, message.elements()[1]));
  if (message.is_tuple(3) && etf::is_tagged(message.elements()[2], "call"_atom, 3)) {
    const auto call = message.elements()[2].elements();
    return line("*DBG* ~tp(~tp) got call ~tp~n", etf::list(name, call[1], call[2]));
  }
  return line("*DBG* ~tp got ~tp~n", etf::list(name, message));
}

}  // namespace ergo::inline v0::otp::detail
