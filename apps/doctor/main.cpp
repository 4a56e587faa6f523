// Tells why a node cannot be connected, and how to cure it.
#include "options.hpp"

#include <ergo/diagnosis.hpp>

#include <exception>
#include <iostream>

namespace doctor {
namespace {

constexpr int first_step_code = 10;

int run(int argc, char** argv) {
  const auto wanted = read_options(argc, argv);
  if (!wanted) return 0;
  const auto met = ergo::diagnose(wanted->peer, wanted->as, [](const ergo::passed_step& passed) {
    std::cout << ergo::to_string(passed.step) << ": " << passed.what << std::endl;
  });
  if (met) {
    std::cout << "all is well: " << met->name << " can be connected at " << met->place << '\n';
    return 0;
  }
  const auto failure = ergo::connect_failure_of(met.error());
  if (!failure) {
    std::cerr << "ergo-doctor: " << met.error().context().bytes() << '\n';
    return 1;
  }
  std::cout << ergo::to_string(failure->step) << " failed: " << failure->what;
  if (!failure->cure.empty()) std::cout << "; " << failure->cure;
  std::cout << '\n';
  return first_step_code + static_cast<int>(failure->step);
}

}  // namespace
}  // namespace doctor

int main(int argc, char** argv) {
  try {
    return doctor::run(argc, argv);
  } catch (const std::exception& failed) {
    std::cerr << "ergo-doctor: " << failed.what() << '\n';
    return 1;
  }
}
