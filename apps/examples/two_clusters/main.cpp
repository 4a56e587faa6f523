// One program that is a node of two clusters which know nothing of each other: other cookies, other port mappers. What
// is asked in the left one is answered in the right one.
//
// The left cluster is that of the environment (~/.erlang.cookie, ERL_EPMD_PORT); the right one has the cookie
// `right_secret` and the port mapper at RIGHT_EPMD_PORT.
#include <ergo/node.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/reactor.hpp>
#include <ergo/rpc.hpp>

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string_view>

using namespace ergo::literals;
namespace otp = ergo::otp;

namespace {

/// In the right cluster: asks a node there who it is, and whom it knows.
class scout {
 public:
  ergo::task<ergo::term> visit(ergo::process& self, ergo::atom node) {
    const auto cookie = co_await ergo::rpc::call(self, node, "erlang", "get_cookie");
    if (!cookie) co_return ergo::etf::tuple("error"_atom, cookie.error().reason());
    const auto known = co_await ergo::rpc::call(self, node, "erlang", "nodes", "hidden"_atom);
    if (!known) co_return ergo::etf::tuple("error"_atom, known.error().reason());
    co_return ergo::etf::tuple(*cookie, *known);
  }
  static constexpr auto calls = otp::on(otp::match<"visit", ergo::atom>(&scout::visit));
};

/// In the left cluster: hands requests on. Processes of one program reach each other whatever their nodes.
class gate {
 public:
  explicit gate(ergo::pid there) : there_{there} {}
  ergo::task<otp::result> handle_call(ergo::process& self, const ergo::term& request) {
    const auto answer = co_await otp::call(self, there_, request);
    if (!answer) co_return otp::reply(ergo::etf::tuple("error"_atom, answer.error().reason()));
    co_return otp::reply(*answer);
  }

 private:
  ergo::pid there_;
};

std::uint16_t port_from(const char* variable, std::uint16_t otherwise) {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return otherwise;
  const std::string_view digits{text};
  std::from_chars(digits.data(), digits.data() + digits.size(), otherwise);
  return otherwise;
}

std::unique_ptr<ergo::node> start(ergo::runtime& on, const ergo::node_options& options) {
  auto node = ergo::node::start(on, options);
  if (node) return *std::move(node);
  std::cerr << options.name << ": " << node.error().message() << '\n';
  return nullptr;
}

}  // namespace

int main() {
  ergo::runtime both{ergo::networked()};
  ergo::node_options options;
  options.name = "left@localhost";
  const auto left = start(both, options);
  options.name = "right@localhost";
  options.cookie = "right_secret";
  options.epmd_port = port_from("RIGHT_EPMD_PORT", 4370);
  const auto right = start(both, options);

  otp::start_options named;
  named.name = "scout"_atom;
  if (!left || !right) return 1;
  const auto there = otp::start<scout>(right->local(), named);
  named.name = "gate"_atom;
  if (!there || !otp::start<gate>(left->local(), named, *there)) return 1;
  std::cout << "left@localhost and right@localhost: the bridge is ready" << std::endl;
  left->run_until_signal();
}
