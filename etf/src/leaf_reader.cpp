// Terms without parts, in the forms of all releases.
#include "leaf_reader.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>

namespace ergo::inline v0::etf {

namespace {

constexpr std::size_t old_float_size = 31;
constexpr std::size_t alias_from = 4U << 10;
constexpr std::size_t alias_share = 8;

}  // namespace

step leaf_reader::any_atom(term& to, std::uint8_t next) {
  atom value;
  const auto code = read_atom_of(next, value);
  put_atom(to, value);
  return done_or(code);
}

step leaf_reader::any_pid(term& to, std::uint8_t next) {
  pid value;
  const auto code = read_pid(next, value);
  put_pid(to, value);
  return done_or(code);
}

step leaf_reader::any_port(term& to, std::uint8_t next) {
  port value;
  const auto code = read_port(next, value);
  put(to, {tag::port, detail::uncounted, 0, value.node.index()}, value.id);
  return done_or(code);
}

step leaf_reader::any_reference(term& to, std::uint8_t next) {
  reference value;
  if (const auto code = read_reference(next, value); code != errc::ok) return fail(code);
  if (detail::is_short(value.size, value.words[0])) {
    detail::set_short_reference(to, value.node, value.words.data());
    return step::done;
  }
  auto* made = slab_.make(sizeof(reference));
  if (made == nullptr) return fail(errc::too_big);
  made->flags = detail::leaf;
  ::new (made + 1) reference{value};
  return put_node(to, {tag::reference, counting(made)}, made);
}

step leaf_reader::new_float(term& to) {
  if (!has(8)) return fail(errc::truncated);
  const auto bits = take<std::uint64_t>();
  if (!std::isfinite(std::bit_cast<double>(bits))) return fail(errc::bad_float);
  return put(to, {tag::floating}, bits);
}

namespace {

/// Reads the text form of floats, `[+-]digits.digits[e[+-]digits]`; as in OTP the point may be a comma. Empty when it
/// is none.
std::optional<double> parse_float(std::string text) {
  const auto is_digit = [&text](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  if (text.starts_with('+')) text.erase(0, 1);
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  const auto point = text.find_first_not_of("0123456789", first);
  if (!is_digit(first) || point == std::string::npos || !is_digit(point + 1)) return std::nullopt;
  if (text[point] != '.' && text[point] != ',') return std::nullopt;
  text[point] = '.';
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ptr != text.data() + text.size()) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range && text.find('-', first + 1) != std::string::npos)
    return 0.0;  // too small, not too large
  return parsed.ec == std::errc{} && std::isfinite(value) ? std::optional{value} : std::nullopt;
}

}  // namespace

step leaf_reader::old_float(term& to) {
  if (!has(old_float_size)) return fail(errc::truncated);
  const auto text = take_bytes(old_float_size);
  const auto value = parse_float(std::string{text.substr(0, text.find('\0'))});
  return value ? put(to, {tag::floating}, std::bit_cast<std::uint64_t>(*value)) : fail(errc::bad_float);
}

step leaf_reader::big_integer(term& to, std::size_t width) {
  if (!has(width + 1)) return fail(errc::truncated);
  std::size_t size = width == 1 ? take<std::uint8_t>() : take<std::uint32_t>();
  const auto negative = take<std::uint8_t>() != 0;
  if (!has(size)) return fail(errc::truncated);
  if (size > limits_.big_integer_bytes) return fail(errc::too_big);
  const auto bytes = take_bytes(size);
  while (size != 0 && bytes[size - 1] == 0) --size;  // other encoders pad
  const auto limb = [bytes, size](std::size_t at) {
    std::uint64_t value = 0;
    for (auto end = std::min(size, at * 8 + 8); end > at * 8; --end)
      value = (value << 8) | static_cast<unsigned char>(bytes[end - 1]);
    return value;
  };
  if (size <= 8 && detail::fits_64_bits(negative, limb(0)))
    return put_integer(to, detail::to_signed(negative, limb(0)));
  const auto limbs = (size + 7) / 8;
  auto* made = slab_.make(limbs * 8);
  if (made == nullptr) return fail(errc::too_big);
  made->flags = detail::leaf;
  made->size = static_cast<std::uint32_t>(limbs);
  for (std::size_t at = 0; at < limbs; ++at) reinterpret_cast<std::uint64_t*>(made + 1)[at] = limb(at);
  return put_node(to, {tag::big, counting(made), static_cast<std::uint16_t>(negative)}, made);
}

