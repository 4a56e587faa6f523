// The program-wide table of node incarnations, and the seed of the room's hashes.
#include "node_table.hpp"

#include "intern.hpp"

#include <ergo/etf/reserve.hpp>

#include <sys/random.h>

#include <array>
#include <chrono>

namespace ergo::inline v0::etf {

constinit node_table all_nodes;

std::optional<std::uint32_t> node_table::insert(const incarnation& node) {
  const std::lock_guard lock{mutex_};
  if (const auto found = find(node)) return found;
  if (entries_.size() >= capacity) return std::nullopt;
  if (entries_.size() == 0) entries_.push(unnamed);
  index_.prepare(entries_.size() + 1);
  const auto position = entries_.push(node);
  index_.add(hash_of(node), position);
  return position;
}

namespace {

std::uint64_t random_bits() noexcept {
  std::uint64_t bits = 0;
  if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != sizeof bits) {
    const auto now = static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    bits = mix(now, reinterpret_cast<std::uintptr_t>(&bits) | 1);  // an early boot: as random as it gets
  }
  return bits | 1;  // 0 stands for "not chosen yet"
}

}  // namespace

constinit std::atomic<std::uint64_t> detail::chosen_seed{0};

std::uint64_t detail::choose_seed() noexcept {
  std::uint64_t nothing = 0;
  const auto bits = random_bits();
  return chosen_seed.compare_exchange_strong(nothing, bits, std::memory_order_relaxed) ? bits : nothing;
}

std::size_t seeded_hash::operator()(std::string_view key) const noexcept { return hash_bytes(key, process_seed()); }

std::expected<node_id, error> node_id::make(atom name, std::uint32_t creation) {
  const incarnation node{name, creation};
  if (const auto found = all_nodes.find(node)) return node_id{*found};
  if (const auto added = all_nodes.insert(node)) return node_id{*added};
  return std::unexpected{error{errc::node_table_full}};
}

atom node_id::name() const noexcept { return all_nodes[index_].name; }
std::uint32_t node_id::creation() const noexcept { return all_nodes[index_].creation; }

namespace {

// What a connection brings is of the same two nodes again and again. Index 0: nothing yet.
struct recent_node {
  incarnation node;
  std::uint32_t index = 0;
};
constinit thread_local std::array<recent_node, 4> recent_nodes{};

}  // namespace

errc intern_node(atom name, std::uint32_t creation, const decode_limits& limits, node_id& made) {
  auto& recent = recent_nodes[name.index() % recent_nodes.size()];
  if (recent.index != 0 && recent.node.name == name && recent.node.creation == creation) {
    made = node_id::from_index(recent.index);
    return errc::ok;
  }
  if (const auto found = all_nodes.find({name, creation})) {
    recent = {{name, creation}, *found};
    made = node_id::from_index(*found);
    return errc::ok;
  }
  constexpr auto for_peers = node_table::capacity - node_table::capacity / 16;
  if (limits.budget != nullptr && all_nodes.size() >= for_peers) return errc::node_table_full;
  if (limits.budget != nullptr && !limits.budget->take()) {
    limits.budget->give_back();
    return errc::atom_budget_spent;
  }
  const auto added = node_id::make(name, creation);
  if (added) {
    made = *added;
    return errc::ok;
  }
  if (limits.budget != nullptr) limits.budget->give_back();
  return added.error().code;
}

std::expected<node_id, error> make_node_id(atom name, std::uint32_t creation, const decode_limits& limits) {
  node_id made;
  if (const auto code = intern_node(name, creation, limits, made); code != errc::ok)
    return std::unexpected{error{code}};
  return made;
}

}  // namespace ergo::inline v0::etf
