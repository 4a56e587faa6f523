// Per-thread caches of small nodes, slabs, and the iterative release of terms.
#include "memory.hpp"

#include <algorithm>
#include <array>

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
constexpr std::size_t classes = 65;  ///< class n holds n * 16 bytes: 16 … 1,024
constexpr std::size_t cached_bytes_per_class = 32U << 10;

/// Free nodes of one thread. Trivially destructible, so that terms may still end in destructors of other thread-local
/// objects.
struct node_cache {
  struct free_node {
    free_node* next;
  };
  std::array<free_node*, classes> heads{};
  std::array<std::uint32_t, classes> counts{};
  bool closed = false;
  bool watched = false;
};

constinit thread_local node_cache cache;

/// Empties the cache when its thread ends.
struct cache_closer {
  cache_closer() noexcept { cache.watched = true; }
  ~cache_closer() {
    cache.closed = true;
    for (auto& head : cache.heads) {
      while (head != nullptr) ::operator delete(std::exchange(head, head->next));
    }
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

/// Gives up the terms of `dead`; those that end with it and hold terms themselves are put in front of `pending`.
node* drop_terms(node* dead, node* pending) noexcept {
  const auto* terms = term_access::terms(dead);
  const auto count = std::size_t{dead->size} + ((dead->flags & improper) != 0 ? 1 : 0);
  for (std::size_t at = 0; at < count; ++at) {
    if (term_access::counted(terms[at]) != owning) continue;
    auto* child = term_access::node_of(terms[at]);
    if (!was_last(counter(child))) continue;
    if (child->place != 0) {
      slab::release_all(block_of(child)->first);
    } else if ((child->flags & leaf) != 0) {
      free_leaf(child);
    } else {
      set_link(child, pending);
      pending = child;
    }
  }
  return pending;
}

}  // namespace

void* take_memory(std::size_t bytes, std::uint32_t& pool) {
  const auto size_class = (bytes + unit - 1) / unit;
  if (!pooled || size_class >= classes) {
    pool = 0;
    return ::operator new(bytes);
  }
  pool = static_cast<std::uint32_t>(size_class);
  auto& head = cache.heads[size_class];
  if (head == nullptr) return ::operator new(size_class * unit);
  --cache.counts[size_class];
  return std::exchange(head, head->next);
}

void give_back(void* memory, std::uint32_t pool) noexcept {
  if (!pooled || pool == 0 || cache.closed || cache.counts[pool] * pool * unit >= cached_bytes_per_class)
    return ::operator delete(memory);
  if (!cache.watched) watch_thread();
  cache.heads[pool] = ::new (memory) node_cache::free_node{cache.heads[pool]};
  ++cache.counts[pool];
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

std::byte* slab::add_block(std::size_t bytes) {
  constexpr std::size_t largest = 1U << 20;
  constexpr std::size_t furthest = std::size_t{UINT32_MAX} * unit - sizeof(block);
  const auto left = limit_ - taken_;
  if (bytes > left || bytes > furthest) return nullptr;
  // What would fill most of a usual block gets one of its own, and the block in use stays in use.
  const auto alone = first_ != nullptr && bytes > next_size_ / 2;
  const auto size = alone ? bytes : std::min(std::max(bytes, next_size_), left);
  std::uint32_t pool = 0;
  auto* made = ::new (take_memory(sizeof(block) + size, pool)) block{};
  made->pool = pool;
  taken_ += size;
  if (first_ == nullptr) {
    first_ = made;
  } else {
    made->next = std::exchange(first_->next, made);
  }
  made->first = first_;
  auto* start = reinterpret_cast<std::byte*>(made);
  if (alone) return start;
  start_ = start;
  free_ = start + sizeof(block) + bytes;
  room_ = (size - bytes) & ~(unit - 1);
  next_size_ = std::min(next_size_ * 2, largest);
  return start;
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
