// Control messages to packets.
#include <ergo/dist/control_encode.hpp>

#include "operations.hpp"

#include <utility>

namespace ergo::inline v0::dist {
namespace {

namespace altact = detail::altact;

// One packet under construction: `{Op, …}` first, then perhaps a payload. What is not finished is taken back.
class writer {
 public:
  writer(etf::buffer& out, operation op, std::size_t arity, const encode_context& peer) : out_{out}, peer_{peer} {
    static_cast<void>(out_.reserve(largest_head));  // nothing below fails, so that there is nothing to take back yet
    start_ = begin_packet(out, peer);
    std::byte* to = out_.reserve(4);
    to[0] = std::byte{104};
    to[1] = static_cast<std::byte>(arity);
    to[2] = std::byte{97};
    to[3] = static_cast<std::byte>(op);
    out_.commit(4);
  }
  writer(writer&& other) noexcept
      : out_{other.out_}, peer_{other.peer_}, start_{other.start_}, finished_{std::exchange(other.finished_, true)} {}
  ~writer() {
    if (!finished_) drop_packet(out_, start_);
  }

  writer& add(const etf::pid& value) {
    etf::encode_pid(out_, value);
    return *this;
  }
  writer& add(etf::atom value) {
    etf::encode_atom(out_, value);
    return *this;
  }
  writer& add(const etf::reference& value) {
    etf::encode_reference(out_, value);
    return *this;
  }
  writer& add(const etf::term& value) {
    etf::encode_bare(out_, value);
    return *this;
  }
  template <typename... Alternatives>
  writer& add(const std::variant<Alternatives...>& value) {
    std::visit([this](const auto& chosen) { this->add(chosen); }, value);
    return *this;
  }
  writer& add_number(std::uint64_t value) {
    if (value <= INT64_MAX) {
      etf::encode_integer(out_, static_cast<std::int64_t>(value));
    } else {
      etf::encode_bare(out_, etf::term{value});
    }
    return *this;
  }

  encode_result finish() {
    finished_ = end_packet(out_, start_, peer_);
    if (!finished_) return std::unexpected{encode_errc::too_long};
    return {};
  }
  encode_result finish(const etf::term& payload, const etf::encode_options& options = {}) {
    begin_payload(out_, start_, peer_);
    etf::encode_bare(out_, payload, options);
    return finish();
  }

 private:
  static constexpr std::size_t largest_head = 16;

