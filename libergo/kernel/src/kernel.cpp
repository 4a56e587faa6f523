// The supervisor of a node's services.
#include <ergo/kernel.hpp>

#include "graded.hpp"
#include "guarded.hpp"
#include "io_functions.hpp"
#include "loggers.hpp"
#include "shell.hpp"
#include "standard_streams.hpp"

#include <ergo/otp/application.hpp>
#include <ergo/otp/global.hpp>
#include <ergo/otp/io_device.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/otp/pg.hpp>
#include <ergo/otp/supervisor.hpp>
#include <ergo/rights.hpp>
#include <ergo/rpc.hpp>

#include <chrono>
#include <utility>

namespace ergo::inline v0::kernel {
namespace {

// Whether two have one name is for the peer to say, and any process may be one of them. One of a third node dies by our
// hand, whatever that node lets the peer do itself: this takes what running a function here takes.
bool is_spared(const node& on, const pid& process, atom peer) {
  const auto home = process.node.name();
  if (home == on.name()) return is_guarded(on, process);
  return home != peer && !contains(rights_of(on, peer), right::call);
}

// The node ends the processes of its services before it goes itself.
otp::child_spec name_server_of(node& on, const options& chosen) {
  otp::global::options wanted;
  wanted.prevent_overlapping_partitions = chosen.prevent_overlapping_partitions;
  wanted.disconnect = [&on](atom peer) { (void)on.disconnect(peer.text()); };
  wanted.spares = [&on](const pid& process, atom peer) { return is_spared(on, process, peer); };
  return otp::global::child(wanted);
}

// What a name server asks the node of a process whose name is contested: the function that it was registered with. Who
// chose that function is not known, not even when our own server asks: so it is one that the program provides, and that
// the node which asks may call.
task<result<term>> resolve_it(process& self, const node& on, right held, term arguments) {
  const auto given = arguments.items();
  const auto fun = given[0].as_fun();
  if (!fun || !fun->external || fun->arity != 3) co_return fail(errc::badarg);
  const auto bound = contains(held, right::call) ? right::call : right::talk;
  function_call called{fun->module, fun->function, etf::list(given[1], given[2], given[3])};
  auto running = apply_with(self, on, bound, std::move(called));
  auto kept = co_await std::move(running);
  co_return kept;
}

result<void> provide_resolution(node& on) {
  const auto body = [&on](process& self, right held, const term& arguments) {
    return resolve_it(self, on, held, arguments);
  };
  const auto provided = on.provide_graded("global", "resolve_it", 4, detail::for_each_right(body));
  if (!provided) return std::unexpected{provided.error()};
  return {};
}

// Before they run, so that nobody meets them without.
void guard_services(node& on, const options& chosen) {
  detail::guard_supervisor(on);
  detail::guard_applications(on);
  if (chosen.logs.enabled) {
    guard(on, "logger_proxy");
    guard(on, "error_logger");
  }
  if (chosen.user.enabled) guard(on, "user");
  if (chosen.global) detail::guard_name_server(on);
  for (const auto scope : chosen.pg_scopes) detail::guard_scope(on, scope);
}

otp::child_spec user_child(const user_options& chosen) {
  const detail::stream_options streams{.in = chosen.input ? 0 : -1, .out = 1, .unwritten = chosen.unwritten};
  otp::io::device_options device;
  device.characters = chosen.characters;
  return otp::io::device_child("user"_atom, std::make_shared<detail::standard_streams>(streams), device);
}

otp::supervisor_spec services_of(node& on, const options& chosen) {
  otp::supervisor_spec tree;
  tree.intensity = 10;
  tree.period = std::chrono::seconds{10};
  if (chosen.logs.enabled) {
    tree.children.push_back(detail::logger_proxy_child(chosen.logs));
    tree.children.push_back(detail::error_logger_child(chosen.logs));
  }
  if (chosen.user.enabled) tree.children.push_back(user_child(chosen.user));
  if (chosen.global) tree.children.push_back(name_server_of(on, chosen));
  for (const auto scope : chosen.pg_scopes) tree.children.push_back(otp::pg{scope}.child());
  return tree;
}

// ----- applications

otp::application_spec present(atom name, std::string_view description) {
  otp::application_spec made;
  made.name = name;
  made.description = description;
  made.version = ERGO_VERSION;
  return made;
}

// What Erlang's specifications say that they need is there, as far as it is answered here.
result<void> start_applications(node& on, otp::application_options wanted) {
  auto kernel = present("kernel"_atom, "services of the node");
  auto stdlib = present("stdlib"_atom, "functions of the node");
  stdlib.applications = {kernel.name};
  for (auto* const own : {&kernel, &stdlib}) wanted.known.insert(wanted.known.begin(), *own);
  if (!wanted.end) {
    wanted.end = [&on](const exit_reason& /*why*/) { rpc::cast(on, on.name(), "init", "stop"); };
  }
  const auto controller = otp::application::start_controller(on.local(), wanted);
  if (!controller) return std::unexpected{controller.error()};
  const auto started = otp::application::ensure_all_started(on.local(), stdlib.name, otp::start_type::permanent);
  if (!started) return std::unexpected{started.error()};
  return {};
}

result<void> start_services(node& on, const options& chosen) {
  guard_services(on, chosen);
  if (chosen.global) {
    if (auto provided = provide_resolution(on); !provided) return provided;
  }
  otp::start_options named;
  named.name = "kernel_sup"_atom;
  const auto started = otp::start<otp::supervisor>(on.local(), named, services_of(on, chosen));
  if (!started) return std::unexpected{started.error()};
  if (auto done = start_applications(on, chosen.applications); !done) return done;
  if (chosen.io_functions) detail::provide_io(on);
  if (!chosen.shell) return {};
  return detail::provide_shell(on, chosen.shell_commands, chosen.consoles);
}

// What the program itself starts before the first peer comes after the services.
node_options with_services(node_options wanted, options services) {
  wanted.visibility = services.visibility;
  wanted.boot = [first = boot(std::move(services)), own = std::move(wanted.boot)](node& on) -> result<void> {
    if (auto done = first(on); !done || !own) return done;
    return own(on);
  };
  return wanted;
}

}  // namespace

std::function<result<void>(node&)> boot(options services) {
  return [services = std::move(services)](node& on) { return start_services(on, services); };
}

result<std::unique_ptr<node>> start(node_options wanted, options services, runtime_options runtime) {
  return node::start(with_services(std::move(wanted), std::move(services)), std::move(runtime));
}

result<std::unique_ptr<node>> start(ergo::runtime& on, node_options wanted, options services) {
  return node::start(on, with_services(std::move(wanted), std::move(services)));
}

}  // namespace ergo::inline v0::kernel
