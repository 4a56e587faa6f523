// Rights of nodes.
#include "rights.hpp"

#include "node_state.hpp"

#include <ergo/dist/allow_list.hpp>
#include <ergo/rights.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

namespace ergo::inline v0::detail {

void rights_policy::met(atom node, nearness where) {
  const std::unique_lock lock{mutex_};
  if (where != nearness::elsewhere) {
    near_.insert(node);
  } else {
    near_.erase(node);
  }
}

right rights_policy::of(atom node) const {
  const auto granted = std::ranges::find_if(
      grants_, [name = node.text()](const grant& one) { return dist::matches_glob(one.nodes, name); });
  if (granted != grants_.end()) return granted->may;
  const std::shared_lock lock{mutex_};
  return near_.contains(node) ? right::all : right::observe | right::call;
}

nearness nearness_of(int descriptor) noexcept {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return nearness::elsewhere;
  constexpr std::array<unsigned char, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  bool loopback = false;
  if (address.ss_family == AF_INET) {
    loopback = (ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24) == 127;
  } else if (address.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    const bool four = std::memcmp(six.s6_addr, mapped.data(), mapped.size()) == 0;
    loopback = IN6_IS_ADDR_LOOPBACK(&six) || (four && six.s6_addr[12] == 127);
  }
  return loopback ? nearness::this_computer : nearness::elsewhere;
}

}  // namespace ergo::inline v0::detail

namespace ergo::inline v0 {

right rights_of(const node& on, atom peer) { return on.shared_state()->functions().policy().of(peer); }

}  // namespace ergo::inline v0
