// Packets on their way in.
#include <ergo/dist/packet_reader.hpp>

#include "bytes.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace ergo::inline v0::dist {
namespace {

constexpr std::size_t slots = 2048;
constexpr std::byte term_version{131};
constexpr std::uint8_t whole_tag = 68;
constexpr std::uint8_t first_fragment_tag = 69;
constexpr std::uint8_t fragment_tag = 70;
constexpr std::uint8_t new_entry = 8;
constexpr std::uint8_t long_atoms = 1;
constexpr std::size_t worth_reserving = 64U << 10;  // below that, growing costs nothing that anybody notices

// What a message of this size may keep of its block besides itself. A larger block that is cut is one that malloc has
// to have from the system again for the next message of this size.
std::size_t may_be_spare(std::size_t size) {
  const auto share = size / 8;
  return size < worth_reserving ? share : std::max(share, worth_reserving);
}

struct sentence {
  std::string_view name;
  std::string_view text;
};
// In the order of packet_errc.
constexpr std::array sentences{
    sentence{"wrong_form", "the packet has a form that was not negotiated"},
    sentence{"truncated", "the packet ends inside its header"},
    sentence{"no_atom_cache", "the packet refers to atoms, and no atom cache was negotiated"},
    sentence{"unset_slot", "the packet refers to an empty slot of the atom cache"},
    sentence{"bad_atom", "the packet puts something into the atom cache that cannot become an atom"},
    sentence{"no_fragments", "the packet is a fragment, and none were negotiated"},
    sentence{"duplicate_start", "the packet begins a fragmented message that is open"},
    sentence{"unknown_sequence", "the packet continues a fragmented message that was not begun"},
    sentence{"wrong_order", "the packet is a fragment out of order"},
    sentence{"too_many_open", "too many fragmented messages are open"},
    sentence{"too_many_bytes", "too many bytes of fragmented messages are waiting for the rest"},
};
static_assert(sentences.size() == static_cast<std::size_t>(packet_errc::too_many_bytes) + 1);

std::unexpected<packet_error> bad(packet_errc code) { return std::unexpected{packet_error{code}}; }

}  // namespace

std::string_view to_string(packet_errc code) { return sentences[static_cast<std::size_t>(code)].name; }

std::string to_string(const packet_error& error) {
  std::string text{sentences[static_cast<std::size_t>(error.code)].text};
  if (error.etf.code != etf::errc::ok) text += ": " + std::string{etf::describe(error.etf.code)};
  return text;
}

packet_reader::result packet_reader::read(bytes_view body, const std::shared_ptr<const void>* owner,
                                          const etf::decode_limits& limits) {
  count_ = 0;
  if (form_of(negotiated_) == packet_form::pass_through) {
    const auto terms = pass_through(body);
    if (terms.empty()) return bad(packet_errc::wrong_form);
    return framed_message{.form = packet_form::pass_through, .terms = terms, .lent = owner};
  }
  if (body.size() < 2 || body[0] != term_version) return bad(packet_errc::wrong_form);
  const auto tag = std::to_integer<std::uint8_t>(body[1]);
  auto rest = body.subspan(2);
  if (tag == whole_tag) {
    if (const auto failed = read_atoms(rest, limits)) return std::unexpected{*failed};
    return framed_message{packet_form::header, rest, {atoms_.data(), count_}, nullptr, owner};
  }
  if (tag != first_fragment_tag && tag != fragment_tag) return bad(packet_errc::wrong_form);
  if (!negotiated_.has(flag::fragments)) return bad(packet_errc::no_fragments);
  return tag == first_fragment_tag ? begin(rest, owner, limits) : go_on(rest);
}

// ----- the header ---------------------------------------------------------------------------------------------------

// `n flags references`; the flags are half-bytes, the one behind the last reference is about all of them.
packet_reader::failure packet_reader::read_atoms(bytes_view& rest, const etf::decode_limits& limits) {
  if (rest.empty()) return packet_error{packet_errc::truncated};
  const auto count = std::to_integer<std::size_t>(rest[0]);
  rest = rest.subspan(1);
  if (count == 0) return std::nullopt;
  if (!negotiated_.has(flag::dist_hdr_atom_cache)) return packet_error{packet_errc::no_atom_cache};
  if (rest.size() < count / 2 + 1) return packet_error{packet_errc::truncated};
  const auto half_bytes = rest.first(count / 2 + 1);
  rest = rest.subspan(half_bytes.size());
  const auto half = [half_bytes](std::size_t place) {
    return static_cast<std::uint8_t>(std::to_integer<unsigned>(half_bytes[place / 2]) >> (place % 2 * 4) & 0xFU);
  };
  const std::size_t width = (half(count) & long_atoms) != 0 ? 2 : 1;
  if (cache_.empty()) cache_.resize(slots);
  if (take_known(rest, half_bytes, count)) return std::nullopt;
  for (std::size_t place = 0; place < count; ++place) {
    if (const auto failed = read_reference(rest, half(place), width, limits)) return failed;
  }
  return std::nullopt;
}

// What nearly all headers are: of nothing but atoms that have come before. False, and nothing is taken, of any other.
bool packet_reader::take_known(bytes_view& rest, bytes_view half_bytes, std::size_t count) {
  if (rest.size() < count) return false;
  for (std::size_t place = 0; place < count; ++place) {
    const auto half = std::to_integer<unsigned>(half_bytes[place / 2]) >> (place % 2 * 4);
    const auto cached = cache_[(half & 7U) << 8 | std::to_integer<unsigned>(rest[place])];
    if ((half & new_entry) != 0 || cached == 0) return false;
    atoms_[place] = etf::atom::from_index(cached - 1);
  }
  count_ = count;
  rest = rest.subspan(count);
  return true;
}

