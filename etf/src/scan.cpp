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
  return scan(input, limits, [&value](reader& from) { return from.read_atom(value, errc::wrong_type); });
}

bool scan_pid(std::span<const std::byte>& input, pid& value, const decode_limits& limits) {
  return scan(input, limits, [&value](reader& from) {
    const auto tag = from.take<std::uint8_t>();
    return tag == wire::new_pid || tag == wire::old_pid ? from.read_pid(tag, value) : errc::wrong_type;
  });
}

bool scan_reference(std::span<const std::byte>& input, reference& value, const decode_limits& limits) {
  return scan(input, limits, [&value](reader& from) {
    const auto tag = from.take<std::uint8_t>();
    return reader::is_reference_tag(tag) ? from.read_reference(tag, value) : errc::wrong_type;
  });
}

}  // namespace ergo::inline v0::etf
