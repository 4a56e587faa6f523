// A table whose first entry needs no memory of its own.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <optional>
#include <utility>

namespace ergo::inline v0::detail {

/// A small map for what is mostly one: one entry lies inside, only more of them make a hash table.
template <typename Key, typename Value>
class first_inside {
 public:
  using value_type = std::pair<const Key, Value>;

  /// Adds an entry; `key` is new.
  void add(const Key& key, const Value& value) {
    if (!first_) {
      first_.emplace(key, value);
    } else {
      others_.emplace(key, value);
    }
  }
  /// The value under `key`, or null.
  [[nodiscard]] const Value* find(const Key& key) const noexcept {
    if (first_ && first_->first == key) return &first_->second;
    const auto found = others_.find(key);
    return found == others_.end() ? nullptr : &found->second;
  }
  /// False if there was no such entry.
  bool erase(const Key& key) noexcept {
    if (!first_ || first_->first != key) return others_.erase(key) != 0;
    first_.reset();
    return true;
  }
  [[nodiscard]] std::size_t size() const noexcept { return others_.size() + (first_ ? 1 : 0); }
  template <typename Visit>
  void visit(const Visit& each) const {
    if (first_) each(*first_);
    for (const auto& entry : others_) each(entry);
  }

 private:
  std::optional<value_type> first_;
  boost::unordered_flat_map<Key, Value> others_;
};

}  // namespace ergo::inline v0::detail
