// Memory for envelopes and coroutine frames: magazines kept per thread, and a shared depot behind them.
// Under sanitizers everything passes through to `new`, so that they see each block.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ERGO_POOLS_PASS_THROUGH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ERGO_POOLS_PASS_THROUGH 1
#endif
#endif

namespace ergo::inline v0::detail {

/// A block that nobody uses. In the first block of a magazine that is put by, `next_magazine` is the one below it.
struct free_block {
  free_block* next;
  free_block* next_magazine;
};

/// A stack of free blocks.
struct block_chain {
  free_block* first = nullptr;
  unsigned count = 0;

  void push(void* memory) noexcept {
    first = new (memory) free_block{first, nullptr};
    ++count;
  }
  [[nodiscard]] void* pop() noexcept {
    auto* const taken = first;
    first = taken->next;
    --count;
    return taken;
  }
};

/// A stack of full magazines.
struct crate {
  free_block* first = nullptr;
  unsigned count = 0;

  void push(block_chain full) noexcept;
  [[nodiscard]] block_chain pop() noexcept;
};

/// The shared reserve of one block size. Blocks are never returned to the system while the program runs.
class block_depot {
 public:
  /// `kept`: how many bytes a thread keeps at most, about, before it gives some away.
  block_depot(std::size_t block_size, std::size_t kept) noexcept;

  static constexpr unsigned magazine = 64;

  /// Full magazines, at least one: used ones if there are any, else a new slab.
  [[nodiscard]] crate take();
  void give(crate full);
  /// Blocks that are no full magazine, at the end of a thread.
  void give(block_chain rest);
  [[nodiscard]] unsigned crate_size() const noexcept { return crate_size_; }

 private:
  static constexpr std::align_val_t line{64};  // what two threads use never shares one

  std::size_t block_size_;
  unsigned crate_size_;  // magazines
  std::mutex mutex_;
  std::vector<crate> crates_;
  crate gathered_;    // of what came in smaller amounts
  block_chain rest_;  // less than a magazine
  struct freed {
    void operator()(std::byte* slab) const noexcept { ::operator delete(slab, line); }
  };
  std::vector<std::unique_ptr<std::byte, freed>> slabs_;
};

/// One thread's free blocks of one size: two magazines, and two crates of magazines behind them. So a thread that frees
/// what it has allocated keeps its memory in its own cache however much is under way, and one that frees what another
/// has allocated takes the depot's lock once for thousands of blocks.
///
/// Trivially destructible, so that reading it costs no guard.
struct block_cache {
  block_chain active;
  block_chain spare;
  crate near;
  crate far;

  /// `depot` gives the depot, where it is needed.
  template <typename Depot>
  [[nodiscard]] void* allocate(const Depot& depot) {
    if (active.count == 0) [[unlikely]]
      refill(depot());
    auto* const taken = active.pop();
    __builtin_prefetch(active.first, 1);  // where it lies is known only once its predecessor has been read
    return taken;
  }
  template <typename Depot>
  void deallocate(void* memory, const Depot& depot) {
    if (active.count == block_depot::magazine) [[unlikely]]
      make_room(depot());
    active.push(memory);
  }
  void refill(block_depot& depot);
  void make_room(block_depot& depot);
  /// Gives everything to the depot; at the end of a thread.
  void drain(block_depot& depot);
};

/// Returns the calling thread's cached blocks to the depots. Called by worker threads before they end.
void drain_thread_caches();

}  // namespace ergo::inline v0::detail
