// One thread at most, and none when there is nothing to free.
#include "reclaim.hpp"

#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace ergo::inline v0::detail {
namespace {

constexpr std::size_t large = 4U << 20;

struct freed {
  void operator()(std::byte* block) const noexcept { std::free(block); }
};
using blocks = std::vector<std::unique_ptr<std::byte, freed>>;

class reclaimer {
 public:
  // Throws when there is no memory or thread for it; then the block is freed here.
  void take(std::byte* block) {
    std::unique_ptr<std::byte, freed> owned{block};
    const std::scoped_lock lock{mutex_};
    waiting_.push_back(std::move(owned));
    if (running_) return;
    std::thread{[this] { run(); }}.detach();
    running_ = true;
  }

 private:
  void run() noexcept {
    for (;;) {
      blocks taken;
      {
        const std::scoped_lock lock{mutex_};
        taken.swap(waiting_);
        running_ = !taken.empty();
        if (taken.empty()) return;
      }
    }
  }

  std::mutex mutex_;
  blocks waiting_;
  bool running_ = false;
};

// Never destroyed: terms may be released while the program's other objects already are.
reclaimer& shared() {
  static auto* const one = new reclaimer;
  return *one;
}

}  // namespace

void reclaim(std::byte* block, std::size_t size) noexcept {
  if (size < large) return std::free(block);
  try {
    shared().take(block);
  } catch (...) {  // it has been freed, or waits for the next one
    return;
  }
}

}  // namespace ergo::inline v0::detail
