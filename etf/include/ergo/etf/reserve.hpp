// What is left for the program itself of the tables that never shrink, however many peers fill them (attack S15).
#pragma once

#include <ergo/etf/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>

namespace ergo::inline v0::etf {

/// Atoms of the program's table that only the program makes: what is decoded for a peer (`decode_limits::budget`) is
/// refused with `atom_table_full` from there on. Default: a sixteenth of the capacity; at most half of it counts. Of
/// the table of nodes the same sixteenth is kept. Any thread.
void set_atom_reserve(std::size_t atoms) noexcept;
[[nodiscard]] std::size_t atom_reserve() noexcept;

/// The incarnation of a node that a peer has told of outside of a term, within `limits.budget`. Any thread. Errors:
/// `atom_budget_spent`, `node_table_full`.
[[nodiscard]] std::expected<node_id, error> make_node_id(atom name, std::uint32_t creation,
                                                         const decode_limits& limits);

}  // namespace ergo::inline v0::etf
