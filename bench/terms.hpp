// The messages that the codec is measured with.
#pragma once

#include <ergo/etf/term.hpp>

#include <cstddef>
#include <string_view>

namespace ergo_bench {

/// A message that both languages build alike: `ergo_bench_etf:sample/1` makes the same of the name.
struct sample {
  std::string_view name;
  std::size_t bytes;  ///< with the leading 131
  ergo::etf::term (*make)();
};

/// Throws `std::runtime_error` when there is none of that name.
[[nodiscard]] const sample& sample_named(std::string_view name);

}  // namespace ergo_bench
