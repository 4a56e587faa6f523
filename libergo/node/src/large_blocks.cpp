// Blocks that wait for their next use or for their end; one thread at most, and none when nothing waits.
#include "large_blocks.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace ergo::inline v0::detail {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t large = 4U << 20;
constexpr std::size_t kept_at_most = 256U << 20;
constexpr std::chrono::seconds kept_for{1};

struct freed {
  void operator()(std::byte* block) const noexcept { std::free(block); }
};

struct kept_block {
  std::unique_ptr<std::byte, freed> memory;
  std::size_t size;
  clock::time_point until;
};

class block_keeper {
 public:
  [[nodiscard]] std::byte* find(std::size_t size) noexcept {
    const std::scoped_lock lock{mutex_};
    const auto fitting = [size](const kept_block& one) { return one.size >= size && one.size - size <= size / 8; };
    const auto found = std::ranges::find_if(kept_, fitting);
    if (found == kept_.end()) return nullptr;
    auto* const block = found->memory.release();
    bytes_ -= found->size;
    kept_.erase(found);
    return block;
  }

  // Throws when there is no memory or thread for it; then the block is freed here, or waits for the next one.
  void keep(std::byte* block, std::size_t size) {
    std::unique_ptr<std::byte, freed> owned{block};
    const std::scoped_lock lock{mutex_};
    const bool fits = size <= kept_at_most - std::min(bytes_, kept_at_most);
    const auto now = clock::now();
    kept_.push_back({std::move(owned), size, fits ? now + kept_for : now});
    bytes_ += size;
    if (!fits) due_.notify_one();
    if (running_) return;
    std::thread{[this] { run(); }}.detach();
    running_ = true;
  }

 private:
  void run() noexcept {
    std::unique_lock lock{mutex_};
    while (!kept_.empty()) {
      const auto next = std::ranges::min_element(kept_, {}, &kept_block::until);
      if (next->until > clock::now()) {
        due_.wait_until(lock, next->until);
        continue;
      }
      auto memory = std::move(next->memory);
      bytes_ -= next->size;
      kept_.erase(next);
      lock.unlock();
      memory.reset();
      lock.lock();
    }
    running_ = false;
  }

  std::mutex mutex_;
  std::condition_variable due_;
  std::vector<kept_block> kept_;  // few: they are large
  std::size_t bytes_ = 0;
  bool running_ = false;
};

// Never destroyed: terms may be released while the program's other objects already are.
block_keeper& shared() {
  static auto* const one = new block_keeper;
  return *one;
}

}  // namespace

std::byte* obtain_block(std::size_t size) noexcept {
  auto* const kept = size < large ? nullptr : shared().find(size);
  return kept != nullptr ? kept : static_cast<std::byte*>(std::malloc(size));
}

void give_back_block(std::byte* block, std::size_t size) noexcept {
  if (size < large) return std::free(block);
  try {
    shared().keep(block, size);
  } catch (...) {  // it has been freed, or waits for the next one
    return;
  }
}

}  // namespace ergo::inline v0::detail
