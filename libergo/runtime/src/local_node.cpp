// Names and routing of one node.
#include <ergo/local_node.hpp>

#include "kernel.hpp"
#include "overload.hpp"
#include "runtime_state.hpp"

#include <ergo/detail/core_api.hpp>

namespace ergo::inline v0 {

// Names: one 64-bit cell per atom index, in chunks made at first use. A cell holds slot + 1 and serial, or 0.
struct local_node::name_chunk {
  static constexpr std::uint32_t size = 1024;
  std::array<std::atomic<std::uint64_t>, size> cells{};
};

namespace {

constexpr std::uint32_t most_chunks = 4'194'304 / 1024;

constexpr std::uint64_t pack(const pid& process) noexcept {
  return (std::uint64_t{process.id} + 1) << 32 | process.serial;
}

// What nobody's process has sent (`runtime::send`, `runtime::exit`) may leave through any node that has a way out.
outbound* way_for_outsiders(detail::runtime_state& state) noexcept {
  const auto count = state.node_count.load(std::memory_order_acquire);
  for (unsigned index = 0; index < count; ++index) {
    if (auto* const way = state.node_table[index].node.load(std::memory_order_acquire)->way_out()) return way;
  }
  return nullptr;
}

pid unpack(etf::node_id node, std::uint64_t cell) noexcept {
  return pid{node, static_cast<std::uint32_t>((cell >> 32) - 1), static_cast<std::uint32_t>(cell)};
}

}  // namespace

local_node::local_node(ergo::runtime& owner, etf::node_id identity)
    : runtime_{owner}, identity_{identity.index()}, names_{std::make_unique<std::atomic<name_chunk*>[]>(most_chunks)} {}

local_node::~local_node() {
  for (std::uint32_t chunk = 0; chunk < most_chunks; ++chunk) delete names_[chunk].load(std::memory_order_relaxed);
}

std::atomic<std::uint64_t>* local_node::entry(atom name, bool create) const {
  auto& place = names_[name.index() / name_chunk::size];
  auto* chunk = place.load(std::memory_order_acquire);
  if (chunk == nullptr) {
    if (!create) return nullptr;
    auto fresh = std::make_unique<name_chunk>();
    if (place.compare_exchange_strong(chunk, fresh.get(), std::memory_order_acq_rel)) chunk = fresh.release();
  }
  return &chunk->cells[name.index() % name_chunk::size];
}

std::optional<pid> local_node::whereis(atom name) const noexcept {
  const auto* const cell = entry(name, false);
  const auto value = cell == nullptr ? 0 : cell->load(std::memory_order_acquire);
  if (value == 0) return std::nullopt;
  return unpack(identity(), value);
}

result<void> local_node::register_name(atom name, const pid& process) {
  if (name == atom{} || name == "undefined"_atom) return fail(errc::badarg, name);
  std::uint64_t expected = 0;
  if (entry(name, true)->compare_exchange_strong(expected, pack(process), std::memory_order_acq_rel)) return {};
  return fail(errc::name_taken, unpack(identity(), expected));
}

void local_node::unregister_name(atom name, const pid& process) noexcept {
  auto expected = pack(process);
  if (auto* const cell = entry(name, false)) cell->compare_exchange_strong(expected, 0, std::memory_order_acq_rel);
}

std::vector<std::pair<atom, pid>> local_node::registered() const {
  std::vector<std::pair<atom, pid>> found;
  for (std::uint32_t chunk = 0; chunk < most_chunks; ++chunk) {
    const auto* const cells = names_[chunk].load(std::memory_order_acquire);
    if (cells == nullptr) continue;
    for (std::uint32_t cell = 0; cell < name_chunk::size; ++cell) {
      const auto value = cells->cells[cell].load(std::memory_order_acquire);
      if (value != 0) found.emplace_back(atom::from_index(chunk * name_chunk::size + cell), unpack(identity(), value));
    }
  }
  return found;
}

void local_node::route(const destination& to, detail::signal* envelope) noexcept {
  if (!to.by_name()) {
    const auto& target = to.process();
    if (target.node == identity()) return route_local(target, envelope);
    if (auto* const other = runtime_.find_node(target.node)) return other->route_local(target, envelope);
    if (runtime_.find_node_by_name(target.node.name()) != nullptr) {  // of a former incarnation of a node of ours
      return detail::bounce(*this, to, envelope, "noproc"_atom);
    }
  } else {
    auto* named = this;
    if (to.node() != atom{} && to.node() != name()) named = runtime_.find_node_by_name(to.node());
    if (named != nullptr) {
      if (const auto found = named->whereis(to.name())) return named->route_local(*found, envelope);
      return detail::bounce(*named, to, envelope, "noproc"_atom);
    }
  }
  auto* way = way_out();
  if (way == nullptr && envelope->from == pid{}) way = way_for_outsiders(runtime_.state());
  if (way != nullptr) return way->deliver(to, envelope);
  detail::bounce(*this, to, envelope, "noconnection"_atom);
}

void local_node::route_local(const pid& to, detail::signal* envelope) noexcept {
  auto* const target = runtime_.state().slots.at(to.id);
  if (target != nullptr) {
    const auto wanted = detail::process_state::tenant_of(to);
    const auto tenant = target->tenant.load(std::memory_order_acquire);
    if (tenant == wanted) [[likely]] {
      envelope->to_serial = to.serial;
      if (detail::push_signal(*target, envelope)) return;
    } else if (tenant == (wanted | detail::process_state::metered_mark)) {
      (void)detail::offer(*this, *target, to, envelope, detail::sender::goes_on);
      return;
    }
  }
  detail::bounce(*this, to, envelope, "noproc"_atom);
}

void local_node::route_over(const reference& alias, detail::signal* envelope) noexcept {
  auto* const home = alias.node == identity() ? this : runtime_.find_node(alias.node);
  if (home == nullptr) return route(destination{pid{alias.node, 0, 0}}, envelope);
  if (const auto owner = home->owner_of(alias)) return home->route_local(*owner, envelope);
  detail::release(envelope);
}

reference local_node::make_ref() noexcept {
  return detail::reference_of(identity(), next_ref_.fetch_add(1, std::memory_order_relaxed) & detail::counter_mask);
}

std::optional<pid> local_node::owner_of(const reference& ref) const noexcept {
  if (ref.node != identity() || ref.size != 3) return std::nullopt;
  const auto slot = static_cast<std::uint32_t>(detail::value_of(ref) >> 36);
  const auto* const owner = runtime_.state().slots.at(slot);
  if (slot == 0 || owner == nullptr) return std::nullopt;
  const auto tenant = detail::process_state::identity_in(owner->tenant.load(std::memory_order_acquire));
  if (static_cast<std::uint32_t>(tenant >> 32) != identity().index()) return std::nullopt;
  return pid{identity(), slot, static_cast<std::uint32_t>(tenant)};
}

bool local_node::is_call(const reference& ref) noexcept {
  return ref.size == 3 && (detail::value_of(ref) & detail::call_mark) != 0;
}

}  // namespace ergo::inline v0
