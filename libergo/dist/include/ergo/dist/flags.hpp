// Distribution flags: what a node can do on a connection, as both ends tell each other in the
// handshake. One table holds every bit with its meaning and the releases in which it appeared and
// became mandatory, so that a refusal can name what is missing.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace ergo::inline v0::dist {

/// One capability; the value is its bit number on the wire (protocol §2.4).
enum class flag : std::uint8_t {
  published = 0,
  atom_cache = 1,
  extended_references = 2,
  dist_monitor = 3,
  fun_tags = 4,
  dist_monitor_name = 5,
  hidden_atom_cache = 6,
  new_fun_tags = 7,
  extended_pids_ports = 8,
  export_ptr_tag = 9,
  bit_binaries = 10,
  new_floats = 11,
  unicode_io = 12,
  dist_hdr_atom_cache = 13,
  small_atom_tags = 14,
  ets_compressed = 15,
  utf8_atoms = 16,
  map_tag = 17,
  big_creation = 18,
  send_sender = 19,
  big_seqtrace_labels = 20,
  pending_connect = 21,
  exit_payload = 22,
  fragments = 23,
  handshake_23 = 24,
  unlink_id = 25,
  mandatory_25_digest = 26,
  spawn = 32,
  name_me = 33,
  v4_nc = 34,
  alias = 35,
  local_ext = 36,
  altact_sig = 37,
  native_records = 38,
};

/// A set of capabilities: a 64-bit value with set operations. Bits without a name are kept, so that
/// what a newer release offers survives a round trip.
class flags {
 public:
  constexpr flags() = default;
  constexpr explicit flags(std::uint64_t bits) : bits_{bits} {}
  constexpr flags(std::initializer_list<flag> list) {
    for (flag f : list) bits_ |= mask(f);
  }

  /// The value as it is written on the wire.
  [[nodiscard]] constexpr std::uint64_t bits() const { return bits_; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr bool has(flag f) const { return (bits_ & mask(f)) != 0; }
  [[nodiscard]] constexpr bool contains(flags other) const { return (other.bits_ & ~bits_) == 0; }
  [[nodiscard]] constexpr flags with(flag f) const { return flags{bits_ | mask(f)}; }
  [[nodiscard]] constexpr flags without(flag f) const { return flags{bits_ & ~mask(f)}; }

  friend constexpr flags operator|(flags a, flags b) { return flags{a.bits_ | b.bits_}; }
  friend constexpr flags operator&(flags a, flags b) { return flags{a.bits_ & b.bits_}; }
  /// The members of `a` that are not in `b`.
  friend constexpr flags operator-(flags a, flags b) { return flags{a.bits_ & ~b.bits_}; }
  friend constexpr bool operator==(flags, flags) = default;

 private:
  static constexpr std::uint64_t mask(flag f) { return std::uint64_t{1} << static_cast<std::uint8_t>(f); }

  std::uint64_t bits_{};
};

/// One row of the table of capabilities.
struct flag_info {
  flag bit;
  std::string_view name;     ///< As Erlang's documentation spells it, without the `DFLAG_` prefix.
  std::string_view meaning;  ///< What the sender of the flag can do.
  int since;                 ///< First OTP release that offers it by default; 0 = never on the wire.
  int mandatory_since;       ///< First OTP release that refuses peers without it; 0 = none does.
};

/// Every capability in bit order. The rows live as long as the program.
[[nodiscard]] std::span<const flag_info> flag_table();

/// What OTP 23 and 24 refuse to live without.
inline constexpr flags mandatory_23{0x50184};
/// What OTP 25 refuses to live without; also what MANDATORY_25_DIGEST stands for.
inline constexpr flags mandatory_25{0x1070F94};
/// What OTP 26 to 29 refuse to live without.
inline constexpr flags mandatory_26{0x4'0307'0F94};

/// What we require of a peer: OTP 23 passes, 22 and older lack at least HANDSHAKE_23.
inline constexpr flags required_of_peers = mandatory_23 | flags{flag::handshake_23};

/// The offer of a hidden node that speaks pass-through packets only (no header atom cache, no
/// fragments): every OTP from 23 to 29 accepts it.
inline constexpr flags pass_through_offer{0x6D'075F'5FBC};
/// The same as a visible node.
inline constexpr flags visible_pass_through_offer = pass_through_offer.with(flag::published);

/// What the peer meant: the shorthand MANDATORY_25_DIGEST is replaced by the flags it stands for
/// (the shorthand itself stays set).
[[nodiscard]] constexpr flags expand_digest(flags offered) {
  return offered.has(flag::mandatory_25_digest) ? offered | mandatory_25 : offered;
}

/// What is in force on a connection: the digest-expanded intersection of both offers.
[[nodiscard]] constexpr flags negotiate(flags ours, flags theirs) {
  return expand_digest(ours) & expand_digest(theirs);
}

/// The required capabilities that an offer lacks, after digest expansion; empty = acceptable.
[[nodiscard]] constexpr flags missing(flags offered, flags required) { return required - expand_digest(offered); }

/// The members by name in bit order, separated by ", ", for error texts: `HANDSHAKE_23, MAP_TAG`.
/// A bit without a name reads `bit 31`.
[[nodiscard]] std::string to_string(flags set);

/// The oldest OTP release that offers every member by default; 0 when one has never been offered.
/// Tells a user which release would have been accepted.
[[nodiscard]] int first_release_with(flags set);

}  // namespace ergo::inline v0::dist