packet_reader::failure packet_reader::read_reference(bytes_view& rest, std::uint8_t half, std::size_t width,
                                                     const etf::decode_limits& limits) {
  detail::reader in{rest};
  const std::size_t slot = (half & 7U) << 8 | in.get<std::uint8_t>();
  auto& cached = cache_[slot];
  if ((half & new_entry) != 0) {
    const auto text = in.text(width == 2 ? in.get<std::uint16_t>() : in.get<std::uint8_t>());
    if (!in.ok()) return packet_error{packet_errc::truncated};
    const auto made = etf::make_atom(text, limits);
    if (!made) return packet_error{packet_errc::bad_atom, made.error()};
    cached = made->index() + 1;
  }
  if (!in.ok()) return packet_error{packet_errc::truncated};
  if (cached == 0) return packet_error{packet_errc::unset_slot};
  atoms_[count_++] = etf::atom::from_index(cached - 1);
  rest = rest.last(in.left());
  return std::nullopt;
}

// ----- fragments ----------------------------------------------------------------------------------------------------

packet_reader::result packet_reader::begin(bytes_view rest, const std::shared_ptr<const void>* owner,
                                           const etf::decode_limits& limits) {
  detail::reader in{rest};
  const auto id = in.get<std::uint64_t>();
  const auto number = in.get<std::uint64_t>();
  if (!in.ok()) return bad(packet_errc::truncated);
  if (sequences_.contains(id)) return bad(packet_errc::duplicate_start);
  if (number == 0) return bad(packet_errc::wrong_order);
  rest = rest.last(in.left());
  if (const auto failed = read_atoms(rest, limits)) return std::unexpected{*failed};
  if (number == 1) return framed_message{packet_form::header, rest, {atoms_.data(), count_}, nullptr, owner};
  if (sequences_.size() >= options_.open_sequences) return bad(packet_errc::too_many_open);
  if (rest.size() > options_.open_bytes - open_bytes_) return bad(packet_errc::too_many_bytes);
  sequence opened{number - 1};
  const auto announced = number > SIZE_MAX / std::max<std::size_t>(rest.size(), 1) ? SIZE_MAX : number * rest.size();
  if (announced >= worth_reserving && announced <= options_.open_bytes - reserved_)
    opened.bytes.reserve(announced, options_.obtain);
  reserved_ += opened.bytes.reserved;
  opened.bytes.append(rest);
  opened.atoms.assign(atoms_.begin(), atoms_.begin() + static_cast<std::ptrdiff_t>(count_));
  sequences_.emplace(id, std::move(opened));
  open_bytes_ += rest.size();
  return std::nullopt;
}

packet_reader::result packet_reader::go_on(bytes_view rest) {
  detail::reader in{rest};
  const auto id = in.get<std::uint64_t>();
  const auto number = in.get<std::uint64_t>();
  if (!in.ok()) return bad(packet_errc::truncated);
  const auto found = sequences_.find(id);
  if (found == sequences_.end()) return bad(packet_errc::unknown_sequence);
  auto& open = found->second;
  if (number != open.left) return bad(packet_errc::wrong_order);
  rest = rest.last(in.left());
  if (rest.size() > options_.open_bytes - open_bytes_) return bad(packet_errc::too_many_bytes);
  open.bytes.append(rest);
  open_bytes_ += rest.size();
  if (--open.left > 0) return std::nullopt;
  return finish(found);
}

framed_message packet_reader::finish(std::map<std::uint64_t, sequence>::iterator found) {
  auto& whole = found->second;
  count_ = whole.atoms.size();
  std::ranges::copy(whole.atoms, atoms_.begin());
  const bytes_view terms{whole.bytes.data.get(), whole.bytes.size};
  reserved_ -= whole.bytes.reserved;
  auto memory = whole.bytes.take(options_.give_back);
  const bytes_view moved{static_cast<const std::byte*>(memory.get()), terms.size()};
  open_bytes_ -= terms.size();
  sequences_.erase(found);
  return {packet_form::header, moved, {atoms_.data(), count_}, std::move(memory), nullptr};
}

std::size_t packet_reader::held() const {
  std::size_t bytes = 0;
  for (const auto& [id, open] : sequences_) bytes += open.bytes.touched() + open.atoms.capacity() * sizeof(etf::atom);
  return bytes;
}

// Moving a hundred megabytes, even by their page table, takes long enough for everybody else on the connection to
// notice. Memory that nobody has written to is none.
void packet_reader::growing::reserve(std::size_t announced, std::byte* (*obtain)(std::size_t)) noexcept {
  data.reset(obtain(announced));
  capacity = reserved = data ? announced : 0;
}

void packet_reader::growing::append(bytes_view bytes) {
  if (bytes.empty()) return;
  if (capacity - size < bytes.size()) resize(std::max(size + bytes.size(), capacity + capacity / 2));
  std::memcpy(data.get() + size, bytes.data(), bytes.size());
  size += bytes.size();
}

// realloc moves large blocks by their page table instead of copying them.
void packet_reader::growing::resize(std::size_t wanted) {
  auto* const moved = static_cast<std::byte*>(std::realloc(data.get(), wanted));
  if (!moved) throw std::bad_alloc{};
  static_cast<void>(data.release());
  data.reset(moved);
  capacity = wanted;
}

std::shared_ptr<const void> packet_reader::growing::take(void (*give_back)(std::byte*, std::size_t)) {
  if (size > 0 && capacity - size > may_be_spare(size)) resize(size);
  return std::shared_ptr<std::byte>{data.release(),
                                    [give_back, bytes = capacity](std::byte* block) { give_back(block, bytes); }};
}

}  // namespace ergo::inline v0::dist
