// Processes on other nodes: this node starts one on every node that it meets and is told when it ends; and Erlang
// starts processes here, with links and monitors from their first moment.
#include <ergo/etf/text.hpp>
#include <ergo/node.hpp>
#include <ergo/rpc.hpp>

#include <cstdint>
#include <iostream>
#include <string>

using namespace ergo::literals;

namespace {

/// What Erlang starts here as `spawn_monitor(Node, counting, down, [From, Report])`: tells each number, and ends.
ergo::task<> count_down(ergo::process& self, std::int64_t from, ergo::pid report) {
  for (auto number = from; number > 0; --number) {
    self.send(report, number);
    co_await self.yield();
  }
  self.exit("liftoff"_atom);
}

/// Starts a process on a node that sends a greeting to whoever is registered there as `visitors`, and prints how it
/// ended.
ergo::task<> send_one(ergo::process& self, ergo::atom node) {
  const auto to = ergo::etf::tuple("visitors"_atom, node);
  const auto greeting = ergo::etf::tuple("greetings_from"_atom, self.node().name());
  const auto started = co_await ergo::rpc::spawn_monitor(self, node, "erlang", "send", to, greeting);
  if (!started) self.exit(ergo::exit_reason::from(started.error()));
  const auto down = co_await self.receive<ergo::down>();
  const auto how = ergo::etf::to_text(down->reason.value());
  std::cout << "a process of " << node.text() << " has ended: " << how << std::endl;
}

/// Hears of every node that is connected.
ergo::task<> watcher(ergo::process& self) {
  for (const auto node : self.monitor_nodes(ergo::node_set::all)) self.spawn(send_one, node);
  for (;;) {
    const auto met = co_await self.receive<ergo::node_up>();
    self.spawn(send_one, met->node);
  }
}

}  // namespace

int main() {
  ergo::node_options options;
  options.name = "spawner@localhost";
  const auto node = ergo::node::start(options);
  if (!node) {
    std::cerr << node.error().message() << '\n';
    return 1;
  }
  if (!(*node)->spawn(watcher) || !(*node)->provide("counting", "down", count_down)) return 1;
  std::cout << "spawner@localhost is ready" << std::endl;
  (*node)->run_until_signal();
}
