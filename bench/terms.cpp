// The message that the codec is measured with.
#include "terms.hpp"

#include <string>
#include <utility>
#include <vector>

namespace ergo_bench {

using namespace ergo;                 // NOLINT: terms read better
using namespace ergo::etf::literals;  // NOLINT

etf::term orders() {
  std::vector<etf::term> rows;
  for (int number = 1; number <= 100; ++number) {
    const std::vector<etf::term> tags{"new"_atom, "paid"_atom};
    const std::vector<etf::term> pairs{"state"_atom, "open"_atom, "tags"_atom, etf::make_list(tags)};
    const std::vector<etf::term> amounts{1'000 + number, -number, 5'000'000'000 + number};
    rows.push_back(etf::tuple("order"_atom, number, etf::binary("customer-" + std::to_string(1'000 + number)),
                              number * 1.5, etf::make_map(pairs), etf::make_list(amounts)));
  }
  return etf::make_list(rows);
}

}  // namespace ergo_bench
