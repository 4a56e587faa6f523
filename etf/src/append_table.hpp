// A table that only grows: entries get dense indices and are never moved or freed, so that reading one takes no lock.
// Constant-initialised and trivially destroyed: it works before main and after it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>

namespace ergo::inline v0::etf {

/// Entries in chunks. One writer at a time (the owner's lock); any number of readers.
template <typename Entry, std::size_t Capacity>
class append_chunks {
 public:
  [[nodiscard]] const Entry& operator[](std::uint32_t index) const noexcept {
    return chunks_[index / chunk_size].load(std::memory_order_acquire)[index % chunk_size];
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

  /// Adds `entry` and returns its index. Throws `std::bad_alloc` with nothing changed.
  std::uint32_t push(const Entry& entry) {
    const auto index = size_.load(std::memory_order_relaxed);
    auto& chunk = chunks_[index / chunk_size];
    if (chunk.load(std::memory_order_relaxed) == nullptr) chunk.store(new Entry[chunk_size], std::memory_order_release);
    chunk.load(std::memory_order_relaxed)[index % chunk_size] = entry;
    size_.store(index + 1, std::memory_order_release);
    return static_cast<std::uint32_t>(index);
  }

 private:
  static constexpr std::size_t chunk_size = 4096;

  std::array<std::atomic<Entry*>, (Capacity + chunk_size - 1) / chunk_size> chunks_{};
  std::atomic<std::size_t> size_{0};
};

/// A hash index from 32-bit hashes to table positions: open addressing, at most half full. Readers take no lock; a
/// table that was outgrown stays readable for good, since a reader may still be in it.
class append_index {
 public:
  /// The position whose hash is `hash` and for which `matches` is true.
  template <typename Matches>
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint32_t hash, const Matches& matches) const {
    const auto* slots = slots_.load(std::memory_order_acquire);
    if (slots == nullptr) return std::nullopt;
    for (std::size_t at = hash & slots->mask;; at = (at + 1) & slots->mask) {
      const auto slot = slots->at[at].load(std::memory_order_acquire);
      if (slot == 0) return std::nullopt;
      const auto position = static_cast<std::uint32_t>(slot) - 1;
      if (static_cast<std::uint32_t>(slot >> 32) == hash && matches(position)) return position;
    }
  }

  /// Makes room for one more entry, which `add` then cannot fail to insert.
  void prepare(std::size_t entries) {
    const auto* slots = slots_.load(std::memory_order_relaxed);
    if (slots != nullptr && entries * 2 < slots->mask) return;
    auto grown = std::make_unique<table>();
    const auto capacity = slots == nullptr ? 1024 : (slots->mask + 1) * 2;
    grown->mask = capacity - 1;
    grown->at = std::make_unique<std::atomic<std::uint64_t>[]>(capacity);
    for (std::size_t at = 0; slots != nullptr && at <= slots->mask; ++at) {
      if (const auto slot = slots->at[at].load(std::memory_order_relaxed); slot != 0) put(*grown, slot);
    }
    grown->older = slots;
    slots_.store(grown.release(), std::memory_order_release);
  }

  void add(std::uint32_t hash, std::uint32_t position) noexcept {
    put(*slots_.load(std::memory_order_relaxed), (std::uint64_t{hash} << 32) | (position + 1));
  }

 private:
  struct table {
    std::size_t mask = 0;
    std::unique_ptr<std::atomic<std::uint64_t>[]> at;
    const table* older = nullptr;
  };

  static void put(const table& into, std::uint64_t slot) noexcept {
    auto at = static_cast<std::size_t>(slot >> 32) & into.mask;
    while (into.at[at].load(std::memory_order_relaxed) != 0) at = (at + 1) & into.mask;
    into.at[at].store(slot, std::memory_order_release);
  }

  std::atomic<const table*> slots_{nullptr};
};

}  // namespace ergo::inline v0::etf
