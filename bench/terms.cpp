// The messages that the codec is measured with.
#include "terms.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <vector>

namespace ergo_bench {

using namespace ergo;                 // NOLINT: terms read better
using namespace ergo::etf::literals;  // NOLINT

namespace {

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

etf::term small_tuple() { return etf::tuple("deposit"_atom, etf::binary("customer-1001"), 500); }

etf::term map_of_10() {
  const std::vector<etf::term> pairs{"account"_atom,  etf::binary("customer-1001"),
                                     "balance"_atom,  1'234'567,
                                     "currency"_atom, "eur"_atom,
                                     "frozen"_atom,   "false"_atom,
                                     "id"_atom,       17,
                                     "limit"_atom,    2.5,
                                     "name"_atom,     etf::binary("Bob"),
                                     "opened"_atom,   20'260'101,
                                     "owner"_atom,    etf::tuple("person"_atom, 4'711),
                                     "state"_atom,    "open"_atom};
  return etf::make_map(pairs);
}

etf::term pids_200() {
  std::vector<etf::term> items;
  for (std::uint32_t number = 1; number <= 200; ++number) items.emplace_back(etf::pid{{}, 1'000 + number, 0});
  return etf::make_list(items);
}

etf::term binary_of_1_mb() { return etf::binary(std::string(1'000'000, 'x')); }

etf::term tuples_10000() {
  std::vector<etf::term> items;
  for (int number = 1; number <= 10'000; ++number) items.push_back(etf::tuple("item"_atom, number, number / 2.0));
  return etf::make_list(items);
}

/// A binary tree of maps, `depth` levels below this one.
etf::term tree(int depth) {
  std::vector<etf::term> pairs{"id"_atom, depth};
  if (depth > 0) {
    const std::vector<etf::term> inner{"left"_atom,         tree(depth - 1), "name"_atom,
                                       etf::binary("fork"), "right"_atom,    tree(depth - 1)};
    pairs.insert(pairs.end(), inner.begin(), inner.end());
  }
  return etf::make_map(pairs);
}

etf::term nested_maps() { return tree(4); }

constexpr std::array all{
    sample{"orders", 10'307, orders},
    sample{"small-tuple", 35, small_tuple},
    sample{"map-10", 161, map_of_10},
    sample{"pids-200", 5'607, pids_200},
    sample{"binary-1mb", 1'000'006, binary_of_1_mb},
    sample{"tuples-10000", 219'242, tuples_10000},
    sample{"nested-maps", 762, nested_maps},
};

}  // namespace

const sample& sample_named(std::string_view name) {
  const auto found = std::ranges::find(all, name, &sample::name);
  if (found == all.end()) throw std::runtime_error{"there is no message " + std::string{name}};
  return *found;
}

}  // namespace ergo_bench
