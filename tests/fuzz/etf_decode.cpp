// The external term format from anybody. Oracles: no crash; a refusal points into the input; what was accepted is
// written with exactly the announced size, gathered or not, and is the same term when it is read again; memory stays
// within the budget.
#include <ergo/etf/codec.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

namespace {

using namespace ergo;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t memory = 4U << 20;

/// The atom table never shrinks, so a long run may make only so many new ones.
etf::atom_budget& budget() {
  static etf::atom_budget atoms{200'000};
  return atoms;
}

void check_term(const etf::term& value) {
  const auto bytes = encode_to_string(value);
  require(bytes.size() == encoded_size(value) + 1);
  const auto again = etf::decode_all(std::as_bytes(std::span{bytes}), {.memory = 4 * memory, .budget = &budget()});
  require(again.has_value() && *again == value && compare(*again, value) == 0 &&
          hash_value(*again) == hash_value(value));
  require(encode_to_string(*again) == bytes);
  require(value.detach() == value);
  etf::buffer gathered;
  encode(gathered, value, {.gather_from = 3});
  require(gathered.to_string() == bytes);
}

void check_scan(std::span<const std::byte> input, const etf::decode_limits& limits) {
  auto rest = input;
  std::size_t arity = 0;
  std::int64_t number = 0;
  etf::atom atom;
  etf::pid pid;
  etf::reference reference;
  while (etf::scan_tuple_header(rest, arity) || etf::scan_integer(rest, number) || scan_atom(rest, atom, limits) ||
         scan_pid(rest, pid, limits) || scan_reference(rest, reference, limits)) {
    require(rest.size() < input.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span{data, size});
  const auto cache = std::to_array<etf::atom>({etf::atom::from_index(1), etf::atom::from_index(2)});
  etf::decode_limits limits{.depth = 10'000, .memory = memory, .inflated = memory, .budget = &budget(), .cache = cache};
  const auto stand_alone = etf::decode(input, limits);
  if (!stand_alone) require(stand_alone.error().code != etf::errc::ok && stand_alone.error().offset <= size);
  if (stand_alone) check_term(stand_alone->value);
  if (stand_alone) require(stand_alone->consumed <= size);
  const std::shared_ptr<const void> owner{data, [](const void*) {}};
  limits.aliased = &owner;
  if (const auto bare = etf::decode_bare(input, limits)) {
    require(bare->consumed <= size);
    check_term(bare->value);
  }
  require(owner.use_count() == 1);
  check_scan(input, limits);
  return 0;
}
