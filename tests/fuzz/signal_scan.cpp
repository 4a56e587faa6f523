// What reads signals in their bytes against the decoder that builds terms: single values behind an atom cache, whole
// control messages, and the wrappings of calls, casts and answers. Oracles: the same verdict, the same value, the same
// number of bytes; and what is plainly written is not left to the slow way.
#include "unwrap.hpp"

#include <ergo/dist/control_decode.hpp>
#include <ergo/etf/codec.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

namespace {

using namespace ergo;
using namespace ergo::etf::literals;
using etf::term;
using view = std::span<const std::byte>;

/// Stops the fuzzer: a broken promise is a finding.
void require(bool holds) {
  if (!holds) std::abort();
}

/// What the header of a packet may have named. The input says how many of them it did.
const std::vector<etf::atom>& cached() {
  static const std::vector<etf::atom> atoms{
      etf::atom::of("peer@h"),  "$gen_call"_atom, "$gen_cast"_atom,        "alias"_atom,     etf::atom::of("us@h"),
      etf::atom::of("third@h"), "reply"_atom,     etf::atom::of("server"), etf::atom::of("")};
  return atoms;
}

/// No new atoms, and few new nodes: their tables never shrink, and the verdicts must not depend on what ran before.
etf::decode_limits limits(std::span<const etf::atom> cache) {
  static etf::atom_budget nodes{200'000};
  return {.depth = 10'000, .memory = 4U << 20, .atoms = etf::atom_policy::known_only, .budget = &nodes, .cache = cache};
}

/// Compares one scanner with the decoded term at the front of `input`; `expected` is empty where it is no such value.
template <typename Value, typename Scan>
void judge_value(view input, const std::optional<Value>& expected, std::size_t consumed, const Scan& scan) {
  auto rest = input;
  Value found{};
  const bool scanned = scan(rest, found);
  require(scanned == expected.has_value());
  if (!scanned) return require(rest.data() == input.data() && rest.size() == input.size());
  require(found == *expected && input.size() - rest.size() == consumed);
  require(rest.data() == input.data() + consumed);
}

void judge_values(view input, const etf::decode_limits& with) {
  // A list of no elements is its tail, which nobody writes: scanners leave it to the decoder.
  constexpr std::byte list{108};
  const auto whole = etf::decode_bare(input, with);
  const auto value = whole && input[0] != list ? whole->value : term{};
  const auto consumed = whole ? whole->consumed : 0;
  judge_value(input, value.as_atom(), consumed,
              [&with](view& rest, etf::atom& to) { return scan_atom(rest, to, with); });
  judge_value(input, value.as_pid(), consumed, [&with](view& rest, etf::pid& to) { return scan_pid(rest, to, with); });
  judge_value(input, value.as_reference(), consumed,
              [&with](view& rest, etf::reference& to) { return scan_reference(rest, to, with); });
  judge_value(input, value.as_integer(), consumed,
              [](view& rest, std::int64_t& to) { return etf::scan_integer(rest, to); });
  auto rest = input;
  std::size_t arity = 0;
  const bool is_tuple = etf::scan_tuple_header(rest, arity);
  if (value.is_tuple()) require(is_tuple && arity == value.elements().size());
}

// ----- wrappings ----------------------------------------------------------------------------------------------------

/// The parts that were left to the decoder, in order; empty where one is no term.
std::optional<std::vector<term>> parts(view& rest, std::size_t count, const etf::decode_limits& with) {
  std::vector<term> found;
  while (found.size() < count) {
    auto part = etf::decode_bare(rest, with);
    if (!part) return std::nullopt;
    rest = rest.subspan(part->consumed);
    found.push_back(std::move(part->value));
  }
  return found;
}

/// A wrapping was recognised: what is left, together with what was read, is the whole term.
void judge_wrapping(view payload, view rest, const std::optional<etf::decoded>& whole, std::size_t count,
                    const etf::decode_limits& with, const auto& make) {
  require(rest.data() + rest.size() == payload.data() + payload.size());
  const auto found = parts(rest, count, with);
  require(found.has_value() == whole.has_value());
  if (!found) return;
  require(make(*found) == whole->value);
  require(payload.size() - rest.size() == whole->consumed);
}

void judge_wrappings(view payload, const etf::decode_limits& with) {
  std::optional<etf::decoded> whole;
  if (auto decoded = etf::decode_bare(payload, with)) whole = std::move(*decoded);
  auto rest = payload;
  if (detail::unwrap_cast(rest, with)) {
    judge_wrapping(payload, rest, whole, 1, with, [](const auto& p) { return etf::tuple("$gen_cast"_atom, p[0]); });
  } else {
    require(rest.data() == payload.data() && rest.size() == payload.size());
  }
  rest = payload;
  if (etf::pid caller; detail::unwrap_call(rest, caller, with)) {
    judge_wrapping(payload, rest, whole, 2, with,
                   [&caller](const auto& p) { return etf::tuple("$gen_call"_atom, etf::tuple(caller, p[0]), p[1]); });
  } else {
    require(rest.data() == payload.data() && rest.size() == payload.size());
  }
  rest = payload;
  if (etf::reference tag; detail::unwrap_answer(rest, tag, with)) {
    require(!whole || etf::reference_in_tag(whole->value.elements()[0]) == tag);
    judge_wrapping(payload, rest, whole, 1, with,
                   [&whole](const auto& p) { return etf::tuple(whole->value.elements()[0], p[0]); });
  } else {
    require(rest.data() == payload.data() && rest.size() == payload.size());
  }
}

/// What Erlang would write for a wrapping is never left to the slow way.
void judge_canonical(const term& value) {
  etf::buffer out;
  encode_bare(out, value);
  const auto with = limits({});
  const auto bytes = std::as_const(out).bytes();
  auto rest = bytes;
  etf::pid caller;
  etf::reference tag;
  require(detail::unwrap_cast(rest, with) == etf::is_tagged(value, "$gen_cast"_atom, 2));
  rest = bytes;
  const auto is_call = [&value] {
    if (!etf::is_tagged(value, "$gen_call"_atom, 3)) return false;
    const auto& from = value.elements()[1];
    return from.is_tuple(2) && from.elements()[0].as_pid().has_value();
  };
  require(detail::unwrap_call(rest, caller, with) == is_call());
  rest = bytes;
  const auto is_answer = [&value] {
    if (!value.is_tuple(2)) return false;
    const auto& tag_of = value.elements()[0];
    if (tag_of.as_reference()) return true;
    return tag_of.items().size() == 1 && tag_of.items()[0].is("alias"_atom) && tag_of.list_tail().as_reference();
  };
  require(detail::unwrap_answer(rest, tag, with) == is_answer());
}

// ----- control messages ---------------------------------------------------------------------------------------------

/// Both ways to read a control message behind a header agree; what is left is its payload.
void judge_control(view terms, std::span<const etf::atom> cache, dist::flags negotiated) {
  const dist::control_context context{cached()[0], negotiated, limits({})};
  const auto quick = dist::decode_control({dist::packet_form::header, terms, cache}, context);
  const auto with = limits(cache);
  const auto whole = etf::decode_bare(terms, with);
  if (!whole) return require(!quick && quick.error().code == dist::control_errc::bad_term);
  const auto slow = dist::read_control(whole->value, context);
  if (!slow) return require(!quick && quick.error() == slow.error());
  const auto rest = terms.subspan(whole->consumed);
  if (dist::has_payload(slow->op) && rest.empty())
    return require(!quick && quick.error().code == dist::control_errc::no_payload);
  require(quick && quick->message == slow->message && quick->op == slow->op && quick->reason == slow->reason);
  if (!dist::has_payload(slow->op)) return require(quick->payload.empty());
  require(quick->payload.data() == rest.data() && quick->payload.size() == rest.size());
  judge_wrappings(quick->payload, with);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto cache = std::span{cached()}.first(data[0] % (cached().size() + 1));
  const auto negotiated = (data[0] & 128) != 0 ? dist::mandatory_23 : dist::pass_through_offer;
  // On the heap and without slack, so that a read behind its end is seen.
  const auto input = std::as_bytes(std::span{data, size}).subspan(1);
  const std::vector<std::byte> terms{input.begin(), input.end()};
  const auto with = limits(cache);
  const view all{terms};
  constexpr std::size_t most_places = 24;
  for (std::size_t at = 0; at <= std::min(all.size(), most_places); ++at) judge_values(all.subspan(at), with);
  judge_control(all, cache, negotiated);
  judge_wrappings(all, with);
  if (const auto value = etf::decode_bare(all, with)) judge_canonical(value->value);
  return 0;
}
