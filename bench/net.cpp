// The rows between nodes, and the other end of them.
#include "nodes.hpp"
#include "punctual.hpp"
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
          .rivals = {{reference::beam}, {reference::raw, raw_bar}, {reference::raw_epoll}},
          .ends = pairing::ours_to_ours,
          .where = where,
          .raw = raw_echo,
          .raw_epoll = raw_epoll,
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

// The curve of sizes; 1 MB is among the others.
void add_sizes(std::vector<workload>& to) {
  struct {
    std::string_view size;
    std::uint64_t operations;
  } const all[] = {{"1B", 10'000},   {"1KB", 10'000}, {"16KB", 5'000}, {"140KB", 2'000},
                   {"256KB", 1'000}, {"4MB", 100},    {"64MB", 6}};
  for (const auto& [size, operations] : all) {
    auto row = call_seq(size, placement::one_cpu, operations, 0);
    row.id = "net-message-size";
    row.what = "net-call-seq with a binary of this size there and back";
    row.rivals = {{reference::beam}, {reference::raw}};
    to.push_back(row);
  }
}

void add_latencies(std::vector<workload>& to) {
  for (const auto* const share : {"10", "50", "90"})
    to.push_back({.id = "net-latency",
                  .variant = share,
                  .what = "the median of calls by schedule to another node, this percentage of the greatest rate",
                  .operations = 2'000,
                  .run = net_latency,
                  .rivals = {{reference::beam}},
                  .ends = pairing::ours_to_ours,
                  .where = placement::two_cpus,
                  .limits = slice_limits()});
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
  for (const auto ends : {pairing::ours_to_ours, pairing::ours_to_beam, pairing::beam_to_ours}) {
    auto placed = call_many("number", ends, 120'000, 0);
    placed.where = placement::two_cpus;
    to.push_back(placed);
  }
  auto in_one = call_many("number", pairing::ours_to_ours, 240'000, 0);
  in_one.id = "net-call-120-in-one";
  in_one.what = "the same with both nodes of ours in one OS process, beside two of Erlang";
  in_one.run = net_call_many_in_one;
  to.push_back(in_one);
}

// Where both ends are free, the system puts them on one CPU in one run and on two in the next.
workload storm(std::string_view variant, std::uint64_t operations, placement where) {
  return {.id = "net-storm",
          .variant = variant,
          .what = "one-way messages between two OS processes: one process to one, or 20 to 2,000",
          .operations = operations,
          .run = net_storm,
          .rivals = {{reference::beam, where == placement::two_cpus ? 20.0 : 0.0}},
          .ends = pairing::ours_to_ours,
          .where = where};
}

// Ours are in one OS process and use no peer; for Erlang, the caller starts the others.
void add_clusters(std::vector<workload>& to) {
  to.push_back({.id = "net-10-nodes",
                .variant = "",
                .what = "10 nodes, 20 senders each, to random ones of 2,000 receivers on each other node; per message",
                .operations = 10'000,
                .run = net_ten_nodes,
                .rivals = {{reference::beam, 8}},
                .ends = pairing::ours_to_ours});
  to.push_back({.id = "fan-out",
                .variant = "",
                .what = "one publisher, 10 nodes with 100,000 subscribers each, five rounds; per message delivered",
                .operations = 5'000'000,
                .run = fan_out,
                .rivals = {{reference::beam}},
                .ends = pairing::ours_to_ours});
}

measurement one_with_numbers(const request& wanted) {
  auto same = wanted;
  same.variant = "number";
  return net_call_seq(same);
}

measurement many_with_numbers(const request& wanted) {
  auto same = wanted;
  same.variant = "number";
  return net_call_many(same);
}

void add_encrypted(std::vector<workload>& to) {
  constexpr double of_plain = 0.6;
  auto one = call_seq("number", placement::one_cpu, 20'000, 0);
  auto many = call_many("number", pairing::ours_to_ours, 120'000, 0);
  auto cast = storm("", 2'000'000, placement::two_cpus);
  one.run = one_with_numbers;
  many.run = many_with_numbers;
  std::string_view names[] = {"call-seq", "call-120", "storm"};
  const auto* name = names;
  for (auto* const row : {&one, &many, &cast}) {
    row->id = "tls";
    row->what = "net-call-seq, net-call-120 and net-storm over TLS 1.3, beside the same in the clear";
    row->variant = *name++;
    row->rivals = {{reference::beam}, {reference::plain, of_plain}};
    row->encrypted = true;
    to.push_back(*row);
  }
}

void add_presence(std::vector<workload>& to) {
  to.push_back({.id = "connect",
                .variant = "",
                .what = "start a node, connect to a peer, have the first answer",
                .operations = 20,
                .run = connect_anew,
                .rivals = {{reference::beam}},
                .ends = pairing::ours_to_ours});
  to.push_back({.id = "idle-node",
                .variant = "",
                .what = "CPU time of a node per second in which nothing happens",
                .operations = 5,
                .run = idle_node,
                .rivals = {{reference::beam}},
                .limits = {{"wake-ups", 1}, {"cpu", 0.1}}});
  to.push_back({.id = "idle-node",
                .variant = "1000",
                .what = "the same with connections from so many nodes",
                .operations = 20,
                .run = idle_node,
                .limits = {{"wake-ups", 140}, {"cpu", 1}}});
  for (const auto* const count : {"1", "10", "100", "1000"})
    to.push_back({.id = "net-connections",
                  .variant = count,
                  .what = "calls of 64 processes to so many nodes in turn, all in one other OS process",
                  .operations = 100'000,
                  .run = call_crowd});
}

}  // namespace

std::vector<workload> net_workloads() {
  std::vector<workload> made;
  add_call_seq(made);
  add_sizes(made);
  add_latencies(made);
  add_call_many(made);
  for (const auto where : {placement::two_cpus, placement::free}) {
    made.push_back(storm("", 2'000'000, where));
    made.push_back(storm("20-2000", 2'000'000, where));
  }
  add_clusters(made);
  add_encrypted(made);
  add_presence(made);
  made.push_back({.id = "net-beside-large",
                  .variant = "",
                  .what = "the 99th of 100 calls, one per ms, beside a binary of 200 MB that goes back and forth",
                  .operations = 2'000,
                  .run = net_beside_large,
                  .rivals = {{reference::beam}, {reference::raw, 0.5}},
                  .ends = pairing::ours_to_ours,
                  .raw = raw_beside_large,
                  .raw_has_peer = true});
  return made;
}

void serve_peer(const std::string& name, unsigned cores) {
  const auto here = start_node(name, cores);
  start_echo_servers(*here);
  start_storm_servers(*here);
  std::cout << "ready" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
}

void serve_raw(std::string_view id) {
  if (id == "net-beside-large") return serve_beside_large();
  if (id == to_string(reference::raw_epoll)) return serve_raw_epoll();
  if (id == "net-call-seq" || id == "net-message-size") return serve_raw_echo();
  if (serve_light_peers(id)) return;
  throw std::runtime_error{"no raw counterpart of " + std::string{id}};
}

}  // namespace ergo_bench
