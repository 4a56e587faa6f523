// Atoms and identifiers off the wire, in the forms of all releases.
#include "reader.hpp"

#include "parts.hpp"
#include "utf8.hpp"

#include <string>

namespace ergo::inline v0::etf {

namespace {

/// Creations had two bits in the old forms.
constexpr std::uint8_t largest_old_creation = 3;
/// References had 18 bits, later in their first word.
constexpr std::uint32_t old_reference_limit = 1U << 18;

}  // namespace

errc reader::read_atom(atom& value, errc otherwise) {
  if (left() == 0) return errc::truncated;
  if (!is_atom_tag(peek())) return otherwise;
  return read_atom_of(take<std::uint8_t>(), value);
}

errc reader::read_atom_of(std::uint8_t tag, atom& value) {
  const auto wide = tag == wire::utf8_atom || tag == wire::latin1_atom;
  if (left() < (wide ? 2U : 1U)) return errc::truncated;
  const std::size_t size = wide ? take<std::uint16_t>() : take<std::uint8_t>();
  if (tag == wire::atom_cache_ref) {
    if (size >= limits_.cache.size()) return errc::bad_cache_reference;
    value = limits_.cache[size];
    return errc::ok;
  }
  if (left() < size) return errc::truncated;
  if (tag == wire::latin1_atom || tag == wire::small_latin1_atom) return read_latin1(size, value);
  return intern_atom(take_bytes(size), limits_, value);
}

errc reader::read_latin1(std::size_t size, atom& value) {
  if (size > 255) return errc::bad_atom;
  const auto ascii = is_ascii({at_, size});
  const auto latin1 = take_bytes(size);
  if (ascii) return intern_atom(latin1, limits_, value);
  std::string utf8;
  for (const auto byte : latin1) append_character(utf8, static_cast<unsigned char>(byte));
  return intern_atom(utf8, limits_, value);
}

errc reader::read_integer(std::int64_t& value, errc otherwise) {
  if (left() == 0) return errc::truncated;
  const auto tag = take<std::uint8_t>();
  if (tag == wire::small_integer) {
    if (left() < 1) return errc::truncated;
    value = take<std::uint8_t>();
    return errc::ok;
  }
  if (tag == wire::integer) {
    if (left() < 4) return errc::truncated;
    value = static_cast<std::int32_t>(take<std::uint32_t>());
    return errc::ok;
  }
  if (tag != wire::small_big && tag != wire::large_big) return otherwise;
  if (left() < (tag == wire::small_big ? 2U : 5U)) return errc::truncated;
  const std::size_t size = tag == wire::small_big ? take<std::uint8_t>() : take<std::uint32_t>();
  const auto negative = take<std::uint8_t>() != 0;
  if (left() < size) return errc::truncated;
  std::uint64_t magnitude = 0;
  for (std::size_t byte = 0; byte < size; ++byte) {
    const std::uint64_t digit = take<std::uint8_t>();
    if (byte >= 8 && digit != 0) return otherwise;
    if (byte < 8) magnitude |= digit << (8 * byte);
  }
  if (!detail::fits_64_bits(negative, magnitude)) return otherwise;
  value = detail::to_signed(negative, magnitude);
  return errc::ok;
}

errc reader::read_node_name() {
  if (!node_bytes_.empty() && left() >= node_bytes_.size() &&
      std::memcmp(at_, node_bytes_.data(), node_bytes_.size()) == 0) {
    at_ += node_bytes_.size();
    return errc::ok;
  }
  const auto* from = at_;
  atom name;
  if (const auto code = read_atom(name); code != errc::ok) return code;
  node_known_ = node_known_ && name == node_name_;
  node_name_ = name;
  node_bytes_ = {reinterpret_cast<const char*>(from), static_cast<std::size_t>(at_ - from)};
  return errc::ok;
}

errc reader::find_node(std::uint32_t creation) {
  if (node_known_ && creation == node_creation_) return errc::ok;
  node_known_ = false;
  if (const auto code = intern_node(node_name_, creation, limits_, node_); code != errc::ok) return code;
  node_known_ = true;
  node_creation_ = creation;
  return errc::ok;
}

errc reader::read_pid(std::uint8_t tag, pid& value) {
  if (const auto code = read_node_name(); code != errc::ok) return code;
  const auto old = tag == wire::old_pid;
  if (left() < (old ? 9U : 12U)) return errc::truncated;
  value.id = take<std::uint32_t>();
  value.serial = take<std::uint32_t>();
  const std::uint32_t creation = old ? take<std::uint8_t>() : take<std::uint32_t>();
  if (old && creation > largest_old_creation) return errc::bad_identifier;
  const auto code = find_node(creation);
  value.node = node_;
  return code;
}

errc reader::read_port(std::uint8_t tag, port& value) {
  if (const auto code = read_node_name(); code != errc::ok) return code;
  if (left() < (tag == wire::v4_port ? 12U : tag == wire::new_port ? 8U : 5U)) return errc::truncated;
  value.id = tag == wire::v4_port ? take<std::uint64_t>() : take<std::uint32_t>();
  const std::uint32_t creation = tag == wire::old_port ? take<std::uint8_t>() : take<std::uint32_t>();
  if (tag == wire::old_port && creation > largest_old_creation) return errc::bad_identifier;
  const auto code = find_node(creation);
  value.node = node_;
  return code;
}

errc reader::read_reference(std::uint8_t tag, reference& value) {
  value = {};
  std::size_t count = 1;
  if (tag != wire::old_reference) {
    if (left() < 2) return errc::truncated;
    count = take<std::uint16_t>();
    if (count == 0 || count > value.words.size()) return errc::bad_identifier;
  }
  if (const auto code = read_node_name(); code != errc::ok) return code;
  const auto wide = tag == wire::newer_reference;
  if (left() < (wide ? 4U : 1U) + 4 * count) return errc::truncated;
  // The oldest form has its word in front of the creation.
  if (tag == wire::old_reference) value.words[0] = take<std::uint32_t>();
  const std::uint32_t creation = wide ? take<std::uint32_t>() : take<std::uint8_t>();
  if (!wide && creation > largest_old_creation) return errc::bad_identifier;
  for (std::size_t word = 0; tag != wire::old_reference && word < count; ++word)
    value.words[word] = take<std::uint32_t>();
  if (!wide && value.words[0] >= old_reference_limit) return errc::bad_identifier;
  value.size = static_cast<std::uint8_t>(count);
  const auto code = find_node(creation);
  value.node = node_;
  return code;
}

}  // namespace ergo::inline v0::etf
