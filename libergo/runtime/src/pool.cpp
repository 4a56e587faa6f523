// Magazines and depots, and the two users: envelopes and coroutine frames.
#include "pool.hpp"

#include <ergo/detail/signal.hpp>
#include <ergo/task.hpp>

namespace ergo::inline v0::detail {

block_chain block_depot::take() {
  const std::scoped_lock lock{mutex_};
  if (!full_.empty()) {
    const auto taken = full_.back();
    full_.pop_back();
    return taken;
  }
  slabs_.push_back(std::make_unique_for_overwrite<std::byte[]>(block_size_ * magazine));
  block_chain fresh;
  for (unsigned block = magazine; block-- > 0;) fresh.push(slabs_.back().get() + block * block_size_);
  return fresh;
}

void block_depot::give(block_chain full) {
  const std::scoped_lock lock{mutex_};
  full_.push_back(full);
}

void block_cache::refill(block_depot& depot) {
  if (spare.count != 0) {
    std::swap(active, spare);
  } else {
    active = depot.take();
  }
}

void block_cache::make_room(block_depot& depot) {
  if (spare.count != 0) depot.give(spare);
  spare = std::exchange(active, {});
}

void block_cache::drain(block_depot& depot) {
  for (auto* chain : {&active, &spare}) {
    if (chain->count != 0) depot.give(std::exchange(*chain, {}));
  }
}

namespace {

#if !defined(ERGO_POOLS_PASS_THROUGH)

// Depots outlive every thread: they are never destroyed.
block_depot& signal_depot() {
  static auto& depot = *new block_depot{sizeof(signal)};
  return depot;
}

constexpr std::size_t frame_step = 64;
constexpr std::size_t frame_classes = 32;  // up to 2 KiB; larger frames come from `new`

block_depot& frame_depot(std::size_t index) {
  static auto& depots = *[] {
    auto* made = new std::array<std::unique_ptr<block_depot>, frame_classes>;
    for (std::size_t size = 0; size < frame_classes; ++size)
      (*made)[size] = std::make_unique<block_depot>((size + 1) * frame_step);
    return made;
  }();
  return *depots[index];
}

constinit thread_local block_cache signal_cache{};
constinit thread_local std::array<block_cache, frame_classes> frame_caches{};

#endif

}  // namespace

#if defined(ERGO_POOLS_PASS_THROUGH)

signal* make_signal(signal_kind kind) {
  auto* const made = new signal;
  made->kind = kind;
  return made;
}
void release(signal* envelope) noexcept {
  if ((envelope->flags & signal::embedded) == 0) delete envelope;
}
void* allocate_frame(std::size_t bytes) { return ::operator new(bytes); }
void deallocate_frame(void* frame, std::size_t bytes) noexcept { ::operator delete(frame, bytes); }
void drain_thread_caches() {}

#else

signal* make_signal(signal_kind kind) {
  auto* const made = new (signal_cache.allocate(signal_depot())) signal;
  made->kind = kind;
  return made;
}

void release(signal* envelope) noexcept {
  if ((envelope->flags & signal::embedded) != 0) return;
  envelope->~signal();
  signal_cache.deallocate(envelope, signal_depot());
}

void* allocate_frame(std::size_t bytes) {
  const auto index = (bytes - 1) / frame_step;
  if (index >= frame_classes) return ::operator new(bytes);
  return frame_caches[index].allocate(frame_depot(index));
}

void deallocate_frame(void* frame, std::size_t bytes) noexcept {
  const auto index = (bytes - 1) / frame_step;
  if (index >= frame_classes) {
    ::operator delete(frame, bytes);
  } else {
    frame_caches[index].deallocate(frame, frame_depot(index));
  }
}

void drain_thread_caches() {
  signal_cache.drain(signal_depot());
  for (std::size_t index = 0; index < frame_classes; ++index) frame_caches[index].drain(frame_depot(index));
}

#endif

signal* make_signal(signal_kind kind, const pid& from, term payload) {
  auto* const made = make_signal(kind);
  made->from = from;
  made->payload = std::move(payload);
  return made;
}

signal* make_signal(signal_kind kind, const pid& from, term tag, term payload) {
  auto* const made = make_signal(kind, from, std::move(payload));
  made->tag = std::move(tag);
  return made;
}

void destroy_chain(promise_base* innermost) noexcept {
  while (innermost != nullptr) {
    auto* const parent = innermost->parent;
    if (innermost->owner != nullptr) *innermost->owner = nullptr;
    innermost->self.destroy();
    innermost = parent;
  }
}

}  // namespace ergo::inline v0::detail
