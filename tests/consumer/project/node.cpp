// Two nodes of one program that find each other through the port mapper which the first of them brings; a server on
// one is called from the other, over the network.
#include <ergo/node.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/otp/start.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace {

using namespace ergo::literals;

class doubler {
 public:
  std::int64_t twice(std::int64_t number) { return 2 * number; }

  static constexpr auto calls = ergo::otp::on(ergo::otp::match<"twice", std::int64_t>(&doubler::twice));
};

ergo::node_options options(const char* name) {
  ergo::node_options wanted;
  wanted.name = std::string{name} + "@localhost";
  wanted.cookie = "consumer";
  wanted.epmd_port = static_cast<std::uint16_t>(20'000 + ::getpid() % 12'000);  // below those of outgoing connections
  return wanted;
}

}  // namespace

int main() {
  const auto one = ergo::node::start(options("one"));
  if (!one) return std::printf("the first node: %s\n", one.error().message().c_str()), 1;
  const auto two = ergo::node::start(options("two"));
  if (!two) return std::printf("the second node: %s\n", two.error().message().c_str()), 1;

  ergo::otp::start_options named;
  named.name = "doubler"_atom;
  const auto server = ergo::otp::start<doubler>((*one)->local(), named);
  if (!server) return std::printf("the server: %s\n", server.error().message().c_str()), 1;

  const ergo::destination remote{"doubler"_atom, (*one)->name()};
  const ergo::term request = ergo::etf::tuple("twice"_atom, 21);
  const auto answer = ergo::otp::call<std::int64_t>((*two)->local(), remote, request, std::chrono::seconds{10});
  if (!answer || *answer != 42) return std::puts("the call over the network did not give 42"), 1;
  std::puts("the call over the network gives 42");
}
