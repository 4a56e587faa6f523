// Functions both ways: Erlang calls functions of this program by `rpc`, `erpc` and `spawn`, and these call Erlang's.
#include <ergo/node.hpp>
#include <ergo/rpc.hpp>

#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <vector>

using namespace ergo::literals;

namespace {

double area(double width, double height) { return width * height; }

/// What throws, fails the call.
std::int64_t divide(std::int64_t left, std::int64_t right) {
  if (right == 0) throw std::domain_error{"division by zero"};
  return left / right;
}

/// Asks the caller's own node: runs in a process for this call, which may suspend.
ergo::task<ergo::result<std::vector<std::int64_t>>> sorted(ergo::process& self, ergo::atom node,
                                                           std::vector<std::int64_t> numbers) {
  co_return co_await ergo::rpc::call<std::vector<std::int64_t>>(self, node, "lists", "sort", numbers);
}

}  // namespace

int main() {
  ergo::node_options options;
  options.name = "geometer@localhost";
  const auto node = ergo::node::start(options);
  if (!node) {
    std::cerr << node.error().message() << '\n';
    return 1;
  }
  if (!(*node)->provide("geometry", "area", area) || !(*node)->provide("geometry", "divide", divide) ||
      !(*node)->provide("geometry", "sorted", sorted))
    return 1;
  std::cout << "geometer@localhost is ready" << std::endl;
  (*node)->run_until_signal();
}
