#include "builtins_ports.hpp"

#include "shelf.hpp"

#include <ergo/runtime.hpp>

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace ergo::inline v0::detail {
namespace {

term entry(std::string_view name, const term& value) { return etf::tuple(atom::of(name), value); }

std::vector<socket_facts> sockets_of(const system_facts& facts) {
  return facts.sockets ? facts.sockets() : std::vector<socket_facts>{};
}

term port_of(const process& self, const socket_facts& one) {
  return term{etf::port{.node = self.node().identity(), .id = one.id}};
}

// ----- addresses, as `inet` has them --------------------------------------------------------------------------------

struct address {
  term ip;
  std::uint16_t port = 0;
};

term four_bytes(const std::uint8_t* bytes) { return etf::tuple(bytes[0], bytes[1], bytes[2], bytes[3]); }

std::optional<address> read_address(const sockaddr_storage& stored) {
  if (stored.ss_family == AF_INET) {
    sockaddr_in known{};
    std::memcpy(&known, &stored, sizeof known);
    const auto bytes = std::bit_cast<std::array<std::uint8_t, 4>>(known.sin_addr.s_addr);
    return address{four_bytes(bytes.data()), ntohs(known.sin_port)};
  }
  if (stored.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 known{};
  std::memcpy(&known, &stored, sizeof known);
  const auto* const bytes = known.sin6_addr.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&known.sin6_addr)) return address{four_bytes(bytes + 12), ntohs(known.sin6_port)};
  std::vector<term> words;
  for (std::size_t index = 0; index < 16; index += 2) words.emplace_back(bytes[index] * 256 + bytes[index + 1]);
  return address{etf::make_tuple(words), ntohs(known.sin6_port)};
}

void add_address(std::vector<term>& to, const sockaddr_storage& stored, std::string_view ip, std::string_view port) {
  const auto known = read_address(stored);
  if (!known) return;
  to.push_back(entry(ip, known->ip));
  to.push_back(entry(port, term{known->port}));
}

// What `inet` tells beyond `erlang:port_info`: counters, addresses, options.
term internet_facts(const socket_facts& one) {
  std::vector<term> all;
  all.push_back(
      entry("statistics", etf::list(entry("recv_oct", term{one.bytes_in}), entry("recv_cnt", term{one.packets_in}),
                                    entry("send_oct", term{one.bytes_out}), entry("send_cnt", term{one.packets_out}),
                                    entry("send_pend", term{one.unsent}))));
  add_address(all, one.ends.remote, "remote_address", "remote_port");
  add_address(all, one.ends.local, "local_address", "local_port");
  all.push_back(entry("options", term{}));
  return etf::make_list(all);
}

// ----- ports --------------------------------------------------------------------------------------------------------

constexpr auto usual_items =
    std::to_array<std::string_view>({"name", "links", "id", "connected", "input", "output", "os_pid"});
constexpr auto further_items =
    std::to_array<std::string_view>({"monitors", "monitored_by", "parallelism", "locking", "queue_size", "memory"});

term item_of(const process& self, const socket_facts& one, std::string_view item) {
  const auto owner = self.node().whereis("net_kernel"_atom);
  auto owner_term = owner ? term{*owner} : term{"undefined"_atom};
  if (item == "name") return characters("tcp_inet");
  if (item == "links") return owner ? etf::list(*owner) : term{};
  if (item == "id") return term{one.id};
  if (item == "connected") return owner_term;
  if (item == "input") return term{one.bytes_in};
  if (item == "output") return term{one.bytes_out};
  if (item == "queue_size" || item == "memory") return term{one.unsent};
  if (item == "parallelism") return term{"false"_atom};
  if (item == "locking") return term{"port_level"_atom};
  if (item == "os_pid") return term{"undefined"_atom};
  return {};
}

bool is_item(std::string_view name) {
  return std::ranges::find(usual_items, name) != usual_items.end() ||
         std::ranges::find(further_items, name) != further_items.end();
}

void add_items(std::vector<term>& to, const process& self, const socket_facts& one,
               std::span<const std::string_view> items) {
  for (const auto item : items) to.push_back(entry(item, item_of(self, one, item)));
}

std::optional<socket_facts> find_port(const process& self, const system_facts& facts, const etf::port& which) {
  if (which.node != self.node().identity()) return std::nullopt;
  for (auto& one : sockets_of(facts)) {
    if (one.id == which.id) return one;
  }
  return std::nullopt;
}

// As for a port of another node, what is no port of ours is an error, and one that is closed is undefined.
result<term> port_info(process& self, const system_facts& facts, const term& port) {
  const auto which = port.as_port();
  if (!which || which->node != self.node().identity()) return fail(errc::badarg);
  const auto found = find_port(self, facts, *which);
  if (!found) return term{"undefined"_atom};
  std::vector<term> all;
  add_items(all, self, *found, usual_items);
  return etf::make_list(all);
}

result<term> port_info_item(process& self, const system_facts& facts, const term& port, atom item) {
  const auto which = port.as_port();
  if (!which || which->node != self.node().identity() || !(is_item(item.text()) || item == "registered_name"_atom))
    return fail(errc::badarg);
  const auto found = find_port(self, facts, *which);
  if (!found) return term{"undefined"_atom};
  if (item == "registered_name"_atom) return term{};
  return etf::tuple(item, item_of(self, *found, item.text()));
}

term all_ports(process& self, const system_facts& facts) {
  std::vector<term> all;
  for (const auto& one : sockets_of(facts)) all.push_back(port_of(self, one));
  return etf::make_list(all);
}

term port_page(process& self, const system_facts& facts) {
  std::vector<term> page;
  for (const auto& one : sockets_of(facts)) {
    std::vector<term> row{entry("port_id", port_of(self, one))};
    add_items(row, self, one, usual_items);
    add_items(row, self, one, further_items);
    row.push_back(entry("inet", internet_facts(one)));
    page.push_back(etf::make_list(row));
  }
  return etf::make_list(page);
}

// Sockets of Erlang's module `socket`: there are none, ours are shown as ports.
term socket_page() {
  static constexpr auto counted = std::to_array<std::string_view>(
      {"num_monitors", "num_cnt_bits", "num_dlocal", "num_dinet", "num_dinet6", "num_pip", "num_psctp", "num_ptcp",
       "num_pudp", "num_sockets", "num_tdgrams", "num_tseqpkgs", "num_tstreams"});
  std::vector<term> page{entry("iov_max", term{::sysconf(_SC_IOV_MAX)})};
  for (const auto name : counted) page.push_back(entry(name, term{name == "num_cnt_bits" ? 64 : 0}));
  return etf::make_list(page);
}

}  // namespace

void add_port_builtins(function_table& to, const system_facts& facts) {
  shelf{to, "erlang", right::observe}
      .add("ports", [facts](process& self) { return all_ports(self, facts); })
      .add("port_info", [facts](process& self, const term& port) { return port_info(self, facts, port); })
      .add("port_info",
           [facts](process& self, const term& port, atom item) { return port_info_item(self, facts, port, item); });
  shelf{to, "observer_backend", right::observe}
      .add("get_port_list", [facts](process& self) { return port_page(self, facts); })
      .add("get_socket_list", [] { return term{}; })
      .add("socket_info", socket_page);
}

}  // namespace ergo::inline v0::detail
