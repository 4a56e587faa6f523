// The slot table.
#include "slots.hpp"

#include <algorithm>

namespace ergo::inline v0::detail {

slot_table::slot_table(std::size_t limit, unsigned id_bits)
    : limit_{static_cast<std::uint32_t>(std::clamp<std::size_t>(limit + 1, 2, std::size_t{1} << id_bits))},
      serial_mask_{id_bits == 15 ? 0x1FFFU : ~0U},
      oldest_first_{id_bits == 15},
      chunks_size_{(limit_ + chunk_size - 1) / chunk_size},
      chunks_{std::make_unique<std::atomic<process*>[]>(chunks_size_)} {}

slot_table::~slot_table() {
  for (std::uint32_t chunk = 0; chunk < chunks_size_; ++chunk) delete[] chunks_[chunk].load(std::memory_order_relaxed);
}

process* slot_table::take() {
  const std::scoped_lock lock{mutex_};
  // A queue keeps narrow serials apart as long as possible, a stack keeps wide ones in the cache.
  const bool recycle = oldest_first_
                           ? free_.size() - first_free_ > 1024 || end_.load(std::memory_order_relaxed) >= limit_
                           : !free_.empty();
  if (recycle && first_free_ < free_.size()) {
    live_.fetch_add(1, std::memory_order_relaxed);
    if (!oldest_first_) {
      auto* const taken = free_.back();
      free_.pop_back();
      return taken;
    }
    auto* const taken = free_[first_free_++];
    if (first_free_ > 4096 && first_free_ * 2 > free_.size()) {
      free_.erase(free_.begin(), free_.begin() + static_cast<std::ptrdiff_t>(first_free_));
      first_free_ = 0;
    }
    return taken;
  }
  const auto slot =
      end_.load(std::memory_order_relaxed) == 0 ? 1 : end_.load(std::memory_order_relaxed);  // slot 0 is nobody's
  if (slot >= limit_) return nullptr;
  auto& chunk = chunks_[slot / chunk_size];
  if (chunk.load(std::memory_order_relaxed) == nullptr) chunk.store(new process[chunk_size], std::memory_order_release);
  auto* const fresh = chunk.load(std::memory_order_relaxed) + slot % chunk_size;
  fresh->slot = slot;
  end_.store(slot + 1, std::memory_order_release);
  live_.fetch_add(1, std::memory_order_relaxed);
  return fresh;
}

void slot_table::give_back(process* free) noexcept {
  const std::scoped_lock lock{mutex_};
  free_.push_back(free);
  // Under the lock: whoever waits may free this table as soon as it has the lock.
  if (live_.fetch_sub(1, std::memory_order_relaxed) == 1) emptied_.notify_all();
}

bool slot_table::wait_until_empty(duration limit) {
  std::unique_lock lock{mutex_};
  return emptied_.wait_until(lock, after(std::chrono::steady_clock::now(), limit), [this] { return live() == 0; });
}

}  // namespace ergo::inline v0::detail
