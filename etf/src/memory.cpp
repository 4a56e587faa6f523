// Per-thread caches of small nodes, slabs, and the iterative release of terms.
#include "memory.hpp"

#include <ergo/etf/detail/thread_cache.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace ergo::inline v0::etf::detail {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool pooled = false;  // a sanitizer has to see each use of freed memory
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool pooled = false;
#else
constexpr bool pooled = true;
#endif
#else
constexpr bool pooled = true;
#endif

constexpr std::size_t unit = 16;
constexpr std::size_t small_classes = 65;           ///< class n holds n * 16 bytes: 16 … 1,024
constexpr std::size_t classes = small_classes + 8;  ///< and these 2, 4 … 256 KiB
constexpr std::size_t largest_block = std::size_t{1} << (10 + classes - small_classes);
constexpr std::size_t cached_bytes_per_class = 32U << 10;
constexpr std::size_t cached_bytes_of_blocks = 1U << 20;                     ///< of all large classes together
constexpr std::size_t lasting_bytes_per_class = cached_bytes_per_class / 8;  ///< what shrinking leaves of these
constexpr std::size_t lasting_bytes_of_blocks = cached_bytes_of_blocks / 8;

constexpr std::size_t size_of_class(std::size_t pool) noexcept {
  return pool < small_classes ? pool * unit : std::size_t{2'048} << (pool - small_classes);
}

/// Free memory of one thread. Trivially destructible, so that terms may still end in destructors of other thread-local
/// objects.
struct node_cache {
  struct free_node {
    free_node* next;
  };
  std::array<free_node*, classes> heads{};
  std::array<std::uint32_t, classes> counts{};
  std::size_t block_bytes = 0;
  bool closed = false;
  bool watched = false;
};

constinit thread_local node_cache cache;

/// Empties the cache when its thread ends.
struct cache_closer {
  cache_closer() noexcept { cache.watched = true; }
  ~cache_closer() {
    cache.closed = true;
    drain_thread_cache();
  }
};

[[gnu::noinline]] void watch_thread() noexcept { static thread_local const cache_closer closer; }

/// Links a dead node to the next one to destroy, in the two fields that mean nothing any more.
void set_link(node* dead, node* next) noexcept {
  const auto bits = reinterpret_cast<std::uintptr_t>(next);
  dead->references.store(static_cast<std::uint32_t>(bits), std::memory_order_relaxed);
  dead->place = static_cast<std::uint32_t>(bits >> 32);
}

node* link_of(const node* dead) noexcept {
  return reinterpret_cast<node*>((std::uintptr_t{dead->place} << 32) |
                                 dead->references.load(std::memory_order_relaxed));
}
static_assert(sizeof(std::uintptr_t) == 8);

/// Whether the caller gave up the last reference.
bool was_last(std::atomic<std::uint32_t>& references) noexcept {
  // Who holds the only reference needs no atomic subtraction: nobody else can add one.
  return references.load(std::memory_order_acquire) == 1 || references.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

block* block_of(node* of) noexcept {
  return reinterpret_cast<block*>(reinterpret_cast<std::byte*>(of) - std::size_t{of->place} * unit);
}

void free_leaf(node* dead) noexcept {
  if ((dead->flags & adopted) != 0) std::destroy_at(string_of(static_cast<bytes_node*>(dead)));
  if ((dead->flags & aliased) != 0) std::destroy_at(alias_of(static_cast<bytes_node*>(dead)));
  give_back(dead, dead->pool);
}

/// Gives up `count` references to a slab.
void drop_slab(block* first, std::uint32_t count) noexcept {
  if (first->references.load(std::memory_order_acquire) == count ||
      first->references.fetch_sub(count, std::memory_order_acq_rel) == count)
    slab::release_all(first);
}

/// Gives up the terms of `dead`; those that end with it and hold terms themselves are put in front of `pending`.
node* drop_terms(node* dead, node* pending) noexcept {
  const auto* terms = term_access::terms(dead);
  const auto count = std::size_t{dead->size} + ((dead->flags & improper) != 0 ? 1 : 0);
  block* slab_of_last = nullptr;  // neighbours mostly lie in one slab, which is told once of all of them
  std::uint32_t in_slab = 0;
  for (std::size_t at = 0; at < count; ++at) {
    if (term_access::counted(terms[at]) != owning) continue;
    auto* child = term_access::node_of(terms[at]);
    if (child->place != 0) {
      auto* const first = block_of(child)->first;
      if (first != slab_of_last && in_slab != 0) drop_slab(slab_of_last, std::exchange(in_slab, 0));
      slab_of_last = first;
      ++in_slab;
    } else if (!was_last(child->references)) {
      continue;
    } else if ((child->flags & leaf) != 0) {
      free_leaf(child);
    } else {
      set_link(child, pending);
      pending = child;
    }
  }
  if (in_slab != 0) drop_slab(slab_of_last, in_slab);
  return pending;
}

}  // namespace

void drain_thread_cache() noexcept {
  for (auto& head : cache.heads) {
    while (head != nullptr) ::operator delete(std::exchange(head, head->next));
  }
  cache.counts = {};
  cache.block_bytes = 0;
}

void shrink_thread_cache() noexcept {
  const auto drop = [](std::size_t pool) {
    ::operator delete(std::exchange(cache.heads[pool], cache.heads[pool]->next));
  };
  for (std::size_t pool = 1; pool < small_classes; ++pool) {
    auto& count = cache.counts[pool];
    const auto kept = std::max<std::size_t>(count / 2, lasting_bytes_per_class / size_of_class(pool));
    for (; count > kept; --count) drop(pool);
  }
  const auto kept = std::max(cache.block_bytes / 2, lasting_bytes_of_blocks);
  for (auto pool = classes; pool-- > small_classes;) {
    for (; cache.heads[pool] != nullptr && cache.block_bytes > kept; cache.block_bytes -= size_of_class(pool))
      drop(pool);
  }
}

void* take_memory(std::size_t bytes, std::uint32_t& pool) {
  const auto size_class = (bytes + unit - 1) / unit;
  if (!pooled || size_class >= small_classes) {
    pool = 0;
    return ::operator new(bytes);
  }
  pool = static_cast<std::uint32_t>(size_class);
  auto& head = cache.heads[size_class];
  if (head == nullptr) return ::operator new(size_class * unit);
  --cache.counts[size_class];
  return std::exchange(head, head->next);
}

void* take_block(std::size_t& bytes, std::uint32_t& pool) {
  if (!pooled || bytes > largest_block || bytes <= size_of_class(small_classes - 1)) {
    bytes = (bytes + unit - 1) & ~(unit - 1);
    return take_memory(bytes, pool);
  }
  bytes = std::bit_ceil(bytes);
  pool = static_cast<std::uint32_t>(small_classes + static_cast<std::size_t>(std::countr_zero(bytes)) - 11);
  auto& head = cache.heads[pool];
  if (head == nullptr) return ::operator new(bytes);
  cache.block_bytes -= bytes;
  return std::exchange(head, head->next);
}

void give_back(void* memory, std::uint32_t pool) noexcept {
  if (!pooled || pool == 0 || cache.closed) return ::operator delete(memory);
  const auto bytes = size_of_class(pool);
  const auto small = pool < small_classes;
  if (small ? cache.counts[pool] * bytes >= cached_bytes_per_class : cache.block_bytes + bytes > cached_bytes_of_blocks)
    return ::operator delete(memory);
  if (!cache.watched) watch_thread();
  cache.heads[pool] = ::new (memory) node_cache::free_node{cache.heads[pool]};
  if (small)
    ++cache.counts[pool];
  else
    cache.block_bytes += bytes;
}

void release(node* of) noexcept {
  if (!was_last(counter(of))) return;
  if (of->place != 0) return slab::release_all(block_of(of)->first);
  if ((of->flags & leaf) != 0) return free_leaf(of);
  node* pending = nullptr;
  for (;;) {
    pending = drop_terms(of, pending);
    give_back(of, of->pool);
    if (pending == nullptr) return;
    of = pending;
    pending = link_of(of);
  }
}

void* slab::add_block(std::size_t bytes, std::uint32_t& place) {
  const auto is_first = first_ == nullptr;
  if (!is_first && own_ + bytes > share && !std::exchange(may_grow_, false)) {
    is_full_ = true;
    return nullptr;
  }
  const auto left = limit_ - taken_;
  if (bytes > left) return nullptr;
  // What would fill most of a usual block gets one of its own, and the block in use stays in use.
  const auto alone = !is_first && bytes > next_size_ / 2;
  const auto usual = own_ < share ? std::min(next_size_, share - own_) : next_size_;
  auto size = sizeof(block) + (alone ? bytes : std::min(std::max(bytes, usual), left));
  std::uint32_t pool = 0;
  auto* const made = ::new (take_block(size, pool)) block{};
  size = std::min(size - sizeof(block), left) & ~(unit - 1);
  made->pool = pool;
  taken_ += size;
  own_ += size;
  if (is_first) {
    first_ = made;
  } else {
    made->next = std::exchange(first_->next, made);
  }
  made->first = first_;
  auto* const start = reinterpret_cast<std::byte*>(made);
  place = sizeof(block) / unit;
  if (!alone) {
    start_ = start;
    free_ = start + sizeof(block) + bytes;
    room_ = size - bytes;
    next_size_ = std::min(next_size_ * 2, share);
  }
  return start + sizeof(block);
}

void slab::start_over() noexcept {
  if (first_ != nullptr && first_->next == nullptr && free_ == start_ + sizeof(block)) taken_ -= own_;  // it is empty
  if (first_ != nullptr) drop_slab(first_, 1);
  first_ = nullptr;
  start_ = nullptr;
  free_ = nullptr;
  room_ = 0;
  own_ = 0;
  next_size_ = share;
  is_full_ = false;
  may_grow_ = false;
}

bool slab::extend(const node* last, std::size_t old_payload, std::size_t payload) noexcept {
  const auto round = [](std::size_t bytes) { return (sizeof(node) + bytes + 15) & ~std::size_t{15}; };
  const auto* end = reinterpret_cast<const std::byte*>(last) + round(old_payload);
  const auto more = round(payload) - round(old_payload);
  if (end != free_ || more > room_) return false;
  free_ += more;
  room_ -= more;
  return true;
}

void slab::release_all(block* first) noexcept {
  for (auto* owner = static_cast<bytes_node*>(first->owners); owner != nullptr;) {
    auto* next = alias_of(owner)->next;
    std::destroy_at(alias_of(owner));
    owner = next;
  }
  while (first != nullptr) {
    auto* next = first->next;
    give_back(first, first->pool);
    first = next;
  }
}

}  // namespace ergo::inline v0::etf::detail
