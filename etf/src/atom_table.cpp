// The program-wide atom table. Lookups take no lock; insertions take one. Well-known texts are put in by the first lookup, so
// that atoms work during static initialisation.
#include <ergo/etf/atom.hpp>

#include "append_table.hpp"
#include "hashing.hpp"
#include "intern.hpp"
#include "utf8.hpp"

#include <mutex>
#include <stdexcept>
#include <string>

namespace ergo::inline v0::etf {

namespace {

constexpr std::size_t largest_capacity = 4'194'304;
constexpr std::size_t smallest_capacity = 1'024;

struct entry {
  const char* text = nullptr;
  std::size_t size = 0;
  [[nodiscard]] std::string_view view() const noexcept { return {text, size}; }
};

class table {
 public:
  [[nodiscard]] std::string_view text(std::uint32_t index) const noexcept {
    if (index < detail::well_known_texts.size()) return detail::well_known_texts[index];
    return entries_[index].view();
  }

  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view text) noexcept {
    if (!ready_.load(std::memory_order_acquire)) prepare();
    return look_up(hash_of(text), text);
  }

  [[nodiscard]] errc insert(std::string_view text, std::uint32_t& index) {
    if (!ready_.load(std::memory_order_acquire)) prepare();
    const std::lock_guard lock{mutex_};
    const auto hash = hash_of(text);
    if (const auto found = look_up(hash, text)) {
      index = *found;
      return errc::ok;
    }
    if (entries_.size() >= capacity_.load(std::memory_order_relaxed)) return errc::atom_table_full;
    index = put(hash, {keep(text), text.size()});
    return errc::ok;
  }

  [[nodiscard]] atom_usage usage() const noexcept {
    return {std::max(entries_.size(), detail::well_known_texts.size()), capacity_.load(std::memory_order_relaxed)};
  }

  void set_capacity(std::size_t atoms) noexcept {
    capacity_.store(std::clamp(atoms, smallest_capacity, largest_capacity), std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] static std::uint32_t hash_of(std::string_view text) noexcept {
    return static_cast<std::uint32_t>(hash_bytes(text, process_seed()));
  }

  [[nodiscard]] std::optional<std::uint32_t> look_up(std::uint32_t hash, std::string_view text) const noexcept {
    return index_.find(hash, [this, text](std::uint32_t position) { return entries_[position].view() == text; });
  }

  std::uint32_t put(std::uint32_t hash, const entry& added) {
    index_.prepare(entries_.size() + 1);
    const auto position = entries_.push(added);
    index_.add(hash, position);
    return position;
  }

  void prepare() {
    const std::lock_guard lock{mutex_};
    if (ready_.load(std::memory_order_relaxed)) return;
    for (const auto text : detail::well_known_texts) put(hash_of(text), {text.data(), text.size()});
    ready_.store(true, std::memory_order_release);
  }

  /// Copies `text` into memory that is never freed.
  [[nodiscard]] const char* keep(std::string_view text) {
    constexpr std::size_t piece = 64U << 10;
    if (room_ < text.size()) {
      free_ = new char[piece];
      room_ = piece;
    }
    auto* to = free_;
    text.copy(to, text.size());
    free_ += text.size();
    room_ -= text.size();
    return to;
  }

  append_chunks<entry, largest_capacity> entries_;
  append_index index_;
  std::atomic<bool> ready_{false};
  std::atomic<std::size_t> capacity_{1'048'576};
  std::mutex mutex_;
  char* free_ = nullptr;
  std::size_t room_ = 0;
};

constinit table atoms;

}  // namespace

std::expected<atom, error> atom::make(std::string_view utf8) {
  if (const auto found = find(utf8)) return *found;
  if (!is_atom_text(utf8)) return std::unexpected{error{errc::bad_atom}};
  std::uint32_t index = 0;
  if (const auto code = atoms.insert(utf8, index); code != errc::ok) return std::unexpected{error{code}};
  return atom{index};
}

atom atom::of(std::string_view utf8) {
  const auto made = make(utf8);
  if (!made) throw std::length_error{"atom: " + std::string{describe(made.error().code)}};
  return *made;
}

std::optional<atom> atom::find(std::string_view utf8) noexcept {
  if (const auto found = atoms.find(utf8)) return atom{*found};
  return std::nullopt;
}

std::string_view atom::text() const noexcept { return atoms.text(index_); }

std::strong_ordering compare_text(atom left, atom right) noexcept {
  if (left == right) return std::strong_ordering::equal;
  return left.text().compare(right.text()) <=> 0;  // the bytes of UTF-8 sort as its code points do
}

atom_usage atom_table_usage() noexcept { return atoms.usage(); }

void set_atom_table_capacity(std::size_t count) noexcept { atoms.set_capacity(count); }

errc intern_atom(std::string_view utf8, const decode_limits& limits, atom& made) {
  if (const auto found = atom::find(utf8)) {
    made = *found;
    return errc::ok;
  }
  if (!is_atom_text(utf8)) return errc::bad_atom;
  if (limits.atoms == atom_policy::known_only) return errc::unknown_atom;
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

}  // namespace ergo::inline v0::etf
