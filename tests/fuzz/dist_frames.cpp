// A connection after its handshake: any bytes in any chunks. Oracles: the packets do not depend on the chunks; memory
// follows what was received; a kept packet is not overwritten; the short and the long way to decode a control message
// agree; what was understood is encoded, in every set of flags, into something that is understood again.
#include <ergo/dist/control_decode.hpp>
#include <ergo/dist/control_encode.hpp>
#include <ergo/etf/codec.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace ergo::dist;
namespace etf = ergo::etf;
using outcome = receive_buffer::outcome;

/// Stops the fuzzer: a broken promise is a finding.
void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::uint32_t max_packet = 1U << 20;

std::string text(bytes_view bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

const control_context& context(flags negotiated) {
  static const auto make = [](flags f) {
    control_context made{etf::atom::of("peer@h"), f};
    // No new atoms: a long run would fill the table, and the verdicts would depend on what ran before.
    made.limits.atoms = etf::atom_policy::known_only;
    made.limits.memory = 16U << 20;
    return made;
  };
  static const control_context with_ids = make(pass_through_offer.with(flag::altact_sig));
  static const control_context without_ids = make(mandatory_23);
  return negotiated.has(flag::unlink_id) ? with_ids : without_ids;
}

template <typename Signal>
encode_result put(etf::buffer& out, const Signal& signal, const etf::term& term, flags negotiated) {
  if constexpr (requires { encode(out, signal, term, negotiated); })
    return encode(out, signal, term, negotiated);
  else
    return encode(out, signal, negotiated);
}

// The meaning that is left of a signal where less was negotiated.
control::message in_terms_of(control::message message, flags negotiated) {
  const bool altact = negotiated.has(flag::altact_sig);
  if (auto* send = std::get_if<control::send>(&message)) {
    if (!negotiated.has(flag::send_sender) && !(altact && send->how == control::urgency::priority)) send->from.reset();
    if (!altact || !send->from) send->how = control::urgency::ordinary;
  }
  if (auto* send = std::get_if<control::reg_send>(&message); send && !altact) send->how = control::urgency::ordinary;
  if (auto* send = std::get_if<control::alias_send>(&message); send && !altact) send->how = control::urgency::ordinary;
  if (auto* exit = std::get_if<control::exit2>(&message); exit && !altact) exit->how = control::urgency::ordinary;
  if (auto* unlink = std::get_if<control::unlink>(&message); unlink && !negotiated.has(flag::unlink_id)) unlink->id = 0;
  return message;
}

void round_trip(const received_control& control, const etf::term& payload, flags negotiated) {
  // An unlink of the old protocol has no id to send where ids are in force.
  const auto* unlink = std::get_if<control::unlink>(&control.message);
  if (unlink && unlink->id == 0 && negotiated.has(flag::unlink_id)) return;
  etf::buffer out;
  const auto put_any = [&](const auto& signal) { return put(out, signal, payload, negotiated); };
  const auto result = std::visit(put_any, control.message);
  if (!result) {
    require(result.error() == encode_errc::not_negotiated && out.empty());
    return;
  }
  receive_buffer in;
  const std::string bytes = out.to_string();
  in.feed(std::as_bytes(std::span{bytes}));
  const auto packet = in.next();
  require(packet.what == outcome::packet && in.unread() == 0);
  const auto again = decode_control(packet.body, context(negotiated));
  require(again.has_value() && again->message == in_terms_of(control.message, negotiated));
  if (again->reason) require(*again->reason == payload);
  if (!again->payload.empty()) {
    const auto decoded = etf::decode_bare(again->payload, context(negotiated).limits);
    require(decoded.has_value() && decoded->value == payload && decoded->consumed == again->payload.size());
  }
}

void judge(bytes_view body, flags negotiated) {
  const auto& with = context(negotiated);
  const auto quick = decode_control(body, with);
  const bytes_view terms = pass_through(body);
  const auto term = terms.empty() ? std::unexpected{etf::error{}} : etf::decode_bare(terms, with.limits);
  if (!term) return require(!quick);
  const auto slow = read_control(term->value, with);
  if (!slow) return require(!quick && quick.error() == slow.error() && !to_string(quick.error()).empty());
  if (!quick)
    return require(quick.error().code == control_errc::no_payload || quick.error().code == control_errc::bad_term);
  require(quick->message == slow->message && quick->op == slow->op && quick->reason == slow->reason);
  etf::term payload;
  if (quick->reason) payload = *quick->reason;
  if (!quick->payload.empty()) {
    auto decoded = etf::decode_bare(quick->payload, with.limits);
    if (!decoded) return;
    payload = std::move(decoded->value);
  }
  for (const flags f : {mandatory_23, pass_through_offer, pass_through_offer.with(flag::altact_sig)})
    round_trip(*quick, payload, f);
}

struct loan {
  std::shared_ptr<const void> owner;
  bytes_view body;
  std::string copy;
};

// Everything that comes out of the stream when it arrives in chunks of these sizes.
std::vector<std::string> packets(bytes_view stream, std::span<const std::uint8_t> sizes, packet_options options) {
  receive_buffer in{options};
  std::vector<std::string> out;
  std::vector<loan> loans;
  std::size_t received = 0;
  for (std::size_t at = 0, i = 0; at < stream.size(); ++i) {
    const std::size_t wanted = 1 + std::size_t{sizes.empty() ? std::uint8_t{255} : sizes[i % sizes.size()]} * 3;
    const auto chunk = stream.subspan(at, std::min(wanted, stream.size() - at));
    in.feed(chunk);
    at += chunk.size();
    received += chunk.size();
    require(in.capacity() <= std::max({options.block, options.eager, 4 * received}) + 8192);
    for (auto next = in.next(); next.what != outcome::need_more; next = in.next()) {
      if (next.what == outcome::too_long) {
        out.emplace_back("too long");
        return out;
      }
      require((next.what == outcome::tick) == next.body.empty());
      out.push_back(text(next.body));
      const auto* owner = in.owner_of(next.body);
      if (owner && loans.size() < 8) loans.push_back({*owner, next.body, out.back()});
    }
  }
  for (const loan& l : loans) require(text(l.body) == l.copy);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 12) return 0;
  // Known atoms, so that control messages with names pass.
  static const auto known =
      std::array{etf::atom::of("us@h"), etf::atom::of("peer@h"), etf::atom::of("third@h"), etf::atom::of("hello")};
  static_cast<void>(known);
  const flags negotiated = (data[0] & 1) != 0 ? mandatory_23 : pass_through_offer;
  const packet_options small{.max_packet = max_packet, .block = data[1], .eager = std::size_t{data[2]} * 16};
  const std::span sizes{data + 3, std::size_t{8}};
  const bytes_view stream = std::as_bytes(std::span{data, size}).subspan(11);
  const auto whole = packets(stream, {}, {.max_packet = max_packet});
  require(packets(stream, sizes, small) == whole);
  for (const std::string& body : whole) judge(std::as_bytes(std::span{body}), negotiated);
  // The rest of the time goes into one packet, without the need to guess its length.
  judge(stream, negotiated);
  return 0;
}
