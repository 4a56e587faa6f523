// The atoms of one distribution packet, which its header names once and its terms refer to by position.
#pragma once

#include <ergo/etf/atom.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace ergo::inline v0::etf {

/// Collects the atoms that a packet uses, in the order of first use: as many as a distribution header can name, the
/// others are written in full. An encoder whose buffer has one writes ATOM_CACHE_REF for the atoms in it.
///
/// 6 KiB. Owned by one thread; nothing here takes memory. Source: OTP `erl_dist_protocol`, distribution header.
class packet_atoms {
 public:
  static constexpr std::size_t most = 255;  ///< references that fit into a header

  /// Begins the next packet; takes the same time however many atoms there were.
  void clear() noexcept {
    count_ = 0;
    if (++packet_ <= last_packet) return;
    cells_ = {};
    packet_ = 1;
  }

  /// The position of `value`, which is added when it is new; nothing when there is no room for it.
  [[nodiscard]] std::optional<std::uint8_t> place(atom value) noexcept {
    const auto wanted = packet_ << 32 | value.index();
    auto at = value.index() * 0x9E3779B1U >> (32 - cell_bits);
    while (cells_[at] >> 32 == packet_) {
      if (cells_[at] == wanted) return places_[at];
      at = (at + 1) % cells_.size();
    }
    if (count_ == most) return std::nullopt;
    cells_[at] = wanted;
    places_[at] = static_cast<std::uint8_t>(count_);
    atoms_[count_] = value;
    return static_cast<std::uint8_t>(count_++);
  }

  /// All of them by position; valid until the next call that is not const.
  [[nodiscard]] std::span<const atom> atoms() const noexcept { return {atoms_.data(), count_}; }

 private:
  static constexpr unsigned cell_bits = 9;  // half of the cells stay empty
  static constexpr std::uint64_t last_packet = (1U << 24) - 1;

  std::array<atom, most> atoms_;
  std::size_t count_ = 0;
  std::uint64_t packet_ = 1;
  // Which packet a cell belongs to, and the atom; of any other packet than the present one: empty.
  std::array<std::uint64_t, std::size_t{1} << cell_bits> cells_{};
  std::array<std::uint8_t, std::size_t{1} << cell_bits> places_{};  // of the atoms in the cells
};

}  // namespace ergo::inline v0::etf
