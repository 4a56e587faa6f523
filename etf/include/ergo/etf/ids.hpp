// Identifiers that travel in terms: nodes, pids, ports and references.
// Pids and most references are plain values of 16 bytes at most; node names with their creation are interned.
#pragma once

#include <ergo/etf/atom.hpp>

#include <array>
#include <compare>
#include <cstdint>
#include <expected>
#include <span>

namespace ergo::inline v0::etf {

/// A node's incarnation: its name and its creation, interned, so that both are compared in one instruction.
///
/// The table is append-only and program-wide (at most 1,048,576 entries); reads take no lock. Any thread.
class node_id {
 public:
  /// `nonode@nohost` with creation 0: what a pid has before its node has a name.
  constexpr node_id() noexcept = default;

  /// Interns a node's name and creation; fails with `node_table_full`.
  [[nodiscard]] static std::expected<node_id, error> make(atom name, std::uint32_t creation);

  [[nodiscard]] atom name() const noexcept;               ///< such as `'bank@host'`
  [[nodiscard]] std::uint32_t creation() const noexcept;  ///< 32 bits since OTP 23; 0 for an unnamed node
  [[nodiscard]] constexpr std::uint32_t index() const noexcept { return index_; }  ///< dense table position
  [[nodiscard]] static constexpr node_id from_index(std::uint32_t index) noexcept {
    return node_id{index};
  }  ///< inverse of `index`

  friend constexpr bool operator==(node_id, node_id) noexcept = default;

 private:
  constexpr explicit node_id(std::uint32_t index) noexcept : index_{index} {}

  std::uint32_t index_ = 0;
};

/// A process identifier. Equal only if node, creation, id and serial are equal. Source: NEW_PID_EXT.
struct pid {
  node_id node;
  std::uint32_t id = 0;      ///< at most 15 bits towards OTP 23, 28 bits from OTP 26, up to 32 accepted
  std::uint32_t serial = 0;  ///< at most 13 bits towards OTP 23

  friend constexpr bool operator==(const pid&, const pid&) noexcept = default;
};

/// A port identifier. We own no ports, but peers' ports travel through us. Source: V4_PORT_EXT.
struct port {
  node_id node;
  std::uint64_t id = 0;

  friend constexpr bool operator==(const port&, const port&) noexcept = default;
};

/// A reference: unique identity of a call, a monitor, an alias, a timer. 1 to 5 words of 32 bits. Source:
/// NEWER_REFERENCE_EXT.
struct alignas(8) reference {  // so that it is copied in whole words
  node_id node;
  std::uint8_t size = 0;                 ///< words in use, 1 … 5; 0 is "no reference"
  std::array<std::uint32_t, 5> words{};  ///< in wire order; unused words are 0

  [[nodiscard]] constexpr bool empty() const noexcept { return size == 0; }
  /// As in Erlang, words that are missing count as 0.
  friend constexpr bool operator==(const reference& left, const reference& right) noexcept {
    // One by one: they were mostly written so just before, and reading several at once would wait for the cache.
    for (std::size_t word = 0; word < left.words.size(); ++word) {
      if (left.words[word] != right.words[word]) return false;
    }
    return left.node == right.node && left.empty() == right.empty();
  }
};

/// Orders pids as Erlang does: serial, id, node name, creation.
[[nodiscard]] std::strong_ordering compare(const pid& left, const pid& right) noexcept;
/// Orders references as Erlang does: node, then words from the highest to the lowest.
[[nodiscard]] std::strong_ordering compare(const reference& left, const reference& right) noexcept;
/// Orders ports as Erlang does: node, then number.
[[nodiscard]] std::strong_ordering compare(const port& left, const port& right) noexcept;

}  // namespace ergo::inline v0::etf

template <>
struct std::hash<ergo::etf::pid> {
  std::size_t operator()(const ergo::etf::pid& value) const noexcept {
    const auto low = (std::uint64_t{value.serial} << 32) | value.id;
    return (low ^ (std::uint64_t{value.node.index()} << 40)) * 0x9E3779B97F4A7C15ULL;
  }
};

template <>
struct std::hash<ergo::etf::port> {
  std::size_t operator()(const ergo::etf::port& value) const noexcept {
    return (value.id ^ (std::uint64_t{value.node.index()} << 40)) * 0x9E3779B97F4A7C15ULL;
  }
};

template <>
struct std::hash<ergo::etf::reference> {
  std::size_t operator()(const ergo::etf::reference& value) const noexcept {
    std::uint64_t mixed = value.node.index();
    for (const auto word : value.words) mixed = (mixed ^ word) * 0x9E3779B97F4A7C15ULL;
    return mixed;
  }
};
