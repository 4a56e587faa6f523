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

struct free_block {
  free_block* next;
};

/// A chain of free blocks.
struct block_chain {
  free_block* first = nullptr;
  unsigned count = 0;

  void push(void* memory) noexcept {
    first = new (memory) free_block{first};
    ++count;
  }
  [[nodiscard]] void* pop() noexcept {
    auto* const taken = first;
    first = taken->next;
    --count;
    return taken;
  }
};

/// The shared reserve of full magazines of one block size. Blocks are never returned to the system while the program
/// runs.
class block_depot {
 public:
  explicit block_depot(std::size_t block_size) noexcept : block_size_{block_size} {}

  static constexpr unsigned magazine = 64;

  /// A full magazine: a used one if there is one, else a new slab.
  [[nodiscard]] block_chain take();
  void give(block_chain full);

 private:
  std::size_t block_size_;
  std::mutex mutex_;
  std::vector<block_chain> full_;
  std::vector<std::unique_ptr<std::byte[]>> slabs_;
};

/// One thread's two magazines of one block size; trivially destructible, so that reading it costs no guard.
struct block_cache {
  block_chain active;
  block_chain spare;

  [[nodiscard]] void* allocate(block_depot& depot) {
    if (active.count == 0) refill(depot);
    return active.pop();
  }
  void deallocate(void* memory, block_depot& depot) {
    if (active.count == block_depot::magazine) make_room(depot);
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
