// A gen_server with all its callbacks: it is started with 100, casts "hi" to itself three times, then sends "hello" to
// itself, and stops. It prints one line for each callback.
#include <ergo/etf/text.hpp>
#include <ergo/node.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>

#include <cstdint>
#include <iostream>
#include <string>

using namespace ergo::literals;
using namespace std::chrono_literals;
namespace otp = ergo::otp;

namespace {

class example_server {
 public:
  void init(std::int64_t value) {
    std::cout << "Init: args [" << value << "]" << std::endl;
    value_ = value;
  }

  otp::result handle_call(const ergo::term& request, const otp::from& caller) {
    std::cout << "HandleCall: " << ergo::etf::to_text(request) << ", From: " << ergo::etf::to_text(caller.to_term())
              << std::endl;
    return otp::reply(request);
  }

  ergo::task<> cast(ergo::process& self, const std::string& message) {
    show("HandleCast", message);
    co_await self.sleep(pause);  // this server handles no other message meanwhile; its thread goes on with others
    ++value_;
    if (value_ > 103) {
      self.send(self.id(), hello);
    } else {
      otp::cast(self, self.id(), hi);
    }
  }

  ergo::task<otp::result> info(ergo::process& self, const std::string& message) {
    show("HandleInfo", message);
    co_await self.sleep(pause);
    ++value_;
    if (value_ > 106) co_return otp::stop("normal"_atom);
    self.send(self.id(), hello);
    co_return otp::noreply();
  }

  void terminate(const ergo::exit_reason& reason) {
    std::cout << "Terminate: \"" << ergo::etf::to_text(reason.value()) << '"' << std::endl;
  }

  static constexpr auto casts = otp::on(otp::match<std::string>(&example_server::cast));
  static constexpr auto infos = otp::on(otp::match<std::string>(&example_server::info));

 private:
  void show(const char* callback, const std::string& message) const {
    std::cout << callback << ": \"" << message << "\" (state value " << value_ << ")" << std::endl;
  }

  static constexpr auto pause = 50ms;
  static constexpr std::string_view hi{"hi"};
  static constexpr std::string_view hello{"hello"};
  std::int64_t value_ = 0;
};

}  // namespace

int main() {
  ergo::node_options options;
  options.name = "node@localhost";
  options.cookie = "cookies";
  const auto node = ergo::node::start(options);
  if (!node) {
    std::cerr << node.error().message() << '\n';
    return 1;
  }
  otp::start_options named;
  named.name = "gs1"_atom;
  const auto server = otp::start<example_server>((*node)->local(), named, std::int64_t{100});
  if (!server) return 1;
  otp::cast((*node)->local(), *server, std::string{"hey"});
  if (!(*node)->runtime().wait(*server, 1min)) return 1;
  std::cout << "exited" << std::endl;
}
