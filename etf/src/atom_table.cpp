// The program-wide atom table. Lookups take no lock; insertions take one. Well-known texts are put in by the first
// lookup, so that atoms work during static initialisation.
#include "atom_table.hpp"

#include "intern.hpp"
#include "utf8.hpp"
#include "wire.hpp"

#include <ergo/etf/reserve.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace ergo::inline v0::etf {

constinit atom_table all_atoms;
constinit thread_local atom_memo recent_atoms;

errc atom_table::insert(std::string_view text, std::uint32_t& index) {
  if (!ready()) prepare();
  const std::lock_guard lock{mutex_};
  const text_key key{text};
  if (const auto found = look_up(hash_of(text, key), text, key)) {
    index = *found;
    return errc::ok;
  }
  if (entries_.size() >= capacity_.load(std::memory_order_relaxed)) return errc::atom_table_full;
  index = put(text);
  return errc::ok;
}

atom_usage atom_table::usage() const noexcept {
  return {std::max(entries_.size(), detail::well_known_texts.size()), capacity_.load(std::memory_order_relaxed)};
}

void atom_table::set_capacity(std::size_t atoms) noexcept {
  constexpr std::size_t smallest = 1'024;
  capacity_.store(std::clamp(atoms, smallest, largest_capacity), std::memory_order_relaxed);
}

void atom_table::prepare() noexcept {
  const std::lock_guard lock{mutex_};
  if (ready_.load(std::memory_order_relaxed)) return;
  seed_ = process_seed();
  for (const auto text : detail::well_known_texts) put(text);
  ready_.store(true, std::memory_order_release);
}

std::uint32_t atom_table::put(std::string_view text) {
  index_.prepare(entries_.size() + 1);
  atom_entry added;
  added.key = text_key{text};
  std::size_t size = 0;
  added.wire = keep(text, size);
  added.wire_size = static_cast<std::uint32_t>(size);
  const auto position = entries_.push(added);
  index_.add(hash_of(text, added.key), position);
  return position;
}

/// Writes an atom into memory that is never freed, as it goes onto the wire.
const char* atom_table::keep(std::string_view text, std::size_t& size) {
  constexpr std::size_t piece = 64U << 10;
  size = text.size() + (text.size() <= 255 ? 2 : 3);
  if (room_ < size) {
    free_ = new char[piece]{};
    room_ = piece - padding;
  }
  auto* to = free_;
  free_ += size;
  room_ -= size;
  auto* at = reinterpret_cast<std::byte*>(to);
  at = wire::store(at, static_cast<std::uint8_t>(text.size() <= 255 ? wire::small_utf8_atom : wire::utf8_atom));
  at = text.size() <= 255 ? wire::store(at, static_cast<std::uint8_t>(text.size()))
                          : wire::store(at, static_cast<std::uint16_t>(text.size()));
  text.copy(reinterpret_cast<char*>(at), text.size());
  return to;
}

std::expected<atom, error> atom::make(std::string_view utf8) {
  if (const auto found = find(utf8)) return *found;
  if (!is_atom_text(utf8)) return std::unexpected{error{errc::bad_atom}};
  std::uint32_t index = 0;
  if (const auto code = all_atoms.insert(utf8, index); code != errc::ok) return std::unexpected{error{code}};
  return atom{index};
}

atom atom::of(std::string_view utf8) {
  const auto made = make(utf8);
  if (!made) throw std::length_error{"atom: " + std::string{describe(made.error().code)}};
  return *made;
}

std::optional<atom> atom::find(std::string_view utf8) noexcept {
  if (const auto found = all_atoms.find(utf8)) return atom{*found};
  return std::nullopt;
}

std::string_view atom::text() const noexcept {
  if (index_ < detail::well_known_texts.size()) return detail::well_known_texts[index_];
  return all_atoms[index_].text();
}

std::strong_ordering compare_text(atom left, atom right) noexcept {
  if (left == right) return std::strong_ordering::equal;
  const auto& of_left = all_atoms[left.index()];
  const auto& of_right = all_atoms[right.index()];
  // The bytes of UTF-8 sort as its code points do; the first eight decide nearly always.
  if (of_left.key.low != of_right.key.low)
    return __builtin_bswap64(of_left.key.low) <=> __builtin_bswap64(of_right.key.low);
  return of_left.text().compare(of_right.text()) <=> 0;
}

atom_usage atom_table_usage() noexcept { return all_atoms.usage(); }

namespace {

constinit std::atomic<std::size_t> chosen_reserve{SIZE_MAX};  // SIZE_MAX: a sixteenth

}  // namespace

void set_atom_reserve(std::size_t atoms) noexcept { chosen_reserve.store(atoms, std::memory_order_relaxed); }

std::size_t atom_reserve() noexcept {
  const auto capacity = all_atoms.usage().capacity;
  const auto chosen = chosen_reserve.load(std::memory_order_relaxed);
  return chosen == SIZE_MAX ? capacity / 16 : std::min(chosen, capacity / 2);
}

void set_atom_table_capacity(std::size_t count) noexcept { all_atoms.set_capacity(count); }

errc intern_atom(std::string_view utf8, const decode_limits& limits, atom& made) {
  if (const auto found = atom::find(utf8)) {
    made = *found;
    return errc::ok;
  }
  if (!is_atom_text(utf8)) return errc::bad_atom;
  if (limits.atoms == atom_policy::known_only) return errc::unknown_atom;
  if (const auto used = all_atoms.usage(); limits.budget != nullptr && used.count + atom_reserve() >= used.capacity)
    return errc::atom_table_full;
  if (limits.budget != nullptr && !limits.budget->take()) {
    limits.budget->give_back();
    return errc::atom_budget_spent;
  }
  const auto added = atom::make(utf8);
  if (added) {
    made = *added;
    return errc::ok;
  }
  if (limits.budget != nullptr) limits.budget->give_back();
  return added.error().code;
}

std::expected<atom, error> make_atom(std::string_view utf8, const decode_limits& limits) {
  atom made;
  if (const auto code = intern_atom(utf8, limits, made); code != errc::ok) return std::unexpected{error{code}};
  return made;
}

}  // namespace ergo::inline v0::etf
