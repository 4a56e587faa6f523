// Identifiers, one example of every control operation, and packets for the tests of control messages.
#pragma once

#include <ergo/dist/control_decode.hpp>
#include <ergo/dist/control_encode.hpp>
#include <ergo/etf/codec.hpp>
#include <ergo/etf/term.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::test {

namespace dist = ergo::dist;
namespace control = ergo::dist::control;
namespace etf = ergo::etf;
using dist::control_errc;
using dist::flag;
using dist::flags;
using dist::operation;
using namespace etf::literals;

inline etf::node_id node(std::string_view name, std::uint32_t creation) {
  return etf::node_id::make(etf::atom::of(name), creation).value();
}

inline const etf::pid theirs{node("peer@h", 9), 100, 1};
inline const etf::pid theirs_before{node("peer@h", 8), 100, 1};  // of the peer's former incarnation
inline const etf::pid ours{node("us@h", 77), 200, 2};
inline const etf::pid third{node("third@h", 5), 300, 3};
inline const etf::reference ref{node("peer@h", 9), 3, {1, 2, 3}};
inline const etf::reference alias{node("us@h", 77), 5, {1, 2, 3, 4, 5}};

/// What is in force with OTP 23, OTP 25 to 27, and a peer with everything.
inline const flags with_23 = dist::negotiate(dist::pass_through_offer, flags{0x1'01DF'7FBC});
inline const flags with_25 = dist::negotiate(dist::pass_through_offer, flags{0xD'07DF'7FBC});
inline const flags with_29 = with_25.with(flag::altact_sig);
inline const flags with_none = dist::required_of_peers;

inline dist::control_context context(flags negotiated = with_29) { return {etf::atom::of("peer@h"), negotiated}; }

inline etf::term pick(const control::process_name& name) {
  return std::visit([](const auto& chosen) { return etf::term{chosen}; }, name);
}

/// One operation as it may be on the wire, and what it means.
struct example {
  operation op;
  etf::term tuple;
  control::message meaning;
  std::optional<etf::term> reason{};
  flags negotiated{with_29};
};

