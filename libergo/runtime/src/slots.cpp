// The slot table.
#include "slots.hpp"

#include <algorithm>

namespace ergo::inline v0::detail {

namespace {

// How often whoever waits for the end of all looks by itself: a worker that gives back a slot without a lock may
// overlook that somebody has just begun to wait.
constexpr auto moment = std::chrono::milliseconds{1};

// By the only thread that writes `counter`.
void count(std::atomic<std::uint64_t>& counter) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

}  // namespace

slot_table::slot_table(std::size_t limit, unsigned id_bits)
    : limit_{static_cast<std::uint32_t>(std::clamp<std::size_t>(limit + 1, 2, std::size_t{1} << id_bits))},
      serial_mask_{id_bits == 15 ? 0x1FFFU : ~0U},
      oldest_first_{id_bits == 15},
      cached_{limit_ >= smallest_with_caches},
      chunks_size_{(limit_ + chunk_size - 1) / chunk_size},
      chunks_{std::make_unique<std::atomic<process*>[]>(chunks_size_)} {}

slot_table::~slot_table() {
  for (std::uint32_t chunk = 0; chunk < chunks_size_; ++chunk) delete[] chunks_[chunk].load(std::memory_order_relaxed);
}

process* slot_table::take() {
  const std::scoped_lock lock{mutex_};
  auto* const taken = take_locked();
  if (taken != nullptr) ++taken_;
  return taken;
}

void slot_table::give_back(process* free) noexcept {
  const std::scoped_lock lock{mutex_};
  free_.push_back(free);
  ++given_;
  // Under the lock: whoever waits may free this table as soon as it has the lock.
  if (waiting_.load(std::memory_order_relaxed) != 0 && live_locked() == 0) emptied_.notify_all();
}

process* slot_table::take(slot_cache& cache) {
  if (!cached_) return take();
  if (cache.count_ == 0) [[unlikely]]
    refill(cache);
  if (cache.count_ == 0) return nullptr;
  count(cache.taken_);
  return cache.free_[--cache.count_];
}

void slot_table::give_back(process* free, slot_cache& cache) noexcept {
  if (!cached_) return give_back(free);
  if (cache.count_ == slot_cache::size) [[unlikely]]
    make_room(cache);
  cache.free_[cache.count_++] = free;
  count(cache.given_);
  if (waiting_.load(std::memory_order_relaxed) != 0) [[unlikely]]
    tell_waiting();
}

void slot_table::add(const slot_cache& cache) {
  const std::scoped_lock lock{mutex_};
  caches_.push_back(&cache);
}

// The slots that were never used come out in order.
void slot_table::refill(slot_cache& cache) {
  const std::scoped_lock lock{mutex_};
  while (cache.count_ < slot_cache::size / 2) {
    auto* const taken = take_locked();
    if (taken == nullptr) break;
    cache.free_[cache.count_++] = taken;
  }
  std::reverse(cache.free_.begin(), cache.free_.begin() + cache.count_);
}

// Gives away what was given back first.
void slot_table::make_room(slot_cache& cache) noexcept {
  const std::scoped_lock lock{mutex_};
  const auto given = cache.count_ / 2;
  free_.insert(free_.end(), cache.free_.begin(), cache.free_.begin() + given);
  std::move(cache.free_.begin() + given, cache.free_.begin() + cache.count_, cache.free_.begin());
  cache.count_ -= given;
}

void slot_table::tell_waiting() noexcept {
  const std::scoped_lock lock{mutex_};
  if (live_locked() == 0) emptied_.notify_all();
}

process* slot_table::take_locked() {
  // A queue keeps narrow serials apart as long as possible, a stack keeps wide ones in the cache.
  const bool recycle = oldest_first_
                           ? free_.size() - first_free_ > 1024 || end_.load(std::memory_order_relaxed) >= limit_
                           : !free_.empty();
  if (!recycle || first_free_ == free_.size()) return fresh_slot();
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

process* slot_table::fresh_slot() {
  const auto slot =
      end_.load(std::memory_order_relaxed) == 0 ? 1 : end_.load(std::memory_order_relaxed);  // slot 0 is nobody's
  if (slot >= limit_) return nullptr;
  auto& chunk = chunks_[slot / chunk_size];
  if (chunk.load(std::memory_order_relaxed) == nullptr) chunk.store(new process[chunk_size], std::memory_order_release);
  auto* const fresh = chunk.load(std::memory_order_relaxed) + slot % chunk_size;
  fresh->slot = slot;
  end_.store(slot + 1, std::memory_order_release);
  return fresh;
}

// Who left is counted first: whoever is seen to have left was seen to come, so that the difference is never too small.
std::size_t slot_table::live_locked() const noexcept {
  auto given = given_;
  auto taken = taken_;
  for (const auto* cache : caches_) given += cache->given_.load(std::memory_order_acquire);
  for (const auto* cache : caches_) taken += cache->taken_.load(std::memory_order_acquire);
  return taken - given;
}

std::size_t slot_table::live() const noexcept {
  const std::scoped_lock lock{mutex_};
  return live_locked();
}

bool slot_table::wait_until_empty(duration limit) {
  std::unique_lock lock{mutex_};
  const auto until = after(std::chrono::steady_clock::now(), limit);
  waiting_.fetch_add(1, std::memory_order_relaxed);
  while (live_locked() != 0 && std::chrono::steady_clock::now() < until) {
    emptied_.wait_until(lock, std::min(until, std::chrono::steady_clock::now() + moment));
  }
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  return live_locked() == 0;
}

}  // namespace ergo::inline v0::detail
