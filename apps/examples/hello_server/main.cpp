// The shortest server that other nodes can call: a class, a table of what it answers, and a node.
#include <ergo/node.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>

#include <iostream>
#include <string>

using namespace ergo::literals;

class hello {
 public:
  std::string greet(const std::string& name) { return "Hello, " + name + "!"; }
  static constexpr auto calls = ergo::otp::on(ergo::otp::match<"hello", std::string>(&hello::greet));
};

int main() {
  ergo::node_options options;
  options.name = "hello@localhost";
  const auto node = ergo::node::start(options);
  if (!node) return 1;
  ergo::otp::start_options named;
  named.name = "hello"_atom;
  if (!ergo::otp::start<hello>((*node)->local(), named)) return 1;
  std::cout << "hello@localhost is ready" << std::endl;
  (*node)->run_until_signal();
}