  etf::buffer& out_;
  const encode_context& peer_;
  packet_start start_{};
  bool finished_{false};
};

constexpr encode_result refused() { return std::unexpected{encode_errc::not_negotiated}; }

bool urgent(control::urgency how, const encode_context& peer) {
  return how == control::urgency::priority && peer.negotiated.has(flag::altact_sig);
}

std::uint64_t altact_flags(control::urgency how, std::uint64_t others) {
  return others | (how == control::urgency::priority ? altact::priority : 0);
}

template <typename To>
writer altact_packet(etf::buffer& out, std::uint64_t signal_flags, const etf::pid& from, const To& to,
                     const encode_context& peer) {
  writer packet{out, operation::altact_sig_send, 4, peer};
  packet.add_number(signal_flags).add(from).add(to);
  return packet;
}

std::uint64_t kind_of(const control::destination& to) {
  if (std::holds_alternative<etf::reference>(to)) return altact::alias;
  return std::holds_alternative<etf::atom>(to) ? altact::name : 0;
}

// `{Op, Fields…}` with the reason inside or behind, as negotiated.
template <typename... Field>
encode_result with_reason(etf::buffer& out, operation inside, operation behind, const etf::term& reason,
                          const encode_context& peer, const Field&... field) {
  constexpr std::size_t fields = 1 + sizeof...(field);
  const bool payload = peer.negotiated.has(flag::exit_payload);
  writer packet{out, payload ? behind : inside, payload ? fields : fields + 1, peer};
  (packet.add(field), ...);
  return payload ? packet.finish(reason) : packet.add(reason).finish();
}

}  // namespace

encode_result encode(etf::buffer& out, const control::send& signal, const etf::term& payload,
                     const encode_context& peer, const etf::encode_options& options) {
  if (signal.from && urgent(signal.how, peer))
    return altact_packet(out, altact::priority, *signal.from, signal.to, peer).finish(payload, options);
  if (signal.from && peer.negotiated.has(flag::send_sender)) {
    writer packet{out, operation::send_sender, 3, peer};
    return packet.add(*signal.from).add(signal.to).finish(payload, options);
  }
  writer packet{out, operation::send, 3, peer};
  return packet.add(etf::atom{}).add(signal.to).finish(payload, options);
}

encode_result encode(etf::buffer& out, const control::reg_send& signal, const etf::term& payload,
                     const encode_context& peer, const etf::encode_options& options) {
  if (urgent(signal.how, peer))
    return altact_packet(out, altact::priority | altact::name, signal.from, signal.name, peer).finish(payload, options);
  writer packet{out, operation::reg_send, 4, peer};
  return packet.add(signal.from).add(etf::atom{}).add(signal.name).finish(payload, options);
}

encode_result encode(etf::buffer& out, const control::alias_send& signal, const etf::term& payload,
                     const encode_context& peer, const etf::encode_options& options) {
  if (peer.negotiated.has(flag::altact_sig))
    return altact_packet(out, altact_flags(signal.how, altact::alias), signal.from, signal.alias, peer)
        .finish(payload, options);
  if (!peer.negotiated.has(flag::alias)) return refused();
  writer packet{out, operation::alias_send, 3, peer};
  return packet.add(signal.from).add(signal.alias).finish(payload, options);
}

encode_result encode(etf::buffer& out, const control::exit& signal, const etf::term& reason,
                     const encode_context& peer) {
  return with_reason(out, operation::exit, operation::payload_exit, reason, peer, signal.from, signal.to);
}

encode_result encode(etf::buffer& out, const control::exit2& signal, const etf::term& reason,
                     const encode_context& peer) {
  const auto* to = std::get_if<etf::pid>(&signal.to);
  if (!to || urgent(signal.how, peer)) {
    if (!peer.negotiated.has(flag::altact_sig)) return refused();
    const auto signal_flags = altact_flags(signal.how, altact::exit | kind_of(signal.to));
    return altact_packet(out, signal_flags, signal.from, signal.to, peer).finish(reason);
  }
  return with_reason(out, operation::exit2, operation::payload_exit2, reason, peer, signal.from, *to);
}

encode_result encode(etf::buffer& out, const control::down& signal, const etf::term& reason,
                     const encode_context& peer) {
  return with_reason(out, operation::monitor_p_exit, operation::payload_monitor_p_exit, reason, peer, signal.target,
                     signal.to, signal.ref);
}

encode_result encode(etf::buffer& out, const control::link& signal, const encode_context& peer) {
  writer packet{out, operation::link, 3, peer};
  return packet.add(signal.from).add(signal.to).finish();
}

encode_result encode(etf::buffer& out, const control::unlink& signal, const encode_context& peer) {
  if (!peer.negotiated.has(flag::unlink_id)) {
    writer packet{out, operation::unlink, 3, peer};
    return packet.add(signal.from).add(signal.to).finish();
  }
  writer packet{out, operation::unlink_id, 4, peer};
  return packet.add_number(signal.id).add(signal.from).add(signal.to).finish();
}

encode_result encode(etf::buffer& out, const control::unlink_ack& signal, const encode_context& peer) {
  if (!peer.negotiated.has(flag::unlink_id)) return refused();
  writer packet{out, operation::unlink_id_ack, 4, peer};
  return packet.add_number(signal.id).add(signal.from).add(signal.to).finish();
}

encode_result encode(etf::buffer& out, const control::monitor& signal, const encode_context& peer) {
  writer packet{out, operation::monitor_p, 4, peer};
  return packet.add(signal.from).add(signal.target).add(signal.ref).finish();
}

encode_result encode(etf::buffer& out, const control::demonitor& signal, const encode_context& peer) {
  writer packet{out, operation::demonitor_p, 4, peer};
  return packet.add(signal.from).add(signal.target).add(signal.ref).finish();
}

encode_result encode(etf::buffer& out, const control::group_leader& signal, const encode_context& peer) {
  writer packet{out, operation::group_leader, 3, peer};
  return packet.add(signal.leader).add(signal.to).finish();
}

encode_result encode(etf::buffer& out, const control::spawn_request& signal, const etf::term& arguments,
                     const encode_context& peer) {
  if (!peer.negotiated.has(flag::spawn)) return refused();
  writer packet{out, operation::spawn_request, 6, peer};
  packet.add(signal.id).add(signal.from).add(signal.leader);
  etf::encode_tuple_header(out, 3);
  packet.add(signal.module).add(signal.function).add_number(signal.arity).add(signal.options);
  return packet.finish(arguments);
}

encode_result encode(etf::buffer& out, const control::spawn_reply& signal, const encode_context& peer) {
  const std::uint64_t made = (signal.linked ? 1U : 0U) | (signal.monitored ? 2U : 0U);
  writer packet{out, operation::spawn_reply, 5, peer};
  return packet.add(signal.id).add(signal.to).add_number(made).add(signal.result).finish();
}

}  // namespace ergo::inline v0::dist
