// The program-wide table of node incarnations as the codec sees it.
#pragma once

#include <ergo/etf/ids.hpp>

#include "append_table.hpp"
#include "hashing.hpp"

#include <mutex>
#include <optional>

namespace ergo::inline v0::etf {

/// A node's name with its creation.
struct incarnation {
  atom name;
  std::uint32_t creation = 0;
  friend bool operator==(const incarnation&, const incarnation&) = default;
};

/// Lookups take no lock, insertions take one. Index 0 is `nonode@nohost` without a creation, also while the table is
/// empty.
class node_table {
 public:
  static constexpr std::size_t capacity = 1'048'576;

  [[nodiscard]] incarnation operator[](std::uint32_t index) const noexcept {
    return index == 0 ? unnamed : entries_[index];
  }

  [[nodiscard]] std::optional<std::uint32_t> find(const incarnation& node) const noexcept {
    if (node == unnamed) return 0;
    return index_.find(hash_of(node), [this, &node](std::uint32_t position) { return entries_[position] == node; });
  }

  /// Entries, those of all incarnations that were ever seen.
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// Empty when the table is full.
  [[nodiscard]] std::optional<std::uint32_t> insert(const incarnation& node);

 private:
  static constexpr incarnation unnamed{atom::from_index(detail::well_known_index("nonode@nohost")), 0};

  [[nodiscard]] static std::uint32_t hash_of(const incarnation& node) noexcept {
    const auto bits = (std::uint64_t{node.creation} << 32) | node.name.index();
    return static_cast<std::uint32_t>(mix(bits ^ process_seed(), 0xE7037ED1A0B428DBULL));
  }

  append_chunks<incarnation, capacity> entries_;
  append_index index_;
  std::mutex mutex_;
};

extern constinit node_table all_nodes;

}  // namespace ergo::inline v0::etf
