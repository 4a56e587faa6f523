// Addresses and listening sockets.
#include "listening.hpp"

#include <boost/asio/ip/v6_only.hpp>

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace ip = boost::asio::ip;
using ip::tcp;

std::optional<ip::address> address_of(const sockaddr* raw) {
  if (raw == nullptr) return std::nullopt;
  if (raw->sa_family == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(raw);
    return ip::address{ip::address_v4{ntohl(v4->sin_addr.s_addr)}};
  }
  if (raw->sa_family == AF_INET6) {
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(raw);
    ip::address_v6::bytes_type bytes{};
    std::copy_n(v6->sin6_addr.s6_addr, bytes.size(), bytes.begin());
    return ip::address{ip::address_v6{bytes, v6->sin6_scope_id}};
  }
  return std::nullopt;
}

void add(addresses& list, const ip::address& one) {
  if (std::ranges::find(list, one) == list.end()) list.push_back(one);
}

boost::system::error_code open_one(tcp::acceptor& made, const tcp::endpoint& where) {
  boost::system::error_code failed;
  made.open(where.protocol(), failed);
  if (!failed) made.set_option(tcp::acceptor::reuse_address{true}, failed);
  if (!failed && where.address().is_v6()) made.set_option(ip::v6_only{true}, failed);
  if (!failed) made.bind(where, failed);
  if (!failed) made.listen(tcp::acceptor::max_listen_connections, failed);
  return failed;
}

using listeners = std::vector<tcp::acceptor>;
struct refusal {
  boost::system::error_code cause;
  ip::address where;
};

// All addresses at one port; port 0 takes what the first one is given.
std::expected<listeners, refusal> open_all(boost::asio::io_context& on, const addresses& where, std::uint16_t port) {
  listeners made;
  for (const auto& address : where) {
    auto& one = made.emplace_back(on);
    if (const auto failed = open_one(one, {address, port})) return std::unexpected{refusal{failed, address}};
    port = one.local_endpoint().port();
  }
  return made;
}

}  // namespace

addresses resolve(const std::string& host) {
  boost::system::error_code failed;
  if (const auto literal = ip::make_address(host, failed); !failed) return {literal};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{found, &::freeaddrinfo};
  addresses list;
  for (const auto* one = found; one != nullptr; one = one->ai_next) {
    if (const auto address = address_of(one->ai_addr)) add(list, *address);
  }
  return list;
}

addresses outside_addresses() {
  ifaddrs* found = nullptr;
  if (::getifaddrs(&found) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner{found, &::freeifaddrs};
  addresses list;
  for (const auto* one = found; one != nullptr; one = one->ifa_next) {
    const auto address = address_of(one->ifa_addr);
    if (address && !address->is_loopback() && !(address->is_v6() && address->to_v6().is_link_local()))
      add(list, *address);
  }
  return list;
}

std::expected<addresses, std::string> plan_addresses(const full_name& name, const std::vector<std::string>& wanted,
                                                     const resolve_function& ask) {
  addresses list;
  for (const auto& host : wanted) {
    if (host == "*") return addresses{ip::address_v4::any(), ip::address_v6::any()};
    const auto found = ask(host);
    if (found.empty())
      return std::unexpected{"cannot listen on " + host + " (node_options::listen): it is no address of this network"};
    for (const auto& one : found) add(list, one);
  }
  if (!wanted.empty()) return list;
  list = ask(name.host);
  if (list.empty()) {
    return std::unexpected{
        "the host part of " + name.text() +
        " does not resolve to an address; name the node after a host that does, or set node_options::listen"};
  }
  return list;
}

std::string listening_note(std::string_view host, const addresses& chosen, const addresses& others, carrier by) {
  const auto is_loopback = [](const ip::address& one) { return one.is_loopback(); };
  if (std::ranges::all_of(chosen, is_loopback)) {
    boost::system::error_code no_literal;
    (void)ip::make_address(host, no_literal);
    if (others.empty() || !no_literal || host == "localhost") return {};
    return "listens on loopback only, because its host name resolves to nothing else, although this computer has other "
           "addresses; node_options::listen changes that";
  }
  if (by == carrier::tls) return {};
  return "listens on the network without encryption: whoever reads its traffic can act as any node of the cluster";
}

std::expected<listeners, std::string> open_listeners(boost::asio::io_context& on, const addresses& where,
                                                     std::uint16_t first, std::uint16_t last) {
  constexpr int tries_for_a_common_port = 16;  // the system's choice for one address may be taken on the next
  last = std::max(first, last);
  refusal why{};
  const auto attempts = first == 0 ? tries_for_a_common_port : last - first + 1;
  auto list = where;
  for (int turn = 0; turn < attempts; ++turn) {
    const auto port = first == 0 ? first : static_cast<std::uint16_t>(first + turn);
    auto made = open_all(on, list, port);
    if (made) return *std::move(made);
    why = made.error();
    // A kernel without IPv6 is no reason not to listen on IPv4.
    if (why.cause == boost::asio::error::address_family_not_supported && list.size() > 1) {
      std::erase(list, why.where);
      --turn;
      continue;
    }
    if (why.cause != boost::asio::error::address_in_use) break;
  }
  auto place = why.where.to_string();
  if (first != 0) place += " port " + std::to_string(first) + (last != first ? " to " + std::to_string(last) : "");
  return std::unexpected{"cannot listen on " + place + ": " + why.cause.message()};
}

namespace asio = boost::asio;

std::string counted_as(const asio::ip::address& from) {
  if (from.is_v4()) return from.to_string();
  const auto whole = from.to_v6();
  if (whole.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, whole).to_string();
  auto bytes = whole.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return asio::ip::address_v6{bytes, whole.scope_id()}.to_string() + "/64";
}

bool is_shortage(const boost::system::error_code& failed) noexcept {
  const auto code = failed.value();
  return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

}  // namespace ergo::inline v0::detail
