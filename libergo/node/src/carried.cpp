// Packing destinations.
//
// kind                                              field that is free         taken from
// message, cast, link(_exit), exit, unlink(_ack),
// group_leader                                      tag                        -
// monitor, demonitor                                payload                    -
// spawn_request                                     none needed: the peer is the destination
// call                                              tag                        the reference, which moves to name and
// to_serial reply with an alias                               none needed: the alias is the destination down, reply
// without an alias                      none: a second envelope
#include "carried.hpp"

#include <algorithm>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

constexpr std::uint8_t wrapped = 0x80;
constexpr std::uint16_t in_kilobytes = 0x8000;

term as_term(const destination& to) { return to.by_name() ? term{to.name()} : term{to.process()}; }

destination as_destination(const term& carried, atom node) noexcept {
  if (const auto process = carried.as_pid()) return destination{*process};
  return destination{carried.as_atom().value_or(atom{}), node};
}

std::uint16_t weight_of(std::size_t bytes) noexcept {
  if (bytes < in_kilobytes) return static_cast<std::uint16_t>(bytes);
  return static_cast<std::uint16_t>(in_kilobytes | std::min<std::size_t>(bytes >> 10, in_kilobytes - 1));
}

// References of ours have 64 bits in three words; a call's caller and its reference are of the same node.
std::uint64_t bits_of(const reference& ref) noexcept {
  return ref.words[0] | (std::uint64_t{ref.words[1]} << 18) | (std::uint64_t{ref.words[2]} << 50);
}
reference ref_of(etf::node_id node, std::uint64_t bits) noexcept {
  return reference{node,
                   3,
                   {static_cast<std::uint32_t>(bits & 0x3FFFF), static_cast<std::uint32_t>(bits >> 18),
                    static_cast<std::uint32_t>(bits >> 50)}};
}

bool needs_wrapping(const signal& envelope) noexcept {
  if (envelope.kind == signal_kind::down) return true;
  if (envelope.kind == signal_kind::reply) return !has_alias(envelope.tag);
  if (envelope.kind != signal_kind::call) return false;
  const auto ref = envelope.tag.as_reference();
  return !ref || ref->size != 3 || ref->node != envelope.from.node || ref_of(ref->node, bits_of(*ref)) != *ref;
}

signal* wrap(const destination& to, signal* envelope) {
  auto* const outer = make_signal(envelope->kind);
  outer->flags |= wrapped;
  outer->tag = as_term(to);
  outer->payload = pointer_term(envelope);
  return outer;
}

}  // namespace

bool has_alias(const term& tag) noexcept {
  auto items = tag.items();
  if (items.size() != 1 || tag.list_tail().kind() != etf::kind::reference) return false;
  if (items[0].is("alias"_atom)) return true;
  const auto inner = items[0].items();
  return inner.size() == 1 && inner[0].is("alias"_atom) && items[0].list_tail().kind() == etf::kind::reference;
}

std::size_t rounded_size(std::size_t bytes) noexcept {
  const auto weight = weight_of(bytes);
  return (weight & in_kilobytes) == 0 ? weight : std::size_t{static_cast<std::uint16_t>(weight & ~in_kilobytes)} << 10;
}

std::size_t size_of(const signal& packed) noexcept {
  return (packed.weight & in_kilobytes) == 0
             ? packed.weight
             : std::size_t{static_cast<std::uint16_t>(packed.weight & ~in_kilobytes)} << 10;
}

pid sender_of(const signal& packed) noexcept {
  return (packed.flags & wrapped) != 0 ? pointer_in<signal>(packed.payload)->from : packed.from;
}

signal* pack(const destination& to, signal* envelope, std::size_t bytes) {
  auto* packed = envelope;
  if (needs_wrapping(*envelope)) {
    packed = wrap(to, envelope);
  } else if (envelope->kind == signal_kind::monitor || envelope->kind == signal_kind::demonitor) {
    envelope->payload = as_term(to);
  } else if (envelope->kind == signal_kind::call) {
    const auto bits = bits_of(*envelope->tag.as_reference());
    envelope->name = atom::from_index(static_cast<std::uint32_t>(bits));
    envelope->to_serial = static_cast<std::uint32_t>(bits >> 32);
    envelope->tag = as_term(to);
  } else if (envelope->kind != signal_kind::reply && envelope->kind != signal_kind::spawn_request &&
             !envelope->goes_over_alias()) {
    envelope->tag = as_term(to);
  }
  packed->weight = weight_of(bytes);
  return packed;
}

outgoing unpack(signal* packed, atom node) noexcept {
  if ((packed->flags & wrapped) != 0) {
    const outgoing found{pointer_in<signal>(packed->payload), as_destination(packed->tag, node)};
    release(packed);
    return found;
  }
  const auto kind = packed->kind;
  if (kind == signal_kind::reply || packed->goes_over_alias()) return {packed, destination{pid{}}};
  if (kind == signal_kind::spawn_request) return {packed, destination{atom{}, node}};
  if (kind == signal_kind::monitor || kind == signal_kind::demonitor) {
    return {packed, as_destination(std::exchange(packed->payload, term{}), node)};
  }
  const auto to = as_destination(packed->tag, node);
  packed->tag = term{};
  if (kind == signal_kind::call) {
    const auto bits = (std::uint64_t{packed->to_serial} << 32) | packed->name.index();
    packed->tag = term{ref_of(packed->from.node, bits)};
    packed->name = atom{};
  }
  return {packed, to};
}

}  // namespace ergo::inline v0::detail
