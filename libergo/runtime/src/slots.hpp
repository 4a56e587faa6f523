// Where processes live: slots with a generation that are never returned, so that a stale pid is always safe to look up.
#pragma once

#include <ergo/process.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace ergo::inline v0::detail {

/// A worker's own free slots and counts, so that processes come and go without a lock. Only its thread uses it.
class slot_cache {
 private:
  friend class slot_table;
  static constexpr unsigned size = 64;

  std::array<process*, size> free_;
  unsigned count_ = 0;
  std::atomic<std::uint64_t> taken_{0};  // ever, with the help of this cache
  std::atomic<std::uint64_t> given_{0};
};

/// All process slots of a runtime. Lookup takes no lock.
class slot_table {
 public:
  slot_table(std::size_t limit, unsigned id_bits);
  ~slot_table();
  slot_table(const slot_table&) = delete;
  slot_table& operator=(const slot_table&) = delete;

  /// A free slot with its next serial not yet set, or null when the limit is reached. Any thread.
  [[nodiscard]] process* take();
  void give_back(process* free) noexcept;
  /// The same, mostly without a lock, for the thread that has `cache`. What lies in the caches of others counts as
  /// taken; a small table does not use them, so that its limit is exact.
  [[nodiscard]] process* take(slot_cache& cache);
  void give_back(process* free, slot_cache& cache) noexcept;
  /// Counts `cache` from now on; it must live as long as the table is used.
  void add(const slot_cache& cache);

  /// Blocks until nobody lives here; false when somebody still does after `limit`.
  [[nodiscard]] bool wait_until_empty(duration limit);

  /// The slot's process object, whoever lives there now; null if there never was one.
  [[nodiscard]] process* at(std::uint32_t slot) const noexcept {
    auto* const chunk =
        slot / chunk_size < chunks_size_ ? chunks_[slot / chunk_size].load(std::memory_order_acquire) : nullptr;
    return chunk == nullptr ? nullptr : chunk + slot % chunk_size;
  }
  /// One more than the highest slot that was ever used.
  [[nodiscard]] std::uint32_t end() const noexcept { return end_.load(std::memory_order_acquire); }
  /// How many live; not less than those that live during all of the call, and 0 only if there was a moment without any.
  [[nodiscard]] std::size_t live() const noexcept;
  /// The next serial of a slot, within the width that peers accept.
  [[nodiscard]] std::uint32_t next_serial(std::uint32_t serial) const noexcept { return (serial + 1) & serial_mask_; }

 private:
  static constexpr std::uint32_t chunk_size = 256;
  static constexpr std::size_t smallest_with_caches = std::size_t{1} << 17;

  [[nodiscard]] process* take_locked();
  [[nodiscard]] process* fresh_slot();
  [[nodiscard]] std::size_t live_locked() const noexcept;
  void refill(slot_cache& cache);
  void make_room(slot_cache& cache) noexcept;
  void tell_waiting() noexcept;

  std::uint32_t limit_;
  std::uint32_t serial_mask_;
  bool oldest_first_;
  bool cached_;
  std::uint32_t chunks_size_;
  std::unique_ptr<std::atomic<process*>[]> chunks_;
  std::atomic<std::uint32_t> end_{0};
  std::atomic<unsigned> waiting_{0};  // in wait_until_empty
  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  std::vector<process*> free_;
  std::size_t first_free_ = 0;  // with oldest_first_: free_ is used as a queue
  std::uint64_t taken_ = 0;     // without a cache
  std::uint64_t given_ = 0;
  std::vector<const slot_cache*> caches_;
};

}  // namespace ergo::inline v0::detail