step leaf_reader::binary(term& to) {
  if (!has(4)) return fail(errc::truncated);
  const std::size_t size = take<std::uint32_t>();
  if (!has(size)) return fail(errc::truncated);
  return bytes(to, {tag::binary}, size);
}

step leaf_reader::bit_binary(term& to) {
  if (!has(5)) return fail(errc::truncated);
  const std::size_t size = take<std::uint32_t>();
  const auto bits = take<std::uint8_t>();
  if (bits > 8 || (bits == 0) != (size == 0)) return fail(errc::bad_bit_count);
  if (!has(size)) return fail(errc::truncated);
  if (bits % 8 == 0) return bytes(to, {tag::binary}, size);
  const auto outcome = bytes(to, {tag::bits, detail::uncounted, bits}, size);
  if (outcome == step::done) {
    auto& last =
        const_cast<char*>(term_access::bytes_of(to)->data)[size - 1];  // our own copy: bit strings are never aliased
    last = static_cast<char>(last & (0xFF << (8 - bits)));
  }
  return outcome;
}

step leaf_reader::bytes(term& to, term_access::head head, std::size_t size) {
  if (size == 0) return put(to, {tag::binary});
  if (head.tag() == tag::binary && limits_.aliased != nullptr && size >= alias_from &&
      size >= static_cast<std::size_t>(end_ - begin_) / alias_share) {
    return alias(to, size);
  }
  auto* made = slab_.make<detail::bytes_node>(size);
  if (made == nullptr) return fail(errc::too_big);
  auto* copy = reinterpret_cast<char*>(made + 1);
  std::memcpy(copy, at_, size);
  at_ += size;
  made->flags = detail::leaf;
  made->data = copy;
  made->length = size;
  return put_node(to, head.with_counted(counting(made)), made);
}

/// Refers to the receive buffer instead of copying. A large buffer must not be kept by the rest of the message.
step leaf_reader::alias(term& to, std::size_t size) {
  const auto is_small = static_cast<std::size_t>(end_ - begin_) <= detail::slab::share;
  auto* made = is_small ? slab_.make<detail::bytes_node>(sizeof(detail::alias))
                        : slab_.make_alone<detail::bytes_node>(sizeof(detail::alias));
  if (made == nullptr) return fail(errc::too_big);
  ::new (detail::alias_of(made)) detail::alias{*limits_.aliased};
  made->flags = detail::leaf | detail::aliased;
  made->data = reinterpret_cast<const char*>(at_);
  made->length = size;
  if (made->place != 0) slab_.owns(made);
  at_ += size;
  return put_node(to, {tag::binary, counting(made)}, made);
}

step leaf_reader::string(term& to) {
  if (!has(2)) return fail(errc::truncated);
  const std::size_t count = take<std::uint16_t>();
  if (!has(count)) return fail(errc::truncated);
  if (count == 0) return put(to, {});
  auto* made = slab_.make(count * sizeof(term));
  if (made == nullptr) return fail(errc::too_big);
  made->size = static_cast<std::uint32_t>(count);
  characters(term_access::terms(made), count);
  return put_node(to, {tag::list, counting(made)}, made);
}

step leaf_reader::export_fun(term& to) {
  namespace at = detail::external_part;
  atom module;
  atom function;
  std::int64_t arity = 0;
  auto code = read_atom(module, errc::bad_fun);
  if (code == errc::ok) code = read_atom(function, errc::bad_fun);
  if (code == errc::ok) code = read_integer(arity, errc::bad_fun);
  if (code == errc::ok && (arity < 0 || arity > 255)) code = errc::bad_fun;
  if (code != errc::ok) return fail(code);
  auto* made = slab_.make(at::count * sizeof(term));
  if (made == nullptr) return fail(errc::too_big);
  made->size = at::count;
  auto* parts = term_access::terms(made);
  put_atom(parts[at::module], module);
  put_atom(parts[at::function], function);
  put_integer(parts[at::arity], arity);
  return put_node(to, {tag::external_fun, counting(made)}, made);
}

}  // namespace ergo::inline v0::etf
