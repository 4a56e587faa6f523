// The workloads of the codec: one message written and read again and again, as `term_to_binary` and `binary_to_term`
// do, from and to one piece of memory.
#include "measuring.hpp"
#include "servers.hpp"
#include "terms.hpp"
#include "workload.hpp"

#include <ergo/etf/codec.hpp>

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

namespace ergo_bench {

using namespace ergo;  // NOLINT: terms read better

namespace {

std::string encoded(const sample& of) {
  auto bytes = etf::encode_to_string(of.make());
  if (bytes.size() != of.bytes) throw std::runtime_error{"a message has the wrong size"};
  return bytes;
}

measurement encode(const sample& of, std::uint64_t operations, const etf::encode_options& options) {
  const auto message = of.make();
  const stopwatch watch;
  for (std::uint64_t number = 0; number < operations; ++number) {
    etf::buffer out;  // a fresh one each time, as each binary of Erlang's is
    etf::encode(out, message, options);
    if (out.size() != of.bytes) throw std::runtime_error{"a message has the wrong size"};
    is_used(out.bytes().data());
  }
  return watch.read(operations);
}

measurement decode(const sample& of, std::uint64_t operations, const etf::decode_limits& limits,
                   std::span<const std::byte> bytes) {
  const auto message = of.make();
  const stopwatch watch;
  for (std::uint64_t number = 0; number < operations; ++number) {
    const auto read = etf::decode_all(bytes, limits);
    if (!read || read->kind() != message.kind()) throw std::runtime_error{"a message was not read"};
    is_used(&*read);
  }
  const auto took = watch.read(operations);
  if (etf::decode_all(bytes, limits) != message) throw std::runtime_error{"a message was read wrongly"};
  return took;
}

measurement encode_gathered(const request& wanted) {
  return encode(sample_named("binary-1mb"), wanted.operations, {.gather_from = 4'096});
}

measurement decode_aliased(const request& wanted) {
  const auto& of = sample_named("binary-1mb");
  const auto owned = std::make_shared<const std::string>(encoded(of));
  const std::shared_ptr<const void> owner = owned;
  return decode(of, wanted.operations, {.aliased = &owner}, std::as_bytes(std::span{*owned}));
}

/// The copy without which one contiguous buffer cannot be had.
measurement copy(const request& wanted) {
  const auto from = encoded(sample_named(wanted.variant));
  const auto to = std::make_unique<char[]>(from.size());
  const stopwatch watch;
  for (std::uint64_t number = 0; number < wanted.operations; ++number) {
    std::memcpy(to.get(), from.data(), from.size());
    is_used(to.get());
  }
  const auto took = watch.read(wanted.operations);
  if (std::memcmp(to.get(), from.data(), from.size()) != 0) throw std::runtime_error{"a message was copied wrongly"};
  return took;
}

workload row(std::string_view id, std::string_view variant, std::string_view what, std::uint64_t operations,
             double bar) {
  return {id, variant, what, operations, id == "etf-encode" ? etf_encode : etf_decode, {{reference::beam, bar}}};
}

workload large_row(std::string_view id) {
  auto made = row(id, "binary-1mb", "a binary of 1,000,000 bytes, copied into one buffer", 4'000, 0);
  made.rivals.push_back({reference::raw, 0.8});
  made.raw = copy;
  return made;
}

workload alone(std::string_view id, std::string_view variant, measurement (*run)(const request& wanted)) {
  return {id, variant, "a binary of 1,000,000 bytes, referred to instead of copied", 1'000'000, run};
}

}  // namespace

measurement etf_encode(const request& wanted) { return encode(sample_named(wanted.variant), wanted.operations, {}); }

measurement etf_decode(const request& wanted) {
  const auto& of = sample_named(wanted.variant);
  const auto bytes = encoded(of);
  return decode(of, wanted.operations, {}, std::as_bytes(std::span{bytes}));
}

std::vector<workload> etf_workloads() {
  return {
      row("etf-encode", "small-tuple", "a tuple of an atom, a binary and an integer", 5'000'000, 2),
      row("etf-encode", "map-10", "a map of 10 items", 2'000'000, 2),
      row("etf-encode", "pids-200", "a list of 200 pids", 200'000, 2),
      row("etf-encode", "tuples-10000", "a list of 10,000 tuples", 2'000, 2),
      row("etf-encode", "nested-maps", "31 maps in maps", 300'000, 2),
      row("etf-encode", "orders", "a list of 100 records", 20'000, 2),
      large_row("etf-encode"),
      alone("etf-encode", "binary-1mb-gathered", encode_gathered),
      row("etf-decode", "small-tuple", "a tuple of an atom, a binary and an integer", 5'000'000, 1),
      row("etf-decode", "map-10", "a map of 10 items", 1'000'000, 1),
      row("etf-decode", "pids-200", "a list of 200 pids", 100'000, 2),
      row("etf-decode", "tuples-10000", "a list of 10,000 tuples", 2'000, 2),
      row("etf-decode", "nested-maps", "31 maps in maps", 200'000, 1),
      row("etf-decode", "orders", "a list of 100 records", 20'000, 2),
      large_row("etf-decode"),
      alone("etf-decode", "binary-1mb-aliased", decode_aliased),
  };
}

}  // namespace ergo_bench
