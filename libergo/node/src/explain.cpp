// Sentences and cures.
#include "explain.hpp"

#include "names.hpp"

#include <ergo/epmd/error.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace ergo::inline v0 {
namespace {

using dist::handshake_errc;
using dist::peer_errc;

// In the order of connect_step.
constexpr std::array<std::string_view, 11> step_names{"resolve", "epmd",  "tcp",    "tls",  "protocol", "allow",
                                                      "name",    "flags", "cookie", "time", "given_up"};
static_assert(step_names.size() == static_cast<std::size_t>(connect_step::given_up) + 1);

struct advice {
  connect_step step;
  std::string_view cure;
};

constexpr std::string_view speak_alike =
    "check that the port belongs to the node, and that both sides use TLS or both do not";
constexpr std::string_view same_cookie =
    "give both nodes the same cookie: erlang:get_cookie() there, ~/.erlang.cookie or node_options::cookie here";

advice advice_for(handshake_errc code) {
  switch (code) {
    case handshake_errc::closed:
      return {connect_step::protocol, "look into the log of the node: it knows why it has closed the connection"};
    case handshake_errc::timeout:
      return {connect_step::time,
              "check that the node is not suspended or overloaded, and that its port is not another program's"};
    case handshake_errc::bad_message:
    case handshake_errc::too_long:
    case handshake_errc::unexpected_status: return {connect_step::protocol, speak_alike};
    case handshake_errc::bad_name: return {connect_step::name, "write the name as name@host"};
    case handshake_errc::mixed_names:
      return {connect_step::name, "start both nodes with long names (-name) or both with short ones (-sname)"};
    case handshake_errc::own_name: return {connect_step::name, "give one of the two nodes another name"};
    case handshake_errc::name_mismatch:
      return {connect_step::name, "call the node by the name that it gives itself: its node() tells it"};
    case handshake_errc::missing_flags: return {connect_step::flags, "run the node on a newer Erlang/OTP"};
    case handshake_errc::not_allowed:
      return {connect_step::allow,
              "add our name to the node's allow list (net_kernel:allow/1, node_options::allow), or look into its log"};
    case handshake_errc::refused: return {connect_step::allow, "add the node to node_options::allow"};
    case handshake_errc::wrong_cookie:
    case handshake_errc::cookie_rejected: return {connect_step::cookie, same_cookie};
    case handshake_errc::reflected:
      return {connect_step::protocol, "nobody who knows the cookie does this: find out who listens at that port"};
    case handshake_errc::digest_unavailable:
      return {connect_step::protocol, "allow MD5 in this process: Erlang's handshake needs it"};
    case handshake_errc::nok:
    case handshake_errc::yielded:
    case handshake_errc::duplicate:
    case handshake_errc::superseded: return {connect_step::given_up, "try again"};
    case handshake_errc::bad_event: break;
  }
  return {connect_step::protocol, {}};
}

connect_failure of_handshake(const dist::handshake_failure& failed) {
  const auto [step, cure] = advice_for(failed.code);
  connect_failure failure{.step = step, .what = to_string(failed), .cure = std::string{cure}};
  if (step != connect_step::flags) return failure;
  for (const auto& row : dist::flag_table()) {
    if (failed.missing.has(row.bit)) failure.missing.emplace_back(row.name);
  }
  return failure;
}

bool timed_out(const dist::peer_reason& reason) {
  return reason.system == std::errc::timed_out || reason.system == make_error_code(epmd::errc::timed_out);
}

std::string why(const dist::peer_reason& reason) {
  std::string text = reason.system ? ": " + reason.system.message() : std::string{};
  if (!reason.detail.empty()) text += ": " + reason.detail;
  return text;
}

connect_failure of_resolving(std::string_view peer, const dist::peer_reason& reason) {
  connect_failure failure{.step = connect_step::resolve, .what = {}, .cure = {}};
  if (!reason.system) {
    failure.what = "nothing says where " + std::string{peer} + " listens" + why(reason);
    failure.cure = "add the node to node_options::routes";
    return failure;
  }
  failure.what = "the host of " + std::string{peer} + " has no address" + why(reason);
  failure.cure = "check what is behind the @ of the name, the hosts file and the name server";
  return failure;
}

connect_failure of_port_mapper(std::string_view peer, const dist::peer_reason& reason) {
  const auto [node, host] = detail::halves(peer);
  connect_failure failure{.step = connect_step::epmd, .what = {}, .cure = {}};
  if (reason.system == make_error_code(epmd::errc::not_found)) {
    failure.what = "the port mapper of " + std::string{host} + " does not know the name " + std::string{node};
    failure.cure = "start the node, or call it by its right name: epmd -names lists, on that host, those that run";
    return failure;
  }
  failure.what = "the port mapper of " + std::string{host} + " does not answer as it should" + why(reason);
  failure.cure =
      "start the node (it brings its port mapper), open the port mapper's port in the firewall, or set "
      "ERL_EPMD_PORT as on that host";
  return failure;
}

connect_failure without_answer(std::string_view peer, const dist::peer_reason& reason) {
  std::string_view where = "where it should listen";
  if (reason.code == peer_errc::unregistered) where = "at the port mapper of its host";
  if (reason.code == peer_errc::tls) where = "while a private channel was made";
  if (reason.code == peer_errc::unresolved) where = "about where it listens";
  return {.step = connect_step::time,
          .what = "nobody has answered in time for " + std::string{peer} + ", " + std::string{where} +
                  (reason.detail.empty() ? "" : ": " + reason.detail),
          .cure = "check that its host is up, and that no firewall drops what is sent there"};
}

}  // namespace

