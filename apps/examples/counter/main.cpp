// A server with state that Erlang calls, casts to, looks into with `sys`, and stops. See session.txt for what that
// looks like in an Erlang shell.
#include <ergo/node.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/otp/supervisor.hpp>

#include <boost/describe.hpp>

#include <cstdint>
#include <expected>
#include <iostream>

using namespace ergo::literals;
namespace otp = ergo::otp;

namespace {

class counter {
 public:
  void add(std::int64_t more) { value_ += more; }
  std::int64_t get() const { return value_; }
  /// `{ok, Value}`, or `{error, negative}` and nothing is taken.
  std::expected<std::int64_t, ergo::atom> take(std::int64_t less) {
    if (less > value_) return std::unexpected{"negative"_atom};
    return value_ -= less;
  }

  static constexpr auto calls =
      otp::on(otp::match<"get">(&counter::get), otp::match<"take", std::int64_t>(&counter::take));
  static constexpr auto casts = otp::on(otp::match<"add", std::int64_t>(&counter::add));

 private:
  BOOST_DESCRIBE_CLASS(counter, (), (), (), (value_))  // so that `sys` can show and replace the state
  std::int64_t value_ = 0;
};

}  // namespace

int main() {
  ergo::node_options options;
  options.name = "counter@localhost";
  const auto node = ergo::node::start(options);
  if (!node) {
    std::cerr << node.error().message() << '\n';
    return 1;
  }
  otp::supervisor_spec tree;
  tree.children.push_back(otp::child<counter>("counter"_atom).registered());
  otp::start_options named;
  named.name = "counter_sup"_atom;
  if (!otp::start<otp::supervisor>((*node)->local(), named, tree)) return 1;
  std::cout << "counter@localhost is ready" << std::endl;
  (*node)->run_until_signal();
}
