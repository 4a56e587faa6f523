// Rules for the own name.
#include "names.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>

namespace ergo::inline v0::detail {
namespace {

std::string canonical(const std::string& host) {
  const addrinfo hints{.ai_flags = AI_CANONNAME,
                       .ai_family = AF_UNSPEC,
                       .ai_socktype = SOCK_STREAM,
                       .ai_protocol = 0,
                       .ai_addrlen = 0,
                       .ai_addr = nullptr,
                       .ai_canonname = nullptr,
                       .ai_next = nullptr};
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{found, &::freeaddrinfo};
  return found->ai_canonname == nullptr ? std::string{} : std::string{found->ai_canonname};
}

dist::naming kind_of_host(std::string_view host) {
  return host.find('.') != host.npos || host.find(':') != host.npos ? dist::naming::long_names
                                                                    : dist::naming::short_names;
}

std::string_view before_dot(std::string_view host) { return host.substr(0, host.find('.')); }

std::expected<std::string, std::string> own_host(name_kind kind, const host_names& here) {
  if (kind != name_kind::long_names) {
    if (before_dot(here.plain).empty())
      return std::unexpected{"this computer has no host name; write the node's name as name@host"};
    return std::string{before_dot(here.plain)};
  }
  for (const auto* const name : {&here.full, &here.plain}) {
    if (name->find('.') != name->npos) return *name;
  }
  return std::unexpected{
      "this computer's host name has no domain, which a long node name needs; write the name as name@host.domain"};
}

}  // namespace

host_names read_host_names() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  host_names read{.plain = name.data(), .full = {}};
  read.full = canonical(read.plain);
  return read;
}

std::pair<std::string_view, std::string_view> halves(std::string_view name) noexcept {
  const auto at = name.find('@');
  if (at == name.npos) return {};
  return {name.substr(0, at), name.substr(at + 1)};
}

std::expected<full_name, std::string> complete_name(std::string_view given, name_kind kind, const host_names& here) {
  full_name name;
  if (given.find('@') == given.npos) {
    auto host = own_host(kind, here);
    if (!host) return std::unexpected{std::move(host.error())};
    name.node = given;
    name.host = *std::move(host);
  } else {
    const auto [node, host] = halves(given);
    name.node = node;
    name.host = host;
  }
  if (!dist::valid_node_name(name.text())) {
    return std::unexpected{"\"" + std::string{given} +
                           "\" is no node name: name@host, at most 255 characters, no spaces"};
  }
  name.kind = kind_of_host(name.host);
  if (kind == name_kind::short_names && name.kind != dist::naming::short_names) {
    return std::unexpected{"\"" + name.host + "\" is no host for short names, because it has a dot; use a long name"};
  }
  if (kind == name_kind::long_names && name.kind != dist::naming::long_names) {
    return std::unexpected{"\"" + name.host + "\" is no host for long names, because it has no dot; use a short name"};
  }
  return name;
}

std::expected<full_name, std::string> complete_unnamed(std::string_view given, name_kind kind, std::string_view by,
                                                       const host_names& here) {
  constexpr std::string_view no_name = "undefined";
  if (!dist::valid_node_name(by)) {
    return std::unexpected{"\"" + std::string{by} + "\" (node_options::named_by) is no node name: name@host"};
  }
  if (kind == name_kind::automatic) {
    kind = dist::naming_of(by) == dist::naming::long_names ? name_kind::long_names : name_kind::short_names;
  }
  auto name = complete_name(given.empty() ? no_name : given, kind, here);
  if (name && name->node != no_name) {
    return std::unexpected{
        "a node that another one names (node_options::named_by) has no name of its own: leave the "
        "name empty, or write undefined@host"};
  }
  return name;
}

}  // namespace ergo::inline v0::detail
