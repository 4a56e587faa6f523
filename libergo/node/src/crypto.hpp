// What the handshake needs of a cryptographic library: MD5 and numbers that nobody can predict.
#pragma once

#include <ergo/dist/handshake.hpp>

#include <cstdint>
#include <span>

namespace ergo::inline v0::detail {

/// MD5 of `data`; nothing where the library refuses it (FIPS mode).
[[nodiscard]] std::optional<dist::digest> md5(dist::bytes_view data);
/// Fills `out` from the operating system's generator; false when there is none, which callers treat as fatal.
[[nodiscard]] bool random_bytes(std::span<std::byte> out);
/// A random number; throws `std::runtime_error` when there is no generator.
[[nodiscard]] std::uint32_t random_number();
/// A random creation that means an incarnation (4 or more); throws as `random_number`.
[[nodiscard]] std::uint32_t random_creation();
/// Overwrites a secret in a way that the compiler keeps.
void wipe(std::string& secret) noexcept;

}  // namespace ergo::inline v0::detail
