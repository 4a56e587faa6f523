// What both roles of the handshake share: proofs, their comparison, and the hygiene of secrets.
#pragma once

#include <ergo/dist/handshake.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace ergo::inline v0::dist::detail {

/// MD5 of the cookie followed by the decimal challenge (protocol §2.2).
[[nodiscard]] std::optional<digest> prove(const handshake_config& config, const std::string& cookie,
                                          std::uint32_t challenge);

/// Compares in a time that does not depend on where the digests differ (attack S04).
[[nodiscard]] bool same_proof(const digest& a, const digest& b);

/// True when a challenge that the peer sent is one of ours (attack S05).
[[nodiscard]] bool is_reflection(const handshake_config& config, std::uint32_t challenge);

/// Overwrites a secret before its memory is given back.
void wipe(std::string& secret);

}  // namespace ergo::inline v0::dist::detail
