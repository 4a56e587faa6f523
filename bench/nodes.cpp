// Nodes, servers and payloads of the workloads between nodes.
#include "nodes.hpp"
#include "servers.hpp"

#include <ergo/otp/outside.hpp>

#include <unistd.h>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ergo_bench {

using namespace ergo;

namespace {

node_options options_for(const std::string& name) {
  node_options options;
  options.name = name;
  options.names = name_kind::short_names;
  options.cookie = "ergo-bench";
  options.epmd = epmd_mode::client_only;
  return options;
}

std::unique_ptr<node> must(result<std::unique_ptr<node>> started) {
  if (!started) throw std::runtime_error{started.error().message()};
  return *std::move(started);
}

task<> nothing(process& /*self*/) { co_return; }

term pid_of(node& of) {
  const auto started = of.spawn(nothing);
  if (!started) throw std::runtime_error{started.error().message()};
  return term{*started};
}

std::vector<term> ten_items() {
  return {term{"item"_atom},    term{1}, term{2.5},        etf::binary("three"), term{4}, term{"five"_atom}, term{6},
          etf::binary("seven"), term{8}, term{"nine"_atom}};
}

term ten_entries() {
  std::vector<term> pairs;
  unsigned number = 0;
  for (const auto& value : ten_items()) {
    pairs.emplace_back(atom::of("key_" + std::to_string(number++)));
    pairs.push_back(value);
  }
  return etf::make_map(pairs);
}

}  // namespace

std::unique_ptr<node> start_node(const std::string& name, unsigned cores) {
  return must(node::start(options_for(name), runtime_options{.cores = cores}));
}

std::unique_ptr<node> start_caller(unsigned cores) {
  return start_node("caller" + std::to_string(getpid()) + "@localhost", cores);
}

atom echo_name(unsigned number) { return atom::of("echo_" + std::to_string(number + 1)); }

void start_echo_servers(node& on) {
  for (unsigned number = 0; number < echo_servers; ++number) {
    const otp::start_options named{.name = echo_name(number)};
    if (const auto started = otp::start<echo_server>(on.local(), named); !started)
      throw std::runtime_error{started.error().message()};
  }
}

void connect(node& from, const std::string& peer) {
  if (const auto done = from.connect(peer); !done) throw std::runtime_error{done.error().message()};
}

term payload_for(node& of, std::string_view variant) {
  if (variant == "number") return term{0};  // counted by the callers
  if (variant == "string") return etf::text_list("a string of some thirty characters");
  if (variant == "pid-atom") return etf::tuple(pid_of(of), "item"_atom);
  if (variant == "1MB") return etf::adopt_binary(std::string(1'000'000, 'x'));
  if (variant == "tuple") return etf::make_tuple(ten_items());
  if (variant == "map") return ten_entries();
  if (variant != "pids") throw std::runtime_error{"no payload " + std::string{variant}};
  std::vector<term> pids;
  for (int count = 0; count < 200; ++count) pids.push_back(pid_of(of));
  return etf::make_list(pids);
}

}  // namespace ergo_bench
