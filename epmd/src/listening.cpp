// Addresses: which to bind, which are local, which count together.
#include "listening.hpp"

#include <boost/asio/ip/v6_only.hpp>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "ergo/epmd/server.hpp"

namespace ergo::inline v0::epmd {
namespace {

namespace ip = boost::asio::ip;
using ip::tcp;

void add_loopback(std::vector<planned_address>& plan, std::span<const ip::address> named, const ip::address& loopback) {
  const auto covers = [&](const ip::address& a) {
    return a.is_v4() == loopback.is_v4() && (a == loopback || a.is_unspecified());
  };
  if (std::ranges::none_of(named, covers)) plan.push_back({loopback, demand::optional});
}

error failure(const boost::system::error_code& cause) {
  const bool taken = cause == boost::asio::error::address_in_use;
  return {taken ? errc::address_in_use : errc::cannot_listen, cause};
}

}  // namespace

std::expected<std::vector<ip::address>, std::string> parse_addresses(std::string_view list) {
  constexpr std::string_view separators = ", ";
  std::vector<ip::address> found;
  for (auto at = list.find_first_not_of(separators); at != list.npos; at = list.find_first_not_of(separators, at)) {
    const auto end = std::min(list.find_first_of(separators, at), list.size());
    const std::string part{list.substr(at, end - at)};
    boost::system::error_code failed;
    found.push_back(ip::make_address(part, failed));
    if (failed) return std::unexpected{part};
    at = end;
  }
  return found;
}

std::vector<planned_address> plan_listening(std::span<const ip::address> named) {
  if (named.empty()) return {{ip::address_v4::any(), demand::required}, {ip::address_v6::any(), demand::optional}};
  std::vector<planned_address> plan;
  add_loopback(plan, named, ip::address_v4::loopback());
  add_loopback(plan, named, ip::address_v6::loopback());
  for (const auto& address : named) {
    const planned_address wanted{address, demand::required};
    if (std::ranges::find(plan, wanted) == plan.end()) plan.push_back(wanted);
  }
  return plan;
}

std::expected<tcp::acceptor, error> open_acceptor(const boost::asio::any_io_executor& executor,
                                                  const tcp::endpoint& where) {
  tcp::acceptor acceptor{executor};
  boost::system::error_code failed;
  acceptor.open(where.protocol(), failed);
  if (!failed) acceptor.set_option(tcp::acceptor::reuse_address{true}, failed);
  if (!failed && where.address().is_v6()) acceptor.set_option(ip::v6_only{true}, failed);
  if (!failed) acceptor.bind(where, failed);
  if (!failed) acceptor.listen(tcp::acceptor::max_listen_connections, failed);
  // For the server's own accept when descriptors run out, which must not wait.
  if (!failed) acceptor.non_blocking(true, failed);
  if (failed) return std::unexpected{failure(failed)};
  return acceptor;
}

bool is_absent(const std::error_code& cause) {
  const int code = cause.value();
  return code == EAFNOSUPPORT || code == EPROTONOSUPPORT || code == EADDRNOTAVAIL;
}

ip::address unmapped(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

locality locality_of(const ip::address& peer, const ip::address& own) {
  const auto address = unmapped(peer);
  return address.is_loopback() || address == unmapped(own) ? locality::local : locality::remote;
}

ip::address source_of(const ip::address& peer) {
  auto address = unmapped(peer);
  if (address.is_v4() || address.is_loopback()) return address;
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return ip::address_v6{bytes};
}

}  // namespace ergo::inline v0::epmd
