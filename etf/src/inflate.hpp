// The one place where zlib is used: COMPRESSED terms, whose announced size is believed only as far as it is borne out.
#pragma once

#include <ergo/etf/codec.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace ergo::inline v0::etf {

/// Inflated bytes, and how many deflated ones they came from.
struct inflated {
  std::unique_ptr<std::byte[]> bytes;
  std::size_t size = 0;
  std::size_t consumed = 0;
};

/// Inflates `input` to exactly `announced` bytes. Memory grows with what was inflated, not with what was announced.
[[nodiscard]] std::expected<inflated, errc> inflate(std::span<const std::byte> input, std::size_t announced,
                                                    const decode_limits& limits);

}  // namespace ergo::inline v0::etf
