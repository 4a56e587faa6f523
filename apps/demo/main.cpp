// The demo: a node whose supervised servers any Erlang or Elixir node can call.
#include "options.hpp"
#include "servers.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/launch.hpp>
#include <ergo/otp/application.hpp>

#include <exception>
#include <iostream>
#include <mutex>

namespace demo {
namespace {

using namespace ergo::literals;

ergo::otp::supervisor_spec servers() {
  ergo::otp::supervisor_spec tree;
  tree.intensity = 10;
  tree.children.push_back(ergo::otp::child<echo>("echo"_atom).registered());
  tree.children.push_back(ergo::otp::child<counter>("counter"_atom).registered());
  tree.children.push_back(ergo::otp::child<recorder>("recorder"_atom).registered());
  tree.children.push_back(ergo::otp::child<pong_server>("pong_server"_atom).registered());
  tree.children.push_back(ergo::otp::child<caller>("caller"_atom).registered());
  return tree;
}

ergo::otp::application_spec application() {
  ergo::otp::start_options named;
  named.name = "demo_sup"_atom;
  auto made = ergo::otp::application::tree("demo"_atom, servers(), named);
  made.description = "servers to try";
  made.applications = {"kernel"_atom, "stdlib"_atom};
  return made;
}

void print(const ergo::event& happened) {
  std::string line = happened.text;
  if (happened.name != ergo::atom{}) line += " (" + ergo::etf::to_text(happened.name) + ")";
  if (!happened.reason.is_nil()) line += ": " + ergo::etf::to_text(happened.reason, {.limit = 200});
  for (const auto& [key, value] : happened.fields) line += " " + key + "=" + ergo::etf::to_text(value, {.limit = 200});
  // A line that failed, on a full disk for example, must not be the last one. Events come from many threads.
  static std::mutex turns;
  const std::scoped_lock turn{turns};
  std::cout.clear();
  std::cout << line + "\n" << std::flush;
}

int run(int argc, char** argv) {
  const auto launched = ergo::kernel::launch::read(argc, argv);
  if (!launched) {
    std::cerr << "ergo-demo: " << launched.error().message() << '\n';
    return 1;
  }
  auto wanted = *launched ? std::optional{options{}} : read_options(argc, argv);
  if (!wanted) return 0;
  wanted->services.applications.known.push_back(application());
  ergo::runtime_options runtime;
  runtime.compatibility = ergo::compatibility::otp23;
  runtime.on_event = print;
  auto node = *launched ? (*launched)->start(wanted->node, wanted->services, std::move(runtime))
                        : ergo::kernel::start(wanted->node, wanted->services, std::move(runtime));
  if (!node) {
    std::cerr << "ergo-demo: " << node.error().message() << '\n';
    return 1;
  }
  const auto tree = ergo::otp::application::start((*node)->local(), "demo"_atom, ergo::otp::start_type::permanent);
  if (!tree) {
    std::cerr << "ergo-demo: the servers did not start: " << tree.error().message() << '\n';
    return 1;
  }
  const auto add = (*node)->provide("demo", "add", [](std::int64_t left, std::int64_t right) { return left + right; });
  if (!add) {
    std::cerr << "ergo-demo: demo:add/2 cannot be provided: " << add.error().message() << '\n';
    return 1;
  }
  const auto said = (*node)->provide("demo", "say", say);
  if (!said) {
    std::cerr << "ergo-demo: demo:say/1 cannot be provided: " << said.error().message() << '\n';
    return 1;
  }
  std::cout << ergo::etf::to_text((*node)->name()) << " is ready, port " << (*node)->port() << ", creation "
            << (*node)->creation() << std::endl;
  if (*launched) (*launched)->started(**node);
  (*node)->run_until_signal();
  return 0;
}

}  // namespace
}  // namespace demo

int main(int argc, char** argv) {
  try {
    return demo::run(argc, argv);
  } catch (const std::exception& failed) {
    std::cerr << "ergo-demo: " << failed.what() << '\n';
    return 1;
  }
}
