// The message that the codec is measured with.
#pragma once

#include <ergo/etf/term.hpp>

#include <cstddef>

namespace ergo_bench {

/// 100 records with an atom, integers, a binary, a float, a map and a short list each; `ergo_bench:orders/0` builds the
/// same.
[[nodiscard]] ergo::etf::term orders();

/// Bytes of `orders()` with the leading 131, which both languages check.
inline constexpr std::size_t orders_bytes = 10'307;

}  // namespace ergo_bench
