// The supervisor of a node's services.
#include <ergo/kernel.hpp>

#include <ergo/otp/outside.hpp>
#include <ergo/otp/pg.hpp>
#include <ergo/otp/supervisor.hpp>

#include <chrono>
#include <utility>

namespace ergo::inline v0::kernel {
namespace {

otp::supervisor_spec services_of(const options& chosen) {
  otp::supervisor_spec tree;
  tree.intensity = 10;
  tree.period = std::chrono::seconds{10};
  for (const auto scope : chosen.pg_scopes) tree.children.push_back(otp::pg{scope}.child());
  return tree;
}

result<void> start_services(node& on, const options& chosen) {
  otp::start_options named;
  named.name = "kernel_sup"_atom;
  const auto started = otp::start<otp::supervisor>(on.local(), named, services_of(chosen));
  if (!started) return std::unexpected{started.error()};
  return {};
}

// What the program itself starts before the first peer comes after the services.
node_options with_services(node_options wanted, options services) {
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
