// A described struct to bytes and back, by way of a term; and how much of it the bytes alone take.
#include "measuring.hpp"
#include "workload.hpp"

#include <ergo/etf/codec.hpp>
#include <ergo/etf/convert.hpp>

#include <boost/describe/class.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace ergo_bench {
namespace {

using namespace ergo;
using namespace ergo::etf::literals;

struct parcel {
  std::int64_t id = 0;
  std::string customer;
  double total = 0;
  std::vector<std::int64_t> amounts;
  std::optional<std::string> note;
  etf::atom state;

  bool operator==(const parcel&) const = default;
};
BOOST_DESCRIBE_STRUCT(parcel, (), (id, customer, total, amounts, note, state))

constexpr std::size_t bytes_of_a_parcel = 98;  // with the leading 131; ergo_bench_etf:sample(parcel) has as many

parcel sample_parcel() {
  return {.id = 4'711,
          .customer = "customer-1001",
          .total = 25.5,
          .amounts = {1'001, -1, 5'000'000'001},
          .note = "leave it at the door",
          .state = "open"_atom};
}

void encode(const etf::term& message) {
  etf::buffer out;  // a fresh one each time, as each binary of Erlang's is
  etf::encode(out, message);
  if (out.size() != bytes_of_a_parcel) throw std::runtime_error{"a message has the wrong size"};
  is_used(out.bytes().data());
}

etf::term decoded(std::span<const std::byte> bytes) {
  auto read = etf::decode_all(bytes);
  if (!read) throw std::runtime_error{"a message was not read"};
  is_used(&*read);
  return *std::move(read);
}

parcel converted(const etf::term& message) {
  auto made = etf::from_term<parcel>(message);
  if (!made) throw std::runtime_error{"a message was not converted"};
  is_used(&*made);
  return *std::move(made);
}

// In nanoseconds each, after a tenth as many to warm up.
template <typename Work>
time_span time_of(std::uint64_t count, Work work) {
  for (std::uint64_t number = 0; number < count / 10; ++number) work();
  const auto begun = std::chrono::steady_clock::now();
  for (std::uint64_t number = 0; number < count; ++number) work();
  return std::chrono::steady_clock::now() - begun;
}

measurement write_parcels(const request& wanted) {
  const auto sent = sample_parcel();
  const auto message = etf::to_term(sent);
  const auto bytes_alone = time_of(wanted.operations, [&] { encode(message); });
  const auto both = time_of(wanted.operations, [&] { encode(etf::to_term(sent)); });
  return {both, wanted.operations, {{"term-to-bytes", nanoseconds_each(bytes_alone, wanted.operations), "ns"}}};
}

measurement read_parcels(const request& wanted) {
  const auto text = etf::encode_to_string(etf::to_term(sample_parcel()));
  const auto bytes = std::as_bytes(std::span{text});
  const auto bytes_alone = time_of(wanted.operations, [&] { (void)decoded(bytes); });
  const auto both = time_of(wanted.operations, [&] { (void)converted(decoded(bytes)); });
  if (converted(decoded(bytes)) != sample_parcel()) throw std::runtime_error{"a message was read wrongly"};
  return {both, wanted.operations, {{"bytes-to-term", nanoseconds_each(bytes_alone, wanted.operations), "ns"}}};
}

workload row(std::string_view variant, std::string_view what, measurement (*run)(const request&)) {
  return {.id = "etf-convert",
          .variant = variant,
          .what = what,
          .operations = 1'000'000,
          .run = run,
          .rivals = {{reference::beam}}};
}

}  // namespace

std::vector<workload> convert_workloads() {
  return {row("write", "a described struct of six fields to a term and to bytes", write_parcels),
          row("read", "bytes to a term and to a described struct of six fields", read_parcels)};
}

}  // namespace ergo_bench
