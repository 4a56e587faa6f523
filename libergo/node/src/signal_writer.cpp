// One function per kind of signal. Calls, casts and answers are written piece by piece: no tuple is built for them.
#include "signal_writer.hpp"

#include <ergo/dist/control_encode.hpp>
#include <ergo/etf/codec.hpp>
#include <ergo/etf/text.hpp>

#include <memory>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace control = dist::control;
using dist::flag;
using dist::operation;

constexpr std::uint8_t list_tag = 108;
constexpr std::int64_t with_priority = 1;  // flags of ALTACT_SIG_SEND
constexpr std::int64_t to_alias = 4;
constexpr std::size_t longest_payload = (std::size_t{1} << 31) - (1U << 20);
constexpr std::size_t worth_measuring = 16U << 20;  // smaller sizes are below any limit
constexpr etf::encode_options gathering{.gather_from = 32U << 10};

std::uint64_t unlink_id(const term& payload) {
  if (const auto small = payload.as_integer()) return static_cast<std::uint64_t>(*small);
  return payload.as_unsigned().value_or(0);
}

control::process_name target_of(const destination& to) {
  if (to.by_name()) return to.name();
  return to.process();
}

}  // namespace

std::string traced(const pid& who) { return who == pid{} ? std::string{} : etf::to_text(term{who}); }
std::string traced(const term& who) { return etf::to_text(who); }
std::string traced(const control::process_name& who) {
  if (const auto* const name = std::get_if<atom>(&who)) return etf::to_text(*name);
  return traced(std::get<pid>(who));
}

template <typename From, typename To>
void signal_writer::trace_out(operation op, const From& from, const To& to) const {
  if (!wire_.trace.on(trace_category::dist)) return;
  wire_.trace.message({direction::out, wire_.peer.name(), dist::to_string(op), traced(from), traced(to),
                       out_.size() - begun_ + packets_.large()});
}

void signal_writer::write(const outgoing& what, std::size_t size) {
  auto& envelope = *what.envelope;
  if (stale(what)) return answer_stale(what);
  const auto give_back = [](signal* one) noexcept { release(one); };
  const std::unique_ptr<signal, decltype(give_back)> held{&envelope, give_back};  // also where memory runs out
  if (size >= worth_measuring && too_long(envelope, size)) {
    auto reason = etf::tuple("system_limit"_atom, wire_.peer.name());
    return tell({envelope.from, make_signal(signal_kind::exit, envelope.from, std::move(reason))});
  }
  begun_ = out_.size();
  switch (envelope.kind) {
    case signal_kind::message: message(what); break;
    case signal_kind::cast: cast(what); break;
    case signal_kind::call: call(what); break;
    case signal_kind::reply: reply(what); break;
    case signal_kind::link: link(what); break;
    case signal_kind::unlink: unlink(what); break;
    case signal_kind::monitor: monitor(what); break;
    case signal_kind::demonitor: demonitor(what); break;
    case signal_kind::down: down(what); break;
    case signal_kind::spawn_request: spawn(what); break;
    default: control(what); break;
  }
}

// ----- messages -----------------------------------------------------------------------------------------------------

void signal_writer::begin(operation op, std::size_t arity) {
  start_ = dist::begin_packet(out_, packets_);
  op_ = op;
  etf::encode_tuple_header(out_, arity);
  etf::encode_integer(out_, static_cast<std::int64_t>(op));
}

// Payloads were measured before: every packet fits.
void signal_writer::end() { (void)dist::end_packet(out_, start_, packets_); }

// From a process of ours to one of the peer's, or to a name there: nearly all messages.
void signal_writer::begin_placed(const outgoing& what, const pid& from) {
  flat_run head{out_};
  op_ = what.to.by_name() ? operation::reg_send : operation::send_sender;
  head.tuple(what.to.by_name() ? 4 : 3).integer(static_cast<std::uint8_t>(op_)).pid(from, ours_);
  if (what.to.by_name()) {
    head.atom(atom{}).atom(what.to.name());
  } else {
    head.pid(what.to.process(), theirs_);
  }
  head.end();
}

