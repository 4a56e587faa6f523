// A server for Elixir: it takes and gives Elixir's structs. client.exs calls it with GenServer.
#include <ergo/node.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>

#include <boost/describe.hpp>

#include <cstdint>
#include <expected>
#include <iostream>
#include <map>
#include <optional>
#include <string>

using namespace ergo::literals;
namespace otp = ergo::otp;

namespace {

struct order {
  std::int64_t id = 0;
  std::string item;
  std::optional<std::string> note;  // nil where there is none

  static constexpr auto etf_shape = ergo::etf::as_elixir_struct<"Shop.Order">;
};
BOOST_DESCRIBE_STRUCT(order, (), (id, item, note))

class shop {
 public:
  /// `{:place, %Shop.Order{}}` -> `{:ok, id}`
  std::expected<std::int64_t, ergo::atom> place(order placed) {
    placed.id = std::ssize(orders_) + 1;
    orders_.emplace(placed.id, placed);
    return placed.id;
  }
  /// `{:find, id}` -> `{:ok, %Shop.Order{}}` or `{:error, :not_found}`
  std::expected<order, ergo::atom> find(std::int64_t id) const {
    const auto found = orders_.find(id);
    if (found == orders_.end()) return std::unexpected{"not_found"_atom};
    return found->second;
  }
  static constexpr auto calls =
      otp::on(otp::match<"place", order>(&shop::place), otp::match<"find", std::int64_t>(&shop::find));

 private:
  std::map<std::int64_t, order> orders_;
};

}  // namespace

int main() {
  ergo::node_options options;
  options.name = "shop@localhost";
  const auto node = ergo::node::start(options);
  if (!node) {
    std::cerr << node.error().message() << '\n';
    return 1;
  }
  otp::start_options named;
  named.name = "shop"_atom;
  if (!otp::start<shop>((*node)->local(), named)) return 1;
  std::cout << "shop@localhost is ready" << std::endl;
  (*node)->run_until_signal();
}
