// The README's process that calls Erlang, in a program: `docs_auditor NAME` starts a node, says "ready", and then
// runs `auditor` against each node that it reads from standard input, and prints why it ended.
#include <ergo/node.hpp>
#include <ergo/otp/call.hpp>

#include <ergo/etf/text.hpp>

#include <future>
#include <iostream>
#include <memory>
#include <string>

using namespace ergo::literals;

#include "readme_auditor.inc"

namespace {

ergo::task<> watcher(ergo::process& self, ergo::atom peer, std::shared_ptr<std::promise<std::string>> ended) {
  self.spawn_monitor(auditor, peer);
  auto down = co_await self.receive<ergo::down>();
  ended->set_value(ergo::etf::to_text(down->reason.value()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  ergo::node_options options;
  options.name = argv[1];
  const auto node = ergo::node::start(options);
  if (!node) {
    std::cerr << node.error().message() << '\n';
    return 1;
  }
  std::cout << "ready" << std::endl;
  for (std::string peer; std::getline(std::cin, peer);) {
    auto ended = std::make_shared<std::promise<std::string>>();
    if (!(*node)->spawn(watcher, ergo::atom::of(peer), ended)) return 1;
    std::cout << ended->get_future().get() << std::endl;
  }
}
