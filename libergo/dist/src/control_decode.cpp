// Control messages from terms, and the messages that make up nearly all traffic straight from bytes.
#include <ergo/dist/control_decode.hpp>

#include "operations.hpp"

#include <array>
#include <span>
#include <utility>

namespace ergo::inline v0::dist {
namespace {

using detail::find_operation;
using detail::operation_row;
namespace altact = detail::altact;

constexpr std::byte term_version{131};
constexpr std::byte small_tuple{104};
constexpr std::byte small_integer{97};

// In the order of control_errc.
constexpr std::array<std::string_view, 9> errc_names{"not_pass_through",  "bad_term",       "not_an_operation",
                                                     "unknown_operation", "wrong_size",     "wrong_type",
                                                     "foreign_sender",    "not_negotiated", "no_payload"};
constexpr std::array<std::string_view, 9> errc_sentences{
    "the packet is not in pass-through form",
    "the control message is no term",
    "the control message does not begin with an operation",
    "the control message has an unknown operation",
    "the control message has the wrong number of elements",
    "the control message has an element of the wrong type",
    "the control message comes from a process of a third node",
    "the control message has a form that was not negotiated",
    "the packet lacks the payload of its control message",
};
static_assert(errc_names.size() == static_cast<std::size_t>(control_errc::no_payload) + 1);

// Reads the elements of a control message; the first fault is kept, and the value is then worthless.
class fields {
 public:
  fields(std::span<const etf::term> elements, operation op, const control_context& context)
      : elements_{elements}, op_{op}, context_{context} {}

  [[nodiscard]] const std::optional<control_error>& fault() const { return fault_; }
  [[nodiscard]] const etf::term& at(std::size_t element) const { return elements_[element - 1]; }
  [[nodiscard]] std::size_t size() const { return elements_.size(); }
  [[nodiscard]] bool unlink_id() const { return context_.negotiated.has(flag::unlink_id); }

  void refuse(control_errc code, std::size_t element = 0) {
    if (!fault_) fault_ = control_error{code, static_cast<std::uint64_t>(op_), element, {}};
  }

  etf::pid pid(std::size_t element) { return value_or_refuse(at(element).as_pid(), element); }
  etf::atom name(std::size_t element) { return value_or_refuse(at(element).as_atom(), element); }
  etf::reference ref(std::size_t element) { return value_or_refuse(at(element).as_reference(), element); }

  // A process of the node at the other end: nobody speaks for a third one.
  etf::pid sender(std::size_t element) {
    const etf::pid who = pid(element);
    if (!fault_ && who.node.name() != context_.peer) refuse(control_errc::foreign_sender, element);
    return who;
  }

  control::process_name process(std::size_t element) {
    if (at(element).is_atom()) return name(element);
    return pid(element);
  }
  control::process_name process_of_sender(std::size_t element) {
    if (at(element).is_atom()) return name(element);
    return sender(element);
  }

  // The low 64 bits of a number that is not negative.
  std::uint64_t number(std::size_t element) {
    if (const auto small = at(element).as_integer(); small && *small >= 0) return static_cast<std::uint64_t>(*small);
    const auto big = at(element).as_big_integer();
    if (!big || *big < 0) refuse(control_errc::wrong_type, element);
    return big && *big >= 0 ? static_cast<std::uint64_t>(*big & UINT64_MAX) : 0;
  }

  std::uint64_t link_id(std::size_t element) {
    const auto id = at(element).as_big_integer();
    if (!id || *id < 1 || *id > UINT64_MAX) {
      refuse(control_errc::wrong_type, element);
      return 0;
    }
    return static_cast<std::uint64_t>(*id);
  }

 private:
  template <typename Value>
  Value value_or_refuse(const std::optional<Value>& value, std::size_t element) {
    if (!value) refuse(control_errc::wrong_type, element);
    return value.value_or(Value{});
  }

