// Control messages from terms, and the messages that make up nearly all traffic straight from bytes.
#include <ergo/dist/control_decode.hpp>

#include "operations.hpp"

#include <ergo/etf/big_integer.hpp>

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
    const auto id = at(element).as_unsigned().value_or(0);
    if (id == 0) refuse(control_errc::wrong_type, element);
    return id;
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

// The messages of nearly all packets, read without a term; false when the bytes are anything else, or not plain.
bool scan_send(bytes_view& input, std::size_t arity, const etf::decode_limits& limits, received_control& out) {
  etf::atom ignored;
  switch (out.op) {
    case operation::send_sender: {
      auto& made = out.message.emplace<control::send>();
      return arity == 3 && etf::scan_pid(input, made.from.emplace(), limits) && etf::scan_pid(input, made.to, limits);
    }
    case operation::send: {
      auto& made = out.message.emplace<control::send>();
      return arity == 3 && etf::scan_atom(input, ignored, limits) && etf::scan_pid(input, made.to, limits);
    }
    case operation::reg_send: {
      auto& made = out.message.emplace<control::reg_send>();
      return arity == 4 && etf::scan_pid(input, made.from, limits) && etf::scan_atom(input, ignored, limits) &&
             etf::scan_atom(input, made.name, limits);
    }
    case operation::alias_send: {
      auto& made = out.message.emplace<control::alias_send>();
      return arity == 3 && etf::scan_pid(input, made.from, limits) && etf::scan_reference(input, made.alias, limits);
    }
    default: return false;
  }
}

// What every call from another node brings beside its request.
template <typename Monitor>
bool scan_monitor(bytes_view& input, std::size_t arity, const control_context& context,
                  const etf::decode_limits& limits, received_control& out) {
  auto& made = out.message.emplace<Monitor>();
  if (arity != 4 || !etf::scan_pid(input, made.from, limits) || made.from.node.name() != context.peer) return false;
  etf::atom name;
  if (etf::scan_atom(input, name, limits)) {
    made.target = name;
  } else if (!etf::scan_pid(input, std::get<etf::pid>(made.target), limits)) {
    return false;
  }
  return etf::scan_reference(input, made.ref, limits);
}

// The form in which OTP 28 and 29 send to aliases, and priority messages.
bool scan_altact(bytes_view& input, std::size_t arity, const etf::decode_limits& limits, received_control& out) {
  std::int64_t flags = 0;
  etf::pid from{};
  if (arity != 4 || !etf::scan_integer(input, flags) || !etf::scan_pid(input, from, limits)) return false;
  const auto how = (flags & 1) != 0 ? control::urgency::priority : control::urgency::ordinary;
  switch (static_cast<std::uint64_t>(flags) & ~altact::priority) {
    case altact::alias: {
      auto& made = out.message.emplace<control::alias_send>(from, etf::reference{}, how);
      return etf::scan_reference(input, made.alias, limits);
    }
    case altact::name: {
      auto& made = out.message.emplace<control::reg_send>(from, etf::atom{}, how);
      return etf::scan_atom(input, made.name, limits);
    }
    case 0: {
      auto& made = out.message.emplace<control::send>(from, etf::pid{}, how);
      return etf::scan_pid(input, made.to, limits);
    }
    default: return false;
  }
}

// `terms` is advanced behind the control message when it was read.
bool scan_control(bytes_view& terms, const control_context& context, const etf::decode_limits& limits,
                  received_control& out) {
  if (terms.size() < 4 || terms[0] != small_tuple || terms[2] != small_integer) return false;
  const auto arity = std::to_integer<std::size_t>(terms[1]);
  out.op = static_cast<operation>(terms[3]);
  bytes_view rest = terms.subspan(4);
  const auto scanned = [&] {
    switch (out.op) {
      case operation::monitor_p: return scan_monitor<control::monitor>(rest, arity, context, limits, out);
      case operation::demonitor_p: return scan_monitor<control::demonitor>(rest, arity, context, limits, out);
      case operation::altact_sig_send: return scan_altact(rest, arity, limits, out);
      default: return scan_send(rest, arity, limits, out);
    }
  };
  if (!scanned()) return false;
  terms = rest;
  return true;
}

std::optional<control_error> find_payload(received_control& control, bytes_view rest, packet_form form) {
  if (!has_payload(control.op)) return std::nullopt;
  const auto number = static_cast<std::uint64_t>(control.op);
  const std::size_t version = form == packet_form::pass_through ? 1 : 0;
  if (rest.size() <= version) return control_error{control_errc::no_payload, number, 0, {}};
  if (version != 0 && rest[0] != term_version)
    return control_error{control_errc::bad_term, number, 0, {etf::errc::bad_version, 0}};
  control.payload = rest.subspan(version);
  return std::nullopt;
}

std::expected<received_control, control_error> decode_terms(bytes_view terms, packet_form form,
                                                            const control_context& context,
                                                            const etf::decode_limits& limits) {
  std::expected<received_control, control_error> made{std::in_place};
  if (!scan_control(terms, context, limits, *made)) {
    const auto decoded = etf::decode_bare(terms, limits);
    if (decoded) {
      made = read_control(decoded->value, context);
      terms = terms.subspan(decoded->consumed);
    } else {
      made = std::unexpected{control_error{control_errc::bad_term, 0, 0, decoded.error()}};
    }
    if (!made) return made;  // always the same variable: then none of it is moved
  }
  if (const auto failed = find_payload(*made, terms, form)) made = std::unexpected{*failed};
  return made;
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
  limits.cache = {message.atoms.data(), message.atoms.size()};  // word by word, as it has just been written
  return decode_terms(message.terms, message.form, context, limits);
}

std::expected<received_control, control_error> decode_control(bytes_view body, const control_context& context) {
  const auto terms = pass_through(body);
  if (terms.empty()) return std::unexpected{control_error{control_errc::not_pass_through}};
  return decode_terms(terms, packet_form::pass_through, context, context.limits);
}

}  // namespace ergo::inline v0::dist
