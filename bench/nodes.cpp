// Nodes, servers and payloads of the workloads between nodes.
#include "nodes.hpp"
#include "servers.hpp"

#include <ergo/otp/outside.hpp>

#include <unistd.h>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace ergo_bench {

using namespace ergo;

namespace {

tls_options encrypted_by(const std::string& folder) {
  tls_options made;
  made.certificate.file = folder + "/certificate.pem";
  made.key.file = folder + "/key.pem";
  made.authorities = made.certificate;
  made.called = made.callers = tls_check::authority;
  made.minimum = tls_version::tls_1_3;
  return made;
}

node_options options_for(const std::string& name) {
  node_options options;
  options.name = name;
  options.names = name_kind::short_names;
  options.cookie = "ergo-bench";
  options.epmd = epmd_mode::client_only;
  if (const char* const folder = std::getenv(tls_folder)) options.tls = encrypted_by(folder);
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
  return start_node(name, runtime_options{.cores = cores});
}

std::unique_ptr<node> start_node(const std::string& name, runtime_options options) {
  return must(node::start(options_for(name), std::move(options)));
}

std::unique_ptr<node> start_nameless(runtime& on, const std::string& peer) {
  auto options = options_for("");
  options.named_by = peer;
  return must(node::start(on, std::move(options)));
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

std::size_t binary_size(std::string_view variant) {
  std::size_t number = 0;
  const auto* const end = variant.data() + variant.size();
  const auto [unit, failed] = std::from_chars(variant.data(), end, number);
  if (failed != std::errc{}) return 0;
  const std::string_view rest{unit, end};
  if (rest == "B") return number;
  if (rest == "KB") return number * 1'000;
  return rest == "MB" ? number * 1'000'000 : 0;
}

term payload_for(node& of, std::string_view variant) {
  if (variant == "number") return term{0};  // counted by the callers
  if (variant == "string") return etf::text_list("a string of some thirty characters");
  if (variant == "pid-atom") return etf::tuple(pid_of(of), "item"_atom);
  if (const auto size = binary_size(variant); size != 0) return etf::adopt_binary(std::string(size, 'x'));
  if (variant == "tuple") return etf::make_tuple(ten_items());
  if (variant == "map") return ten_entries();
  if (variant != "pids") throw std::runtime_error{"no payload " + std::string{variant}};
  std::vector<term> pids;
  for (int count = 0; count < 200; ++count) pids.push_back(pid_of(of));
  return etf::make_list(pids);
}

}  // namespace ergo_bench