  std::span<const etf::term> elements_;
  operation op_;
  const control_context& context_;
  std::optional<control_error> fault_;
};

control::message read_unlink(fields& f, operation op) {
  // The two link protocols do not mix: OTP 27 and 29 close when they see the old one.
  if (f.unlink_id() == (op == operation::unlink)) f.refuse(control_errc::not_negotiated);
  if (op == operation::unlink) return control::unlink{0, f.sender(2), f.pid(3)};
  const std::uint64_t id = f.link_id(2);
  if (op == operation::unlink_id) return control::unlink{id, f.sender(3), f.pid(4)};
  return control::unlink_ack{id, f.sender(3), f.pid(4)};
}

control::message read_spawn_request(fields& f) {
  control::spawn_request request{f.ref(2), f.sender(3), f.pid(4), {}, {}, 0, f.at(6)};
  const auto call = f.at(5).elements();
  const auto module = call.size() == 3 ? call[0].as_atom() : std::nullopt;
  const auto function = call.size() == 3 ? call[1].as_atom() : std::nullopt;
  const auto arity = call.size() == 3 ? call[2].as_integer() : std::nullopt;
  if (!module || !function || !arity || *arity < 0 || *arity > 255) {
    f.refuse(control_errc::wrong_type, 5);
    return request;
  }
  if (!f.at(6).is_list() || !f.at(6).list_tail().is_nil()) f.refuse(control_errc::wrong_type, 6);
  request.module = *module;
  request.function = *function;
  request.arity = static_cast<std::uint32_t>(*arity);
  return request;
}

control::message read_spawn_reply(fields& f) {
  const std::uint64_t flags = f.number(4);
  return control::spawn_reply{f.ref(2), f.pid(3), (flags & 1) != 0, (flags & 2) != 0, f.process_of_sender(5)};
}

control::message read_altact(fields& f) {
  const std::uint64_t flags = f.number(2);
  const bool exits = (flags & altact::exit) != 0;
  const auto how = (flags & altact::priority) != 0 ? control::urgency::priority : control::urgency::ordinary;
  if ((flags & altact::token) != 0 && f.size() < 5) f.refuse(control_errc::wrong_size);
  const etf::pid from = exits ? f.sender(3) : f.pid(3);
  switch (flags & (altact::alias | altact::name)) {
    case 0:
      if (exits) return control::exit2{from, f.pid(4), how};
      return control::send{from, f.pid(4), how};
    case altact::alias:
      if (exits) return control::exit2{from, f.ref(4), how};
      return control::alias_send{from, f.ref(4), how};
    case altact::name:
      if (exits) return control::exit2{from, f.name(4), how};
      return control::reg_send{from, f.name(4), how};
    default: f.refuse(control_errc::wrong_type, 2); return control::send{};
  }
}

control::message read_message(fields& f, operation op) {
  switch (op) {
    case operation::send:
    case operation::send_tt: return control::send{std::nullopt, f.pid(3)};
    case operation::send_sender:
    case operation::send_sender_tt: return control::send{f.pid(2), f.pid(3)};
    case operation::reg_send:
    case operation::reg_send_tt: return control::reg_send{f.pid(2), f.name(4)};
    case operation::alias_send:
    case operation::alias_send_tt: return control::alias_send{f.pid(2), f.ref(3)};
    case operation::altact_sig_send: return read_altact(f);
    case operation::link: return control::link{f.sender(2), f.pid(3)};
    case operation::unlink:
    case operation::unlink_id:
    case operation::unlink_id_ack: return read_unlink(f, op);
    case operation::exit:
    case operation::exit_tt:
    case operation::payload_exit:
    case operation::payload_exit_tt: return control::exit{f.sender(2), f.pid(3)};
    case operation::exit2:
    case operation::exit2_tt:
    case operation::payload_exit2:
    case operation::payload_exit2_tt: return control::exit2{f.sender(2), f.pid(3)};
    case operation::monitor_p: return control::monitor{f.sender(2), f.process(3), f.ref(4)};
    case operation::demonitor_p: return control::demonitor{f.sender(2), f.process(3), f.ref(4)};
    case operation::monitor_p_exit:
    case operation::payload_monitor_p_exit: return control::down{f.process_of_sender(2), f.pid(3), f.ref(4)};
    case operation::group_leader: return control::group_leader{f.pid(2), f.pid(3)};
    case operation::spawn_request:
    case operation::spawn_request_tt: return read_spawn_request(f);
    case operation::spawn_reply:
    case operation::spawn_reply_tt: return read_spawn_reply(f);
    case operation::node_link: break;
  }
  f.refuse(control_errc::unknown_operation);
  return control::send{};
}

// The messages of nearly all packets, read without a term; nothing when the bytes are anything else, or not plain.
std::optional<received_control> scan_send(bytes_view& input, operation op, std::size_t arity,
                                          const etf::decode_limits& limits) {
  etf::pid from{};
  etf::pid to{};
  etf::atom ignored;
  switch (op) {
    case operation::send_sender:
      if (arity != 3 || !etf::scan_pid(input, from, limits) || !etf::scan_pid(input, to, limits)) return std::nullopt;
      return received_control{control::send{from, to}, op};
    case operation::send:
      if (arity != 3 || !etf::scan_atom(input, ignored, limits) || !etf::scan_pid(input, to, limits))
        return std::nullopt;
      return received_control{control::send{std::nullopt, to}, op};
    case operation::reg_send: {
      etf::atom name;
      if (arity != 4 || !etf::scan_pid(input, from, limits) || !etf::scan_atom(input, ignored, limits) ||
          !etf::scan_atom(input, name, limits))
        return std::nullopt;
      return received_control{control::reg_send{from, name}, op};
    }
    case operation::alias_send: {
      etf::reference alias;
      if (arity != 3 || !etf::scan_pid(input, from, limits) || !etf::scan_reference(input, alias, limits))
        return std::nullopt;
      return received_control{control::alias_send{from, alias}, op};
    }
    default: return std::nullopt;
  }
}

// What every call from another node brings beside its request.
std::optional<received_control> scan_monitor(bytes_view& input, operation op, std::size_t arity,
                                             const control_context& context, const etf::decode_limits& limits) {
  etf::pid from{};
  etf::pid process{};
  etf::atom name;
  etf::reference ref;
  if (arity != 4 || !etf::scan_pid(input, from, limits) || from.node.name() != context.peer) return std::nullopt;
  const bool by_name = etf::scan_atom(input, name, limits);
  if (!by_name && !etf::scan_pid(input, process, limits)) return std::nullopt;
  if (!etf::scan_reference(input, ref, limits)) return std::nullopt;
  const auto target = by_name ? control::process_name{name} : control::process_name{process};
  if (op == operation::monitor_p) return received_control{control::monitor{from, target, ref}, op};
  return received_control{control::demonitor{from, target, ref}, op};
}

// The form in which OTP 28 and 29 send to aliases, and priority messages.
std::optional<received_control> scan_altact(bytes_view& input, std::size_t arity, const etf::decode_limits& limits) {
  std::int64_t flags = 0;
  etf::pid from{};
  if (arity != 4 || !etf::scan_integer(input, flags) || !etf::scan_pid(input, from, limits)) return std::nullopt;
  const auto how = (flags & 1) != 0 ? control::urgency::priority : control::urgency::ordinary;
  switch (static_cast<std::uint64_t>(flags) & ~altact::priority) {
    case altact::alias: {
      etf::reference alias;
      if (!etf::scan_reference(input, alias, limits)) return std::nullopt;
      return received_control{control::alias_send{from, alias, how}, operation::altact_sig_send};
    }
    case altact::name: {
      etf::atom name;
      if (!etf::scan_atom(input, name, limits)) return std::nullopt;
      return received_control{control::reg_send{from, name, how}, operation::altact_sig_send};
    }
    case 0: {
      etf::pid to{};
      if (!etf::scan_pid(input, to, limits)) return std::nullopt;
      return received_control{control::send{from, to, how}, operation::altact_sig_send};
    }
    default: return std::nullopt;
  }
}

// `terms` is advanced behind the control message when it was read.
std::optional<received_control> scan_control(bytes_view& terms, const control_context& context,
                                             const etf::decode_limits& limits) {
  if (terms.size() < 4 || terms[0] != small_tuple || terms[2] != small_integer) return std::nullopt;
  const auto arity = std::to_integer<std::size_t>(terms[1]);
  const auto op = static_cast<operation>(terms[3]);
  bytes_view rest = terms.subspan(4);
  const bool monitors = op == operation::monitor_p || op == operation::demonitor_p;
  auto scanned = monitors                           ? scan_monitor(rest, op, arity, context, limits)
                 : op == operation::altact_sig_send ? scan_altact(rest, arity, limits)
                                                    : scan_send(rest, op, arity, limits);
  if (scanned) terms = rest;
  return scanned;
}

std::expected<received_control, control_error> with_payload(received_control control, bytes_view rest,
                                                            packet_form form) {
  if (!has_payload(control.op)) return control;
  const auto number = static_cast<std::uint64_t>(control.op);
  const std::size_t version = form == packet_form::pass_through ? 1 : 0;
  if (rest.size() <= version) return std::unexpected{control_error{control_errc::no_payload, number, 0, {}}};
  if (version != 0 && rest[0] != term_version)
    return std::unexpected{control_error{control_errc::bad_term, number, 0, {etf::errc::bad_version, 0}}};
  control.payload = rest.subspan(version);
  return control;
}

std::expected<received_control, control_error> decode_terms(bytes_view terms, packet_form form,
                                                            const control_context& context,
                                                            const etf::decode_limits& limits) {
  if (auto scanned = scan_control(terms, context, limits)) return with_payload(std::move(*scanned), terms, form);
  auto decoded = etf::decode_bare(terms, limits);
  if (!decoded) return std::unexpected{control_error{control_errc::bad_term, 0, 0, decoded.error()}};
  auto control = read_control(decoded->value, context);
  if (!control) return control;
  return with_payload(std::move(*control), terms.subspan(decoded->consumed), form);
}

}  // namespace

std::string_view to_string(operation op) {
  if (op == operation::node_link) return "NODE_LINK";
  const operation_row* row = find_operation(static_cast<std::uint64_t>(op));
  return row ? row->name : std::string_view{};
}

std::string_view to_string(control_errc code) { return errc_names[static_cast<std::size_t>(code)]; }

std::string to_string(const control_error& error) {
  std::string text{errc_sentences[static_cast<std::size_t>(error.code)]};
  if (error.operation != 0) text += " (operation " + std::to_string(error.operation);
  if (const auto* row = find_operation(error.operation)) text += ' ' + std::string{row->name};
  if (error.element != 0) text += ", element " + std::to_string(error.element);
  if (error.operation != 0) text += ')';
  if (error.etf.code != etf::errc::ok) text += ": " + std::string{etf::describe(error.etf.code)};
  return text;
}

bool has_payload(operation op) {
  const operation_row* row = find_operation(static_cast<std::uint64_t>(op));
  return row && row->with == detail::payload::follows;
}

std::expected<received_control, control_error> read_control(const etf::term& tuple, const control_context& context) {
  const auto elements = tuple.elements();
  const auto number = elements.empty() ? std::nullopt : elements[0].as_integer();
  if (!number || *number < 0) return std::unexpected{control_error{control_errc::not_an_operation}};
  const auto sent = static_cast<std::uint64_t>(*number);
  const operation_row* row = find_operation(sent);
  if (!row) return std::unexpected{control_error{control_errc::unknown_operation, sent, 0, {}}};
  const bool open_ended = row->op == operation::altact_sig_send;
  if (elements.size() < row->size || (elements.size() > row->size && !open_ended))
    return std::unexpected{control_error{control_errc::wrong_size, sent, 0, {}}};
  fields f{elements, row->op, context};
  received_control control{read_message(f, row->op), row->op};
  if (f.fault()) return std::unexpected{*f.fault()};
  if (row->reason != 0) control.reason = f.at(row->reason);
  return control;
}

std::expected<received_control, control_error> decode_control(const framed_message& message,
                                                              const control_context& context) {
  if (message.atoms.empty()) return decode_terms(message.terms, message.form, context, context.limits);
  auto limits = context.limits;
  limits.cache = message.atoms;
  return decode_terms(message.terms, message.form, context, limits);
}

std::expected<received_control, control_error> decode_control(bytes_view body, const control_context& context) {
  const auto terms = pass_through(body);
  if (terms.empty()) return std::unexpected{control_error{control_errc::not_pass_through}};
  return decode_terms(terms, packet_form::pass_through, context, context.limits);
}

}  // namespace ergo::inline v0::dist
