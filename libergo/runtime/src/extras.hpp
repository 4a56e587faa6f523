// The relations and timers that only some processes have; made at first use.
#pragma once

#include "first_inside.hpp"

#include <ergo/etf/seeded_hash.hpp>
#include <ergo/process.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <bit>
#include <cstddef>
#include <cstring>
#include <vector>

namespace ergo::inline v0::detail {

/// One side of a link. See OTP's link protocol: an inactive entry waits for the acknowledgement of its unlink.
struct link_state {
  bool active = true;
  std::uint64_t unlink_id = 0;
};

/// A message that leaves at a time.
struct pending_timer {
  time_point when;
  destination to;
  term content;
};

/// A heap entry; stale when the timer was cancelled.
struct timer_slot {
  time_point when;
  std::uint64_t ref;
};

/// What an alias of this process is good for.
struct own_alias {
  alias_use use;
  urgency heeded;
};

struct process_extras {
  static void* operator new(std::size_t bytes) { return allocate_frame(bytes); }
  static void operator delete(void* extras, std::size_t bytes) noexcept { deallocate_frame(extras, bytes); }

  boost::unordered_flat_map<pid, link_state, etf::seeded_hash> links;  // of pids that peers make up, as below
  first_inside<std::uint64_t, destination> watching;
  boost::unordered_flat_map<reference, signal*, etf::seeded_hash> watchers;  // beside process_state::watcher_
  boost::unordered_flat_map<std::uint64_t, pending_timer> timers;
  std::vector<timer_slot> timer_heap;
  boost::unordered_flat_map<atom, unsigned, std::hash<atom>> watched_nodes;
  bool watches_all_nodes = false;  // asked for node_news
  boost::unordered_flat_map<std::uint64_t, own_alias> aliases;
  signal** urgent_end = nullptr;     // link behind the last unread message with priority; null: there was none yet
  std::uint64_t newest_monitor = 0;  // its reference; its `down` is put behind the link `unread_since`
  signal** unread_since = nullptr;
  std::uint64_t next_unlink_id = 1;
  std::vector<atom> busy_nodes;  // those it wrote to while their connections were busy
};

[[nodiscard]] inline process_extras& extras_of(process_state& self) {
  if (!self.extras_) self.extras_ = std::make_unique<process_extras>();
  return *self.extras_;
}

/// A monitor of this process: its `down` cannot be among the messages that are unread now.
inline void note_monitor(process_state& self, std::uint64_t ref, const destination& target) {
  auto& extras = extras_of(self);
  extras.watching.add(ref, target);
  extras.newest_monitor = ref;
  extras.unread_since = self.last_link_;
}

/// References of this runtime are 64-bit values: slot (28 bits), call mark (1), counter (35). On the wire: words of 18,
/// 32 and 14 bits.
inline constexpr std::uint64_t call_mark = std::uint64_t{1} << 35;
inline constexpr std::uint64_t counter_mask = call_mark - 1;

[[nodiscard]] constexpr reference reference_of(etf::node_id node, std::uint64_t value) noexcept {
  return reference{node,
                   3,
                   {static_cast<std::uint32_t>(value & 0x3FFFF), static_cast<std::uint32_t>(value >> 18),
                    static_cast<std::uint32_t>(value >> 50)}};
}
/// The same, for references that are handed on as such: written as two vectors, because that is how a reference is
/// copied, and a copy of what was just written in smaller parts waits for the cache, about 5 ns each time.
[[nodiscard]] inline reference whole_reference(etf::node_id node, std::uint64_t value) noexcept {
  using words [[gnu::vector_size(16)]] = std::uint32_t;
  constexpr bool laid_out_so = std::endian::native == std::endian::little && offsetof(reference, words) == 8 &&
                               sizeof(reference) == 2 * sizeof(words);
  const auto parts = reference_of(node, value);
  if constexpr (!laid_out_so) return parts;
  const words first{node.index(), parts.size, parts.words[0], parts.words[1]};
  const words second{parts.words[2], 0, 0, 0};
  reference made;
  auto* const at = reinterpret_cast<std::byte*>(&made);
  std::memcpy(at, &first, sizeof first);
  std::memcpy(at + sizeof first, &second, sizeof second);
  return made;
}
[[nodiscard]] constexpr std::uint64_t value_of(const reference& ref) noexcept {
  return ref.words[0] | (std::uint64_t{ref.words[1]} << 18) | (std::uint64_t{ref.words[2]} << 50);
}
[[nodiscard]] inline std::uint64_t value_of(const term& ref) noexcept {
  const auto read = ref.as_reference();
  return read ? value_of(*read) : 0;
}

}  // namespace ergo::inline v0::detail
