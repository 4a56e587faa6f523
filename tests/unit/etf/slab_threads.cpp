// Parts of one decoded message on several threads. It counts no allocations, so that ThreadSanitizer can watch it.
#include "wire.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace ergo_test;

namespace {

constexpr std::size_t threads = 4;

/// Takes parts of the message, in an order of its own, and drops them one by one; tells how many were damaged.
std::size_t take_and_drop(const term& whole, std::size_t worker) {
  std::vector<term> mine{whole, whole.elements()[1]};
  const auto items = whole.elements()[0].items();
  for (auto at = worker; at < items.size(); at += threads + worker) mine.push_back(items[at]);
  std::size_t wrong = 0;
  for (auto& part : mine) {
    if (const auto taken = std::move(part); !taken.is_tuple()) ++wrong;
  }
  return wrong;
}

TEST_CASE("threads release parts of the same message", "[etf][slabs]") {
  std::vector<term> rows;
  for (int number = 0; number < 5'000; ++number) rows.push_back(etf::tuple("row"_atom, number, number * 1'000'000LL));
  const auto inner = etf::tuple("inner"_atom, etf::binary("small"), etf::make_list(rows));
  const auto bytes = etf::encode_to_string(etf::tuple(etf::make_list(rows), inner));
  std::atomic<std::size_t> wrong{0};
  for (int round = 0; round < 20; ++round) {
    const auto whole = std::make_shared<const term>(etf::decode_all(bytes_of(bytes)).value());
    std::vector<std::jthread> workers;
    for (std::size_t worker = 0; worker < threads; ++worker)
      workers.emplace_back([worker, &wrong, whole] { wrong += take_and_drop(*whole, worker); });
  }
  CHECK(wrong == 0);
}

}  // namespace
