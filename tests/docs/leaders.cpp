// The README's device and the process that prints there, in a program: what is shown must be what was printed.
#include <ergo/otp/io.hpp>
#include <ergo/otp/io_device.hpp>
#include <ergo/runtime.hpp>

#include <chrono>
#include <iostream>

using namespace ergo::literals;
using namespace std::chrono_literals;

#include "readme_leaders.inc"

int main() {
  const auto glass = std::make_shared<window>();
  {
    ergo::runtime runtime;
    auto& node = runtime.anonymous();
    const auto leader = ergo::otp::io::start_device(node, glass);
    if (!leader) return 1;
    const auto reporter = runtime.spawn(node, report, *leader);
    if (!reporter) return 1;
    (void)runtime.wait(*reporter, 30s);
  }
  std::cout << glass->shown << std::flush;
  return glass->shown == "total is 500 cents\n" ? 0 : 1;
}
