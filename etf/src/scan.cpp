// Reads single values without building terms, for decoders that know what must come, such as that of control messages.
#include <ergo/etf/codec.hpp>

#include "reader.hpp"

namespace ergo::inline v0::etf {

namespace {

/// Runs `read` on a reader at the front of `input`, and advances `input` when it succeeds.
template <typename Read>
bool scan(std::span<const std::byte>& input, const decode_limits& limits, const Read& read) {
  reader from{input, limits};
  if (from.left() == 0 || read(from) != errc::ok) return false;
  input = input.subspan(from.offset());
  return true;
}

const decode_limits no_limits;

// Peers with an atom cache write nearly all identifiers in one form each, of which every part has its place. Such a
// form is tried first; whatever is different or wrong in any way is left to the complete reading.

constexpr std::size_t cached_atom_size = 2;
constexpr std::size_t cached_pid_size = 1 + cached_atom_size + 12;
constexpr std::size_t cached_reference_size = 1 + 2 + cached_atom_size + 4 + 12;
constexpr std::uint16_t usual_words = 3;

/// The atom to which two bytes refer, or null.
const atom* cached_atom(const std::byte* at, const decode_limits& limits) noexcept {
  if (wire::load<std::uint8_t>(at) != wire::atom_cache_ref) return nullptr;
  const std::size_t place = wire::load<std::uint8_t>(at + 1);
  return place < limits.cache.size() ? &limits.cache[place] : nullptr;
}

bool cached_pid(std::span<const std::byte> input, pid& value, const decode_limits& limits) {
  if (input.size() < cached_pid_size || wire::load<std::uint8_t>(input.data()) != wire::new_pid) return false;
  const auto* const node = cached_atom(input.data() + 1, limits);
  const auto* const numbers = input.data() + 1 + cached_atom_size;
  if (node == nullptr || intern_node(*node, wire::load<std::uint32_t>(numbers + 8), limits, value.node) != errc::ok)
    return false;
  value.id = wire::load<std::uint32_t>(numbers);
  value.serial = wire::load<std::uint32_t>(numbers + 4);
  return true;
}

bool cached_reference(std::span<const std::byte> input, reference& value, const decode_limits& limits) {
  const auto* const at = input.data();
  if (input.size() < cached_reference_size || wire::load<std::uint8_t>(at) != wire::newer_reference ||
      wire::load<std::uint16_t>(at + 1) != usual_words)
    return false;
  const auto* const node = cached_atom(at + 3, limits);
  const auto* const numbers = at + 3 + cached_atom_size;
  node_id on;
  if (node == nullptr || intern_node(*node, wire::load<std::uint32_t>(numbers), limits, on) != errc::ok) return false;
  const auto word = [numbers](std::size_t place) { return wire::load<std::uint32_t>(numbers + 4 + 4 * place); };
  value = {on, usual_words, {word(0), word(1), word(2)}};
  return true;
}

}  // namespace

bool scan_tuple_header(std::span<const std::byte>& input, std::size_t& arity) noexcept {
  return scan(input, no_limits, [&arity](reader& from) {
    const auto tag = from.take<std::uint8_t>();
    const std::size_t width = tag == wire::small_tuple ? 1 : 4;
    if ((tag != wire::small_tuple && tag != wire::large_tuple) || from.left() < width) return errc::wrong_type;
    arity = width == 1 ? from.take<std::uint8_t>() : from.take<std::uint32_t>();
    return arity <= from.left() ? errc::ok : errc::truncated;
  });
}

bool scan_integer(std::span<const std::byte>& input, std::int64_t& value) noexcept {
  std::int64_t read = 0;
  if (!scan(input, no_limits, [&read](reader& from) { return from.read_integer(read, errc::wrong_type); }))
    return false;
  value = read;
  return true;
}

bool scan_atom(std::span<const std::byte>& input, atom& value, const decode_limits& limits) {
  if (input.size() >= cached_atom_size) {
    if (const auto* const found = cached_atom(input.data(), limits)) {
      value = *found;
      input = input.subspan(cached_atom_size);
      return true;
    }
  }
  return scan(input, limits, [&value](reader& from) { return from.read_atom(value, errc::wrong_type); });
}

bool scan_pid(std::span<const std::byte>& input, pid& value, const decode_limits& limits) {
  if (cached_pid(input, value, limits)) {
    input = input.subspan(cached_pid_size);
    return true;
  }
  return scan(input, limits, [&value](reader& from) {
    const auto tag = from.take<std::uint8_t>();
    return tag == wire::new_pid || tag == wire::old_pid ? from.read_pid(tag, value) : errc::wrong_type;
  });
}

bool scan_reference(std::span<const std::byte>& input, reference& value, const decode_limits& limits) {
  if (cached_reference(input, value, limits)) {
    input = input.subspan(cached_reference_size);
    return true;
  }
  return scan(input, limits, [&value](reader& from) {
    const auto tag = from.take<std::uint8_t>();
    return reader::is_reference_tag(tag) ? from.read_reference(tag, value) : errc::wrong_type;
  });
}

}  // namespace ergo::inline v0::etf
