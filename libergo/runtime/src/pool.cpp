// Magazines and depots, and the two users: envelopes and coroutine frames.
#include "pool.hpp"

#include <ergo/detail/signal.hpp>
#include <ergo/task.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <utility>

namespace ergo::inline v0::detail {

void crate::push(block_chain full) noexcept {
  full.first->next_magazine = first;
  first = full.first;
  ++count;
}

block_chain crate::pop() noexcept {
  auto* const taken = first;
  first = taken->next_magazine;
  --count;
  return {taken, block_depot::magazine};
}

void crate_stack::push(crate filled) noexcept {
  filled.first->next_crate = first;
  filled.first->magazines = filled.count;
  first = filled.first;
}

crate crate_stack::pop() noexcept {
  auto* const taken = first;
  first = taken->next_crate;
  return {taken, taken->magazines};
}

void block_source::unmapped::operator()(std::byte* memory) const noexcept { ::munmap(memory, piece); }

std::byte* block_source::cut(std::size_t bytes) {
  const std::scoped_lock lock{mutex_};
  if (left_ < bytes) {
    void* const fresh = ::mmap(nullptr, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) throw std::bad_alloc{};
    std::unique_ptr<std::byte, unmapped> owned{static_cast<std::byte*>(fresh)};
    pieces_.push_back(std::move(owned));
    rest_ = pieces_.back().get();
    left_ = piece;
  }
  left_ -= bytes;
  return std::exchange(rest_, rest_ + bytes);
}

block_depot::block_depot(block_source& from, std::size_t block_size, std::size_t kept) noexcept
    : source_{from},
      block_size_{block_size},
      crate_size_{static_cast<unsigned>(std::max<std::size_t>(1, kept / 2 / (block_size * magazine)))} {}

crate block_depot::take() {
  const std::scoped_lock lock{mutex_};
  if (gathered_.count != 0) return std::exchange(gathered_, {});
  if (crates_.first != nullptr) return crates_.pop();
  auto* const memory = source_.cut(block_size_ * magazine);
  block_chain blocks;
  for (unsigned block = magazine; block-- > 0;) blocks.push(memory + block * block_size_);
  crate fresh;
  fresh.push(blocks);
  return fresh;
}

void block_depot::give(crate filled) noexcept {
  const std::scoped_lock lock{mutex_};
  crates_.push(filled);
}

void block_depot::give(block_chain rest) noexcept {
  const std::scoped_lock lock{mutex_};
  while (rest.count != 0) {
    rest_.push(rest.pop());
    if (rest_.count == magazine) gathered_.push(std::exchange(rest_, {}));
  }
}

namespace {
constinit thread_local bool put_by = false;  // since `share_thread_caches`
}  // namespace

void block_cache::refill(block_depot& depot) {
  if (spare.count != 0) {
    std::swap(active, spare);
    return;
  }
  if (near.count == 0) near = far.count != 0 ? std::exchange(far, {}) : depot.take();
  active = near.pop();
}

void block_cache::make_room(block_depot& depot) noexcept {
  if (spare.count != 0) {
    if (near.count == depot.crate_size()) {
      if (far.count != 0) depot.give(far);
      far = std::exchange(near, {});
    }
    near.push(spare);
    put_by = true;
  }
  spare = std::exchange(active, {});
}

void block_cache::share(block_depot& depot) noexcept {
  constexpr unsigned part = 8;
  if (near.count <= depot.crate_size() / part && far.count == 0) return;
  for (auto* filled : {&near, &far}) {
    if (filled->count != 0) depot.give(std::exchange(*filled, {}));
  }
}

void block_cache::drain(block_depot& depot) noexcept {
  for (auto* full : {&near, &far}) {
    if (full->count != 0) depot.give(std::exchange(*full, {}));
  }
  for (auto* chain : {&active, &spare}) depot.give(std::exchange(*chain, {}));
}

namespace {

#if !defined(ERGO_POOLS_PASS_THROUGH)

// They outlive every thread: they are never destroyed.
block_source& blocks() {
  static auto& source = *new block_source;
  return source;
}

block_depot& signal_depot() {
  constexpr std::size_t kept = std::size_t{4} << 20;
  static auto& depot = *new block_depot{blocks(), sizeof(signal), kept};
  return depot;
}

constexpr std::size_t frame_step = 64;
constexpr std::size_t frame_classes = 32;  // up to 2 KiB; larger frames come from `new`
static_assert(frame_classes * frame_step * block_depot::magazine <= block_source::piece);
constexpr std::size_t frames_kept = std::size_t{512} << 10;  // of each class

block_depot& frame_depot(std::size_t index) {
  static auto& depots = *[] {
    auto* made = new std::array<std::unique_ptr<block_depot>, frame_classes>;
    for (std::size_t size = 0; size < frame_classes; ++size)
      (*made)[size] = std::make_unique<block_depot>(blocks(), (size + 1) * frame_step, frames_kept);
    return made;
  }();
  return *depots[index];
}

/// Gives back what its thread keeps when that ends.
struct end_of_thread {
  end_of_thread() noexcept = default;
  end_of_thread(const end_of_thread&) = delete;
  end_of_thread& operator=(const end_of_thread&) = delete;
  ~end_of_thread() { drain_thread_caches(); }
};

// For a cache that needs its depot: seldom, so that the way to it may be long.
block_depot& drained_at_end(block_depot& depot) {
  static thread_local const end_of_thread at_end;
  return depot;
}

constinit thread_local block_cache signal_cache{};
constinit thread_local std::array<block_cache, frame_classes> frame_caches{};

#endif

}  // namespace

#if defined(ERGO_POOLS_PASS_THROUGH)

void* allocate_signal() { return ::operator new(sizeof(signal)); }
void release(signal* envelope) noexcept {
  if ((envelope->flags & signal::embedded) == 0) delete envelope;
}
void* allocate_frame(std::size_t bytes) { return ::operator new(bytes); }
void deallocate_frame(void* frame, std::size_t bytes) noexcept { ::operator delete(frame, bytes); }
void drain_thread_caches() noexcept {}
void share_thread_caches() noexcept {}

#else

void* allocate_signal() {
  return signal_cache.allocate([]() -> block_depot& { return drained_at_end(signal_depot()); });
}

void release(signal* envelope) noexcept {
  if ((envelope->flags & signal::embedded) != 0) return;
  envelope->~signal();
  signal_cache.deallocate(envelope, []() -> block_depot& { return drained_at_end(signal_depot()); });
}

void* allocate_frame(std::size_t bytes) {
  const auto index = (bytes - 1) / frame_step;
  if (index >= frame_classes) return ::operator new(bytes);
  return frame_caches[index].allocate([index]() -> block_depot& { return drained_at_end(frame_depot(index)); });
}

void deallocate_frame(void* frame, std::size_t bytes) noexcept {
  const auto index = (bytes - 1) / frame_step;
  if (index >= frame_classes) {
    ::operator delete(frame, bytes);
  } else {
    frame_caches[index].deallocate(frame, [index]() -> block_depot& { return drained_at_end(frame_depot(index)); });
  }
}

void drain_thread_caches() noexcept {
  signal_cache.drain(signal_depot());
  for (std::size_t index = 0; index < frame_classes; ++index) frame_caches[index].drain(frame_depot(index));
}

void share_thread_caches() noexcept {
  if (!std::exchange(put_by, false)) return;
  signal_cache.share(signal_depot());
  for (std::size_t index = 0; index < frame_classes; ++index) frame_caches[index].share(frame_depot(index));
}

#endif

void destroy_chain(promise_base* innermost) noexcept {
  while (innermost != nullptr) {
    auto* const parent = innermost->parent;
    if (innermost->owner != nullptr) *innermost->owner = nullptr;
    innermost->self.destroy();
    innermost = parent;
  }
}

}  // namespace ergo::inline v0::detail
