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

/// A block that nobody uses. In the first block of a magazine that is put by, `next_magazine` is the one below it; in
/// the first block of a crate that is put by, `next_crate` is the one below that, and `magazines` says how many it has.
struct free_block {
  free_block* next;
  free_block* next_magazine;
  free_block* next_crate;
  unsigned magazines;
};

/// A stack of free blocks.
struct block_chain {
  free_block* first = nullptr;
  unsigned count = 0;

  void push(void* memory) noexcept {
    auto* const block = new (memory) free_block;
    block->next = first;
    first = block;
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

/// A stack of crates that have something in them.
struct crate_stack {
  free_block* first = nullptr;

  void push(crate filled) noexcept;
  [[nodiscard]] crate pop() noexcept;
};

/// Where depots have their blocks from: large pieces of memory from the system, cut in sequence. Blocks are never given
/// back while the program runs; scattered over the heap, they would keep it from shrinking. What of a piece was not cut
/// yet takes no memory.
class block_source {
 public:
  /// `bytes` is a multiple of 64, and so is the address: what two threads use never shares a line. At most
  /// `piece`. Throws `std::bad_alloc`. Any thread.
  [[nodiscard]] std::byte* cut(std::size_t bytes);

  static constexpr std::size_t piece = std::size_t{1} << 20;

 private:
  struct unmapped {
    void operator()(std::byte* memory) const noexcept;
  };
  std::mutex mutex_;
  std::byte* rest_ = nullptr;
  std::size_t left_ = 0;
  std::vector<std::unique_ptr<std::byte, unmapped>> pieces_;
};

/// The shared reserve of one block size.
class block_depot {
 public:
  /// `kept`: how many bytes a busy thread keeps at most, about, before it gives some away. `from` outlives the depot.
  block_depot(block_source& from, std::size_t block_size, std::size_t kept) noexcept;

  static constexpr unsigned magazine = 64;

  /// Full magazines, at least one: used ones if there are any, else a new one.
  [[nodiscard]] crate take();
  void give(crate filled) noexcept;
  /// Blocks that are no full magazine, at the end of a thread.
  void give(block_chain rest) noexcept;
  [[nodiscard]] unsigned crate_size() const noexcept { return crate_size_; }

 private:
  block_source& source_;
  std::size_t block_size_;
  unsigned crate_size_;  // magazines
  std::mutex mutex_;
  crate_stack crates_;
  crate gathered_;    // of what came in smaller amounts
  block_chain rest_;  // less than a magazine
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
  void make_room(block_depot& depot) noexcept;
  /// Gives what is more than an eighth of a crate to the depot, but for the two magazines.
  void share(block_depot& depot) noexcept;
  /// Gives everything to the depot; at the end of a thread.
  void drain(block_depot& depot) noexcept;
};

/// Returns the calling thread's cached blocks to the depots. Called by worker threads before they end.
void drain_thread_caches() noexcept;

/// Gives most of the calling thread's cached blocks to the depots, if any were put by since it did so last. Called by
/// worker threads that have nothing to do: messages go to and fro, and more of them in one direction than in the other,
/// so that without this each thread's cache would slowly fill with what another must allocate anew.
void share_thread_caches() noexcept;

}  // namespace ergo::inline v0::detail
