// Tags of the external term format are spelled out here: a wrapping has one usual form.
#include "unwrap.hpp"

#include <ergo/etf/atom.hpp>

namespace ergo::inline v0::detail {
namespace {

using namespace etf::literals;

constexpr std::byte small_tuple{104};
constexpr std::byte list{108};

bool tuple_of(payload_view& from, std::size_t arity) noexcept {
  if (from.size() < 2 || from[0] != small_tuple || std::to_integer<std::size_t>(from[1]) != arity) return false;
  from = from.subspan(2);
  return true;
}

// The front of a list of one element, whose tail follows that.
bool pair(payload_view& from) noexcept {
  constexpr std::size_t front = 5;
  if (from.size() < front || from[0] != list || from[4] != std::byte{1}) return false;
  if ((from[1] | from[2] | from[3]) != std::byte{0}) return false;
  from = from.subspan(front);
  return true;
}

bool tagged(payload_view& from, std::size_t arity, etf::atom tag, const etf::decode_limits& limits) {
  etf::atom found;
  return tuple_of(from, arity) && etf::scan_atom(from, found, limits) && found == tag;
}

}  // namespace

bool unwrap_cast(payload_view& payload, const etf::decode_limits& limits) {
  payload_view rest{payload.data(), payload.size()};
  if (!tagged(rest, 2, "$gen_cast"_atom, limits)) return false;
  payload = payload.last(rest.size());
  return true;
}

bool unwrap_call(payload_view& payload, etf::pid& caller, const etf::decode_limits& limits) {
  auto rest = payload;
  if (!tagged(rest, 3, "$gen_call"_atom, limits) || !tuple_of(rest, 2) || !etf::scan_pid(rest, caller, limits))
    return false;
  payload = rest;
  return true;
}

bool unwrap_answer(payload_view& payload, etf::reference& tag, const etf::decode_limits& limits) {
  auto rest = payload;
  if (!tuple_of(rest, 2)) return false;
  etf::atom alias;
  if (pair(rest) && !(etf::scan_atom(rest, alias, limits) && alias == "alias"_atom)) return false;
  if (!etf::scan_reference(rest, tag, limits)) return false;
  payload = rest;
  return true;
}

}  // namespace ergo::inline v0::detail