void signal_writer::begin_message(const outgoing& what) {
  const auto from = sender_of(*what.envelope);
  if (placing_ && from.node == ours_.node && (what.to.by_name() || what.to.process().node == theirs_.node)) {
    start_ = dist::begin_packet(out_, packets_);
    begin_placed(what, from);
    return dist::begin_payload(out_, start_, packets_);
  }
  if (what.to.by_name()) {
    begin(operation::reg_send, 4);
    etf::encode_pid(out_, from);
    etf::encode_atom(out_, atom{});
    etf::encode_atom(out_, what.to.name());
  } else if (wire_.negotiated.has(flag::send_sender)) {
    begin(operation::send_sender, 3);
    etf::encode_pid(out_, from);
    etf::encode_pid(out_, what.to.process());
  } else {
    begin(operation::send, 3);
    etf::encode_atom(out_, atom{});
    etf::encode_pid(out_, what.to.process());
  }
  dist::begin_payload(out_, start_, packets_);
}

// OTP 28 and later have one operation for all that goes to an alias.
void signal_writer::begin_alias(const signal& envelope, const reference& alias) {
  const bool newer = wire_.negotiated.has(flag::altact_sig);
  begin(newer ? operation::altact_sig_send : operation::alias_send, newer ? 4 : 3);
  if (newer) etf::encode_integer(out_, (envelope.flags & signal::urgent) != 0 ? to_alias | with_priority : to_alias);
  etf::encode_pid(out_, sender_of(envelope));
  etf::encode_reference(out_, alias);
  dist::begin_payload(out_, start_, packets_);
}

void signal_writer::message(const outgoing& what) {
  if (what.envelope->goes_over_alias()) return message_over_alias(*what.envelope);
  begin_message(what);
  etf::encode_bare(out_, what.envelope->payload, gathering);
  end();
  trace_out(op_, what.envelope->from, target_of(what.to));
}

// Nobody has an alias on a node that knows none.
void signal_writer::message_over_alias(const signal& envelope) {
  if (!wire_.negotiated.has(flag::alias) && !wire_.negotiated.has(flag::altact_sig)) return;
  begin_alias(envelope, envelope.tag.as_reference().value_or(reference{}));
  etf::encode_bare(out_, envelope.payload, gathering);
  end();
  trace_out(op_, envelope.from, envelope.tag);
}

void signal_writer::cast(const outgoing& what) {
  begin_message(what);
  if (out_.atoms() != nullptr) {
    flat_run{out_}.tuple(2).atom("$gen_cast"_atom).end();
  } else {
    etf::encode_tuple_header(out_, 2);
    etf::encode_atom(out_, "$gen_cast"_atom);
  }
  etf::encode_bare(out_, what.envelope->payload, gathering);
  end();
  trace_out(op_, what.envelope->from, target_of(what.to));
}

// {'$gen_call', {From, [alias | Ref]}, Request}, or with the bare reference for peers that know no aliases.
void signal_writer::call(const outgoing& what) {
  begin_message(what);
  etf::encode_tuple_header(out_, 3);
  etf::encode_atom(out_, "$gen_call"_atom);
  etf::encode_tuple_header(out_, 2);
  etf::encode_pid(out_, what.envelope->from);
  if (wire_.negotiated.has(flag::alias)) {
    out_.append_u8(list_tag);
    out_.append_u32(1);
    etf::encode_atom(out_, "alias"_atom);
  }
  etf::encode_bare(out_, what.envelope->tag);
  etf::encode_bare(out_, what.envelope->payload, gathering);
  end();
  trace_out(op_, what.envelope->from, target_of(what.to));
}

