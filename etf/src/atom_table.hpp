// The program-wide atom table as the codec sees it: lookups that are worth inlining, and each atom's bytes on the wire.
#pragma once

#include <ergo/etf/atom.hpp>

#include "append_table.hpp"
#include "hashing.hpp"

#include <array>
#include <bit>
#include <mutex>

namespace ergo::inline v0::etf {

/// The first 8 bytes of a text and, from 9 bytes on, its last 8: all of it up to 16 bytes, so that most comparisons
/// need no more.
struct text_key {
  std::uint64_t low = 0;  ///< zero-padded; the first byte lowest
  std::uint64_t high = 0;
  std::uint32_t size = 0;

  explicit text_key(std::string_view text) noexcept : size{static_cast<std::uint32_t>(text.size())} {
    const auto* from = text.data();
    const auto byte = [from](std::size_t at) {
      return std::uint64_t{static_cast<unsigned char>(from[at])} << (8 * at);
    };
    if (size > 8) {
      low = load_word(from, 8);
      high = load_word(from + size - 8, 8);
    } else if (size >= 4) {
      low = size == 8 ? load_word(from, 8) : load_word(from, 4) | (load_word(from + size - 4, 4) << (8 * (size - 4)));
    } else if (size != 0) {
      low = byte(0) | byte(size / 2) | byte(size - 1);
    }
  }
  text_key() = default;

  /// The key of a text behind whose start at least eight bytes can be read.
  [[nodiscard]] static text_key of_readable(std::string_view text) noexcept {
    text_key made;
    made.size = static_cast<std::uint32_t>(text.size());
    made.low = load_word(text.data(), 8);
    if (text.size() > 8) {
      made.high = load_word(text.data() + text.size() - 8, 8);
    } else {
      made.low &= text.empty() ? 0 : ~std::uint64_t{0} >> (64 - 8 * text.size());
    }
    return made;
  }

  friend bool operator==(const text_key&, const text_key&) = default;
};

/// One atom. `wire` is its tag, its length and its text.
struct atom_entry {
  const char* wire = nullptr;
  text_key key;
  std::uint32_t wire_size = 0;

  [[nodiscard]] std::string_view text() const noexcept { return {wire + (wire_size - key.size), key.size}; }
};

/// Lookups take no lock, insertions take one. Well-known texts are put in by the first use.
class atom_table {
 public:
  /// Bytes that may be read behind `wire` whatever its size, so that copies need not be exact.
  static constexpr std::size_t padding = 32;

  [[nodiscard]] const atom_entry& operator[](std::uint32_t index) noexcept {
    if (!ready_.load(std::memory_order_acquire)) [[unlikely]]
      prepare();
    return entries_[index];
  }

  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view text) noexcept { return find(text, text_key{text}); }
  /// The same with the key at hand.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view text, const text_key& key) noexcept {
    if (!ready_.load(std::memory_order_acquire)) [[unlikely]]
      prepare();
    return look_up(hash_of(text, key), text, key);
  }

  [[nodiscard]] bool ready() const noexcept { return ready_.load(std::memory_order_acquire); }
  [[nodiscard]] errc insert(std::string_view text, std::uint32_t& index);
  [[nodiscard]] atom_usage usage() const noexcept;
  void set_capacity(std::size_t atoms) noexcept;

  static constexpr std::size_t largest_capacity = 4'194'304;

 private:
  [[nodiscard]] std::uint32_t hash_of(std::string_view text, const text_key& key) const noexcept {
    if (key.size > 16) return static_cast<std::uint32_t>(hash_bytes(text, seed_));
    return static_cast<std::uint32_t>(
        mix(key.low ^ 0xA0761D6478BD642FULL ^ (std::uint64_t{key.size} << 56), key.high ^ seed_));
  }

  [[nodiscard]] std::optional<std::uint32_t> look_up(std::uint32_t hash, std::string_view text,
                                                     const text_key& key) const noexcept {
    return index_.find(hash, [this, text, &key](std::uint32_t position) {
      const auto& found = entries_[position];
      return found.key == key && (key.size <= 16 || found.text() == text);
    });
  }

  void prepare() noexcept;
  std::uint32_t put(std::string_view text);
  [[nodiscard]] const char* keep(std::string_view text, std::size_t& size);

  append_chunks<atom_entry, largest_capacity> entries_;
  append_index index_;
  std::uint64_t seed_ = 0;
  std::atomic<bool> ready_{false};
  std::atomic<std::size_t> capacity_{1'048'576};
  std::mutex mutex_;
  char* free_ = nullptr;
  std::size_t room_ = 0;
};

extern constinit atom_table all_atoms;

/// Atoms that a thread has met lately, so that most are found with one look. Atoms stay for good: nothing in here ever
/// becomes wrong.
class atom_memo {
 public:
  static constexpr std::size_t longest = 16;  ///< texts that their key says in full

  /// The index of the atom of `text`, whose key is `key`.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view text, const text_key& key) noexcept {
    auto& entry = entries_[((key.low + key.high * 3) * 0x9E3779B97F4A7C15ULL) >> (64 - bits)];
    if (entry.key == key && key.size <= longest) [[likely]]
      return entry.index;
    const auto found = all_atoms.find(text, key);
    if (found && key.size <= longest) entry = {key, *found};
    return found;
  }

 private:
  static constexpr unsigned bits = 7;
  struct remembered {
    text_key key;
    std::uint32_t index = 0;  ///< of `''`, whose key is the empty one
  };
  std::array<remembered, std::size_t{1} << bits> entries_{};
};

extern constinit thread_local atom_memo recent_atoms;

}  // namespace ergo::inline v0::etf
