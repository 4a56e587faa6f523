// Erlang's order of pids, ports and references.
#include <ergo/etf/ids.hpp>

namespace ergo::inline v0::etf {

namespace {

std::strong_ordering compare_nodes(node_id left, node_id right) noexcept {
  if (left == right) return std::strong_ordering::equal;
  if (const auto order = compare_text(left.name(), right.name()); order != 0) return order;
  return left.creation() <=> right.creation();
}

}  // namespace

std::strong_ordering compare(const pid& left, const pid& right) noexcept {
  if (const auto order = left.serial <=> right.serial; order != 0) return order;
  if (const auto order = left.id <=> right.id; order != 0) return order;
  return compare_nodes(left.node, right.node);
}

std::strong_ordering compare(const reference& left, const reference& right) noexcept {
  if (const auto order = compare_nodes(left.node, right.node); order != 0) return order;
  for (auto word = left.words.size(); word > 0; --word) {
    if (const auto order = left.words[word - 1] <=> right.words[word - 1]; order != 0) return order;
  }
  return std::strong_ordering::equal;
}

std::strong_ordering compare(const port& left, const port& right) noexcept {
  if (const auto order = compare_nodes(left.node, right.node); order != 0) return order;
  return left.id <=> right.id;
}

}  // namespace ergo::inline v0::etf
