// The workloads of the codec: one message written and read again and again, as `term_to_binary` and `binary_to_term`
// do.
#include "servers.hpp"
#include "terms.hpp"
#include "workload.hpp"

#include <ergo/etf/codec.hpp>

#include <span>
#include <stdexcept>
#include <string>

namespace ergo_bench {

using namespace ergo;  // NOLINT: terms read better

measurement etf_encode(const request& wanted) {
  const auto message = orders();
  const stopwatch watch;
  for (std::uint64_t number = 0; number < wanted.operations; ++number) {
    etf::buffer out;  // a fresh one each time, as each binary of Erlang's is
    etf::encode(out, message);
    if (out.size() != orders_bytes) throw std::runtime_error{"a message has the wrong size"};
  }
  return watch.read(wanted.operations);
}

measurement etf_decode(const request& wanted) {
  const auto message = orders();
  const auto bytes = etf::encode_to_string(message);
  const stopwatch watch;
  for (std::uint64_t number = 0; number < wanted.operations; ++number) {
    const auto read = etf::decode_all(std::as_bytes(std::span{bytes}));
    if (!read || read->items().size() != 100) throw std::runtime_error{"a message was not read"};
  }
  const auto took = watch.read(wanted.operations);
  if (etf::decode_all(std::as_bytes(std::span{bytes})) != message)
    throw std::runtime_error{"a message was read wrongly"};
  return took;
}

std::vector<workload> etf_workloads() {
  return {
      {"etf-encode", "orders", "a message of 100 records to bytes", 20'000, etf_encode, {{reference::beam, 2}}},
      {"etf-decode", "orders", "bytes to a message of 100 records", 20'000, etf_decode, {{reference::beam, 1}}},
  };
}

}  // namespace ergo_bench
