#include <ergo/node_collector.hpp>

#include "families.hpp"

#include <ergo/etf/atom.hpp>
#include <ergo/usage.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <string>

namespace ergo::inline v0 {
namespace {

using detail::counter;
using detail::gauge;
using detail::one_gauge;
using families = std::vector<prometheus::MetricFamily>;

double seconds(duration of) { return std::chrono::duration<double>(of).count(); }

void add_identity(families& to, const node& of) {
  const detail::labels what{{"node", std::string{of.name().text()}}, {"creation", std::to_string(of.creation())}};
  to.push_back(gauge("ergo_node_info", "Name and incarnation of the node").add(1, what).take());
}

void add_runtime(families& to, runtime& of) {
  to.push_back(one_gauge("ergo_processes", "Processes alive", static_cast<double>(of.process_count())));
  to.push_back(one_gauge("ergo_processes_limit", "Most processes at a time (runtime_options::processes)",
                         static_cast<double>(of.options().processes)));
  const auto atoms = etf::atom_table_usage();
  to.push_back(one_gauge("ergo_atoms", "Atoms in the table", static_cast<double>(atoms.count)));
  to.push_back(one_gauge("ergo_atoms_limit", "Atoms at which the table is full", static_cast<double>(atoms.capacity)));
}

void add_cores(families& to, runtime& of) {
  auto busy = counter("ergo_core_busy_seconds_total", "Processor time of the thread that has the core");
  auto available = counter("ergo_core_available_seconds_total", "Time in which the core could have worked");
  unsigned index = 0;
  for (const auto& core : core_usages(of)) {
    const detail::labels which{{"core", std::to_string(index++)}};
    busy.add(seconds(core.busy), which);
    available.add(seconds(core.since_start), which);
  }
  to.push_back(busy.take());
  to.push_back(available.take());
}

prometheus::MetricFamily summary(std::string_view name, std::string_view help, const time_distribution& of) {
  prometheus::MetricFamily made;
  made.type = prometheus::MetricType::Summary;
  made.name = name;
  made.help = help;
  auto& all = made.metric.emplace_back().summary;
  all.sample_count = of.count;
  all.quantile = {
      {0.5, seconds(of.median)}, {0.99, seconds(of.p99)}, {0.999, seconds(of.p999)}, {1, seconds(of.longest)}};
  return made;
}

void add_slices(families& to, const runtime& of) {
  if (!of.options().measure_slices) return;
  const auto times = of.slice_times();
  to.push_back(summary("ergo_slice_cpu_seconds", "Processor time of a slice", times.cpu));
  to.push_back(summary("ergo_run_queue_delay_seconds", "From being runnable to the start of the slice", times.delay));
}

struct passed {
  std::string_view name;
  std::string_view help;
  std::uint64_t connection_counters::* value;
};

constexpr std::array<passed, 6> passed_over_connections{{
    {"ergo_connection_received_bytes_total", "Bytes received over the present connection",
     &connection_counters::bytes_in},
    {"ergo_connection_sent_bytes_total", "Bytes sent over the present connection", &connection_counters::bytes_out},
    {"ergo_connection_received_packets_total", "Packets received over the present connection",
     &connection_counters::packets_in},
    {"ergo_connection_sent_packets_total", "Packets sent over the present connection",
     &connection_counters::packets_out},
    {"ergo_connection_received_ticks_total", "Ticks received over the present connection",
     &connection_counters::ticks_in},
    {"ergo_connection_sent_ticks_total", "Ticks sent over the present connection", &connection_counters::ticks_out},
}};

void add_connections(families& to, const node& of) {
  const auto peers = of.nodes(node_set::all);
  to.push_back(one_gauge("ergo_connections", "Nodes connected, hidden ones too", static_cast<double>(peers.size())));
  std::vector<std::pair<std::string, connection_counters>> all;
  for (const auto peer : peers)
    if (const auto passed = of.counters(peer.text())) all.emplace_back(peer.text(), *passed);
  for (const auto& row : passed_over_connections) {
    auto made = counter(row.name, row.help);
    for (const auto& [peer, values] : all) made.add(static_cast<double>(values.*row.value), {{"peer", peer}});
    to.push_back(made.take());
  }
}

}  // namespace

families node_collector::Collect() const {
  families made;
  add_identity(made, node_);
  add_runtime(made, node_.runtime());
  add_cores(made, node_.runtime());
  add_slices(made, node_.runtime());
  add_connections(made, node_);
  detail::add_program_usage(made);
  return made;
}

}  // namespace ergo::inline v0