inline std::vector<example> examples() {
  const etf::atom none;
  const etf::term tok = etf::tuple(1, 2, 3, theirs, 4);
  const etf::term why = etf::tuple("shutdown"_atom, 1);
  const auto mfa = etf::tuple("erpc"_atom, "execute_call"_atom, 4);
  const auto options = etf::list("monitor"_atom);
  const auto name = "net_kernel"_atom;
  const control::spawn_request spawn{ref, theirs, third, "erpc"_atom, "execute_call"_atom, 4, options};
  const auto before_ids = with_25.without(flag::unlink_id);
  return {
      {operation::link, etf::tuple(1, theirs, ours), control::link{theirs, ours}},
      {operation::send, etf::tuple(2, none, ours), control::send{std::nullopt, ours}},
      {operation::exit, etf::tuple(3, theirs, ours, why), control::exit{theirs, ours}, why},
      {operation::unlink, etf::tuple(4, theirs, ours), control::unlink{0, theirs, ours}, {}, before_ids},
      {operation::reg_send, etf::tuple(6, theirs, none, name), control::reg_send{theirs, name}},
      {operation::group_leader, etf::tuple(7, third, ours), control::group_leader{third, ours}},
      {operation::exit2, etf::tuple(8, theirs, ours, why), control::exit2{theirs, ours}, why},
      {operation::send_tt, etf::tuple(12, none, ours, tok), control::send{std::nullopt, ours}},
      {operation::exit_tt, etf::tuple(13, theirs, ours, tok, why), control::exit{theirs, ours}, why},
      {operation::reg_send_tt, etf::tuple(16, theirs, none, name, tok), control::reg_send{theirs, name}},
      {operation::exit2_tt, etf::tuple(18, theirs, ours, tok, why), control::exit2{theirs, ours}, why},
      {operation::monitor_p, etf::tuple(19, theirs, ours, ref), control::monitor{theirs, ours, ref}},
      {operation::monitor_p, etf::tuple(19, theirs, name, ref), control::monitor{theirs, name, ref}},
      {operation::demonitor_p, etf::tuple(20, theirs, ours, ref), control::demonitor{theirs, ours, ref}},
      {operation::demonitor_p, etf::tuple(20, theirs, name, ref), control::demonitor{theirs, name, ref}},
      {operation::monitor_p_exit, etf::tuple(21, theirs, ours, ref, why), control::down{theirs, ours, ref}, why},
      {operation::monitor_p_exit, etf::tuple(21, name, ours, ref, why), control::down{name, ours, ref}, why},
      {operation::send_sender, etf::tuple(22, theirs, ours), control::send{theirs, ours}},
      {operation::send_sender_tt, etf::tuple(23, theirs, ours, tok), control::send{theirs, ours}},
      {operation::payload_exit, etf::tuple(24, theirs, ours), control::exit{theirs, ours}},
      {operation::payload_exit, etf::tuple(24, theirs_before, ours), control::exit{theirs_before, ours}},
      {operation::payload_exit_tt, etf::tuple(25, theirs, ours, tok), control::exit{theirs, ours}},
      {operation::payload_exit2, etf::tuple(26, theirs, ours), control::exit2{theirs, ours}},
      {operation::payload_exit2_tt, etf::tuple(27, theirs, ours, tok), control::exit2{theirs, ours}},
      {operation::payload_monitor_p_exit, etf::tuple(28, theirs, ours, ref), control::down{theirs, ours, ref}},
      {operation::payload_monitor_p_exit, etf::tuple(28, name, ours, ref), control::down{name, ours, ref}},
      {operation::spawn_request, etf::tuple(29, ref, theirs, third, mfa, options), spawn},
      {operation::spawn_request_tt, etf::tuple(30, ref, theirs, third, mfa, options, tok), spawn},
      {operation::spawn_reply, etf::tuple(31, ref, ours, 3, theirs),
       control::spawn_reply{ref, ours, true, true, theirs}},
      {operation::spawn_reply, etf::tuple(31, ref, ours, 0, "badopt"_atom),
       control::spawn_reply{ref, ours, false, false, "badopt"_atom}},
      {operation::spawn_reply_tt, etf::tuple(32, ref, ours, 1, theirs, tok),
       control::spawn_reply{ref, ours, true, false, theirs}},
      {operation::alias_send, etf::tuple(33, theirs, alias), control::alias_send{theirs, alias}},
      {operation::alias_send_tt, etf::tuple(34, theirs, alias, tok), control::alias_send{theirs, alias}},
      {operation::unlink_id, etf::tuple(35, 1, theirs, ours), control::unlink{1, theirs, ours}},
      {operation::unlink_id, etf::tuple(35, UINT64_MAX, theirs, ours), control::unlink{UINT64_MAX, theirs, ours}},
      {operation::unlink_id_ack, etf::tuple(36, 7, theirs, ours), control::unlink_ack{7, theirs, ours}},
      {operation::altact_sig_send, etf::tuple(37, 0, theirs, ours), control::send{theirs, ours}},
      {operation::altact_sig_send, etf::tuple(37, 4, theirs, alias), control::alias_send{theirs, alias}},
      {operation::altact_sig_send, etf::tuple(37, 5, theirs, alias),
       control::alias_send{theirs, alias, control::urgency::priority}},
      {operation::altact_sig_send, etf::tuple(37, 8, theirs, name), control::reg_send{theirs, name}},
      {operation::altact_sig_send, etf::tuple(37, 2, theirs, ours, tok), control::send{theirs, ours}},
      {operation::altact_sig_send, etf::tuple(37, 17, theirs, ours),
       control::exit2{theirs, ours, control::urgency::priority}},
      {operation::altact_sig_send, etf::tuple(37, 20, theirs, alias), control::exit2{theirs, alias}},
      {operation::altact_sig_send, etf::tuple(37, 24, theirs, name), control::exit2{theirs, name}},
  };
}

inline dist::bytes_view view(std::string_view text) { return std::as_bytes(std::span{text}); }

/// A packet's body: control message, and a payload if there is one.
inline std::string body(const etf::term& tuple, const std::optional<etf::term>& payload = std::nullopt) {
  std::string out = "\x70" + etf::encode_to_string(tuple);
  if (payload) out += etf::encode_to_string(*payload);
  return out;
}

inline std::string body(const example& e) {
  return body(e.tuple, dist::has_payload(e.op) ? std::optional{etf::tuple("hello"_atom, 5)} : std::nullopt);
}

}  // namespace ergo::test
