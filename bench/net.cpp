// The rows between nodes, and the other end of them.
#include "nodes.hpp"
#include "workload.hpp"

#include <iostream>
#include <stdexcept>
#include <string>

namespace ergo_bench {
namespace {

constexpr double within_half_more = 1 / 1.5;   // of the raw counterpart's time
constexpr double within_fifth_more = 1 / 1.2;  // the same

workload call_seq(std::string_view variant, placement where, std::uint64_t operations, double raw_bar) {
  return {.id = "net-call-seq",
          .variant = variant,
          .what = "gen_server calls between two OS processes, one pair",
          .operations = operations,
          .run = net_call_seq,
          .rivals = {{reference::beam}, {reference::raw, raw_bar}},
          .ends = pairing::ours_to_ours,
          .where = where,
          .raw = raw_echo,
          .raw_has_peer = true};
}

void add_call_seq(std::vector<workload>& to) {
  for (const auto* const variant : {"number", "string", "pid-atom"}) {
    to.push_back(call_seq(variant, placement::one_cpu, 20'000, within_half_more));
    to.push_back(call_seq(variant, placement::two_cpus, 20'000, within_fifth_more));
  }
  to.push_back(call_seq("number", placement::free, 20'000, 0));
  for (const auto where : {placement::one_cpu, placement::two_cpus})
    to.push_back(call_seq("1MB", where, 1'000, 1 / 1.6));
}

workload call_many(std::string_view variant, pairing ends, std::uint64_t operations, double bar) {
  return {.id = "net-call-120",
          .variant = variant,
          .what = "gen_server calls between two OS processes, 120 pairs, beside erlang to erlang",
          .operations = operations,
          .run = net_call_many,
          .rivals = {{reference::beam, bar}},
          .ends = ends};
}

void add_call_many(std::vector<workload>& to) {
  constexpr double for_a_mixed_pair = 1.5;
  struct {
    std::string_view variant;
    std::uint64_t operations;
    double bar;
  } const all[] = {{"number", 120'000, 8}, {"tuple", 120'000, 8}, {"map", 120'000, 8}, {"pids", 36'000, 5}};
  for (const auto& [variant, operations, bar] : all) {
    to.push_back(call_many(variant, pairing::ours_to_ours, operations, bar));
    to.push_back(call_many(variant, pairing::ours_to_beam, operations, for_a_mixed_pair));
    to.push_back(call_many(variant, pairing::beam_to_ours, operations, for_a_mixed_pair));
  }
  auto in_one = call_many("number", pairing::ours_to_ours, 240'000, 0);
  in_one.id = "net-call-120-in-one";
  in_one.what = "the same with both nodes of ours in one OS process, beside two of Erlang";
  in_one.run = net_call_many_in_one;
  to.push_back(in_one);
}

}  // namespace

std::vector<workload> net_workloads() {
  std::vector<workload> made;
  add_call_seq(made);
  add_call_many(made);
  made.push_back({.id = "net-beside-large",
                  .variant = "",
                  .what = "the 99th of 100 calls, one per ms, beside a binary of 200 MB that goes back and forth",
                  .operations = 4'000,
                  .run = net_beside_large,
                  .rivals = {{reference::beam}, {reference::raw}},
                  .ends = pairing::ours_to_ours,
                  .raw = raw_beside_large,
                  .raw_has_peer = true});
  return made;
}

void serve_peer(const std::string& name, unsigned cores) {
  const auto here = start_node(name, cores);
  start_echo_servers(*here);
  std::cout << "ready" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
}

void serve_raw(std::string_view id) {
  if (id == "net-beside-large") return serve_beside_large();
  if (id == "net-call-seq") return serve_raw_echo();
  throw std::runtime_error{"no raw counterpart of " + std::string{id}};
}

}  // namespace ergo_bench