std::string_view to_string(connect_step step) noexcept { return step_names[static_cast<std::size_t>(step)]; }

std::optional<connect_failure> connect_failure_of(const error& failed) {
  const auto parts = failed.context().elements();
  if (failed.code() != errc::nodedown || parts.size() != 4) return std::nullopt;
  const auto step = parts[0].as_atom();
  const auto found = step ? std::ranges::find(step_names, step->text()) : step_names.end();
  if (found == step_names.end()) return std::nullopt;
  connect_failure read{.step = static_cast<connect_step>(found - step_names.begin()),
                       .what = std::string{parts[1].bytes()},
                       .cure = std::string{parts[2].bytes()}};
  for (const auto& name : parts[3].items()) read.missing.emplace_back(name.bytes());
  return read;
}

namespace detail {

// Erlang has no word for a peer that breaks the protocol: it closes such connections.
atom nodedown_reason(dist::peer_errc code) noexcept {
  switch (code) {
    case peer_errc::silent: return "net_tick_timeout"_atom;
    case peer_errc::disconnected: return "disconnect"_atom;
    case peer_errc::stopping: return "net_kernel_terminated"_atom;
    case peer_errc::closed:
    case peer_errc::protocol:
    case peer_errc::replaced: return "connection_closed"_atom;
    case peer_errc::unresolved:
    case peer_errc::unregistered:
    case peer_errc::unreachable:
    case peer_errc::tls:
    case peer_errc::handshake:
    case peer_errc::no_answer:
    case peer_errc::superseded: break;
  }
  return "connection_setup_failed"_atom;
}

connect_failure explain(std::string_view peer, const dist::peer_reason& reason) {
  if (timed_out(reason)) return without_answer(peer, reason);
  if (reason.handshake) {
    auto failure = of_handshake(*reason.handshake);
    if (!reason.detail.empty()) failure.what += ": " + reason.detail;
    return failure;
  }
  switch (reason.code) {
    case peer_errc::unresolved: return of_resolving(peer, reason);
    case peer_errc::unregistered: return of_port_mapper(peer, reason);
    case peer_errc::unreachable:
      return {.step = connect_step::tcp,
              .what = "nobody listens where " + std::string{peer} + " should" + why(reason),
              .cure = "start the node again, or open its port in the firewall"};
    case peer_errc::tls:
      return {.step = connect_step::tls,
              .what = dist::to_string(reason),
              .cure =
                  "check that both sides use TLS or both do not, and that each one's certificate is signed by an "
                  "authority of the other, names its host and has not expired"};
    case peer_errc::no_answer:
      return {.step = connect_step::time,
              .what = dist::to_string(reason),
              .cure = "check that the node can reach this one: name, port mapper and firewall"};
    default: return {.step = connect_step::given_up, .what = dist::to_string(reason), .cure = "try again"};
  }
}

term to_term(const connect_failure& failure) {
  std::vector<term> missing;
  for (const auto& name : failure.missing) missing.push_back(etf::binary(name));
  return etf::tuple(atom::of(to_string(failure.step)), etf::binary(failure.what), etf::binary(failure.cure),
                    etf::make_list(missing));
}

}  // namespace detail
}  // namespace ergo::inline v0