// {Tag, Answer}, to the alias where the tag has one and the peer knows aliases.
void signal_writer::reply(const outgoing& what) {
  const auto& tag = what.envelope->tag;
  const bool over_alias = has_alias(tag) && wire_.negotiated.has(flag::alias);
  if (over_alias) {
    begin_alias(*what.envelope, etf::reference_in_tag(tag).value_or(reference{}));
  } else {
    begin_message(what);
  }
  etf::encode_tuple_header(out_, 2);
  etf::encode_bare(out_, tag);
  etf::encode_bare(out_, what.envelope->payload, gathering);
  end();
  if (over_alias) {
    trace_out(op_, what.envelope->from, tag);
  } else {
    trace_out(op_, what.envelope->from, what.to.process());
  }
}

bool signal_writer::too_long(const signal& envelope, std::size_t /*size*/) const {
  return etf::encoded_size(envelope.payload) > longest_payload;
}

// ----- links and monitors -------------------------------------------------------------------------------------------

void signal_writer::link(const outgoing& what) {
  const auto from = what.envelope->from;
  const auto to = what.to.process();
  wire_.table.linked(from, to);
  if (dist::encode(out_, control::link{from, to}, packets_)) trace_out(operation::link, from, to);
}

// A peer of the old protocol acknowledges nothing, so the link is over at once.
void signal_writer::unlink(const outgoing& what) {
  const auto from = what.envelope->from;
  const auto to = what.to.process();
  const auto id = unlink_id(what.envelope->payload);
  const bool with_id = wire_.negotiated.has(flag::unlink_id);
  if (dist::encode(out_, control::unlink{id, from, to}, packets_)) {
    trace_out(with_id ? operation::unlink_id : operation::unlink, from, to);
  }
  if (with_id) return wire_.table.unlinking(from, to, id);
  wire_.table.broken(from, to);
  tell({from, make_signal(signal_kind::unlink_ack, to, term{id})});
}

void signal_writer::monitor(const outgoing& what) {
  const auto ref = what.envelope->tag.as_reference();
  if (!ref) return;
  wire_.table.watching(*ref, {what.envelope->from, what.to});
  const control::monitor asked{what.envelope->from, target_of(what.to), *ref};
  if (dist::encode(out_, asked, packets_)) trace_out(operation::monitor_p, asked.from, asked.target);
}

void signal_writer::demonitor(const outgoing& what) {
  const auto ref = what.envelope->tag.as_reference();
  if (!ref || !wire_.table.watched_no_more(*ref))
    return;  // its down has arrived, or the connection it was made on is gone
  const control::demonitor told{what.envelope->from, target_of(what.to), *ref};
  if (dist::encode(out_, told, packets_)) trace_out(operation::demonitor_p, told.from, told.target);
}

void signal_writer::down(const outgoing& what) {
  const auto ref = what.envelope->tag.as_reference();
  const auto made = ref ? wire_.table.unwatched(*ref) : std::nullopt;
  if (!made) return;  // taken back meanwhile
  const auto target = made->name != atom{} ? control::process_name{made->name} : control::process_name{made->target};
  down(target, made->watcher, *ref, what.envelope->payload);
}

void signal_writer::spawn(const outgoing& what) {
  const auto& envelope = *what.envelope;
  const auto refuse = [&](atom reason) {
    tell({envelope.from, make_signal(signal_kind::spawn_reply, pid{}, envelope.tag, term{reason})});
  };
  if (!wire_.negotiated.has(flag::spawn)) return refuse("notsup"_atom);
  const auto asked = envelope.payload.elements();
  const auto& arguments = asked[3];
  // A process without a group leader uses `user`, where there is one.
  const auto leader = asked[0].as_pid().value_or(pid{});
  const control::spawn_request request{
      *envelope.tag.as_reference(),
      envelope.from,
      leader == pid{} ? wire_.local.whereis("user"_atom).value_or(wire_.speaker) : leader,
      *asked[1].as_atom(),
      *asked[2].as_atom(),
      static_cast<std::uint32_t>(arguments.items().size()),
      asked[4]};
  if (!dist::encode(out_, request, arguments, packets_)) return refuse("system_limit"_atom);
  wire_.table.spawning(request.id, request.from);
  trace_out(operation::spawn_request, request.from, control::process_name{request.module});
}

