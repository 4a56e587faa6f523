// The README's options for TLS, in a program: `docs_certified NAME FOLDER` starts a node with what ergo-cert has left
// in the folder, and reads it again.
#include <ergo/node.hpp>

#include <iostream>
#include <string>

#include "readme_certified.inc"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  ergo::node_options options;
  options.name = argv[1];
  options.cookie = "documented";
  options.epmd = ergo::epmd_mode::none;
  options.tls = certified(argv[2]);
  const auto node = ergo::node::start(options);
  const auto again = node ? (*node)->reload_tls() : std::unexpected{node.error()};
  if (!again) {
    std::cerr << again.error().message() << '\n';
    return 1;
  }
  std::cout << "ready" << std::endl;
}
