// A node that runs the port mapper itself when nobody else does: when it starts and none answers, and when the one that
// ran has died. It prints what it hears of the port mapper.
#include <ergo/node.hpp>

#include <iostream>

int main() {
  ergo::node_options options;
  options.name = "stand_in@localhost";
  options.epmd = ergo::epmd_mode::embedded;  // the default; `client_only` never runs one, `none` needs none
  options.on_event = [](const ergo::event& happened) {
    const auto line = happened.text + "\n";
    std::cout << line << std::flush;
  };
  const auto node = ergo::node::start(options);
  if (!node) {
    std::cerr << node.error().message() << '\n';
    return 1;
  }
  std::cout << "stand_in@localhost is ready" << std::endl;
  (*node)->run_until_signal();
}