void signal_writer::control(const outgoing& what) {
  const auto& envelope = *what.envelope;
  const auto from = sender_of(envelope);
  if (what.to.by_name()) return;
  if (envelope.goes_over_alias()) return exit_over_alias(envelope);
  const auto to = what.to.process();
  if (envelope.kind == signal_kind::link_exit) {
    wire_.table.broken(from, to);
    link_exit(from, to, envelope.payload);
  } else if (envelope.kind == signal_kind::unlink_ack) {
    unlink_ack(unlink_id(envelope.payload), from, to);
  } else if (envelope.kind == signal_kind::exit) {
    if (dist::encode(out_, control::exit2{from, to}, envelope.payload, packets_)) trace_out(operation::exit2, from, to);
  } else if (envelope.kind == signal_kind::group_leader) {
    const auto leader = envelope.payload.as_pid();
    if (leader && dist::encode(out_, control::group_leader{*leader, to}, packets_)) {
      trace_out(operation::group_leader, *leader, to);
    }
  }
}

// Before OTP 28 there are no exit signals to aliases; what was not negotiated is not sent.
void signal_writer::exit_over_alias(const signal& envelope) {
  const auto alias = envelope.tag.as_reference().value_or(reference{});
  const auto how = (envelope.flags & signal::urgent) != 0 ? control::urgency::priority : control::urgency::ordinary;
  if (dist::encode(out_, control::exit2{sender_of(envelope), alias, how}, envelope.payload, packets_))
    trace_out(operation::altact_sig_send, envelope.from, envelope.tag);
}

// ----- answers ------------------------------------------------------------------------------------------------------

void signal_writer::down(const control::process_name& target, const pid& watcher, const reference& ref,
                         const term& reason) {
  begun_ = out_.size();
  if (dist::encode(out_, control::down{target, watcher, ref}, reason, packets_)) {
    trace_out(operation::payload_monitor_p_exit, target, watcher);
  }
}

void signal_writer::link_exit(const pid& from, const pid& to, const term& reason) {
  begun_ = out_.size();
  if (dist::encode(out_, control::exit{from, to}, reason, packets_)) {
    trace_out(operation::payload_exit, from, to);
  }
}

void signal_writer::unlink_ack(std::uint64_t id, const pid& from, const pid& to) {
  begun_ = out_.size();
  if (dist::encode(out_, control::unlink_ack{id, from, to}, packets_)) {
    trace_out(operation::unlink_id_ack, from, to);
  }
}

void signal_writer::spawn_reply(const control::spawn_reply& reply) {
  begun_ = out_.size();
  if (dist::encode(out_, reply, packets_)) trace_out(operation::spawn_reply, reply.result, reply.to);
}

// ----- the rest -----------------------------------------------------------------------------------------------------

// A pid of an earlier incarnation of the peer is a process that is gone; some signals to it would cost us the
// connection.
bool signal_writer::stale(const outgoing& what) const noexcept {
  if (what.to.by_name()) return false;
  if (what.envelope->kind == signal_kind::reply && has_alias(what.envelope->tag)) {
    return etf::reference_in_tag(what.envelope->tag).value_or(reference{}).node != wire_.peer;
  }
  if (what.envelope->goes_over_alias())
    return what.envelope->tag.as_reference().value_or(reference{}).node != wire_.peer;
  return what.to.process().node != wire_.peer;
}

void signal_writer::answer_stale(const outgoing& what) {
  auto news = undeliverable(what.to, what.envelope);
  if (news.envelope == nullptr) return;
  if (news.envelope->kind != signal_kind::unlink_ack) news.envelope->payload = term{"noproc"_atom};
  tell(news);
}

void signal_writer::tell(const crossing::notice& news) const noexcept {
  if (news.envelope != nullptr) wire_.local.route_local(news.to, news.envelope);
}

}  // namespace ergo::inline v0::detail
