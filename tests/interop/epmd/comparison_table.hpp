// The table scenario × port mapper that the program prints at its end.
#pragma once

#include "contenders.hpp"

namespace ergo::test {

/// A cell of it; rows come in the order in which they were first recorded.
void record(const std::string& scenario, const contender& of, const std::string& text);

}  // namespace ergo::test
