// Where processes live: slots with a generation that are never returned, so that a stale pid is always safe to look up.
#pragma once

#include <ergo/process.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace ergo::inline v0::detail {

/// All process slots of a runtime. Lookup takes no lock.
class slot_table {
 public:
  slot_table(std::size_t limit, unsigned id_bits);
  ~slot_table();
  slot_table(const slot_table&) = delete;
  slot_table& operator=(const slot_table&) = delete;

  /// A free slot with its next serial not yet set, or null when the limit is reached.
  [[nodiscard]] process* take();
  void give_back(process* free) noexcept;
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
  [[nodiscard]] std::size_t live() const noexcept { return live_.load(std::memory_order_relaxed); }
  /// The next serial of a slot, within the width that peers accept.
  [[nodiscard]] std::uint32_t next_serial(std::uint32_t serial) const noexcept { return (serial + 1) & serial_mask_; }

 private:
  static constexpr std::uint32_t chunk_size = 256;

  std::uint32_t limit_;
  std::uint32_t serial_mask_;
  bool oldest_first_;
  std::uint32_t chunks_size_;
  std::unique_ptr<std::atomic<process*>[]> chunks_;
  std::atomic<std::uint32_t> end_{0};
  std::atomic<std::size_t> live_{0};
  std::mutex mutex_;
  std::condition_variable emptied_;
  std::vector<process*> free_;
  std::size_t first_free_ = 0;  // with oldest_first_: free_ is used as a queue
};

}  // namespace ergo::inline v0::detail
