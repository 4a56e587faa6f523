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
using detail::one_counter;
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

void add_mailboxes(families& to, const runtime& of) {
  const auto lost = of.mailbox_losses();
  auto made = counter("ergo_mailbox_refused_messages_total", "Messages that a full mailbox has not taken");
  made.add(static_cast<double>(lost.dropped), {{"fate", "dropped"}});
  made.add(static_cast<double>(lost.rejected), {{"fate", "rejected"}});
  made.add(static_cast<double>(lost.redirected), {{"fate", "redirected"}});
  to.push_back(made.take());
}

// ----- what a node has met ------------------------------------------------------------------------------------------

template <typename Value>
struct figure {
  std::string_view name;
  std::string_view help;
  Value node_figures::* value;
};

constexpr std::array<figure<std::size_t>, 6> held{{
    {"ergo_connections", "Nodes connected, hidden ones too", &node_figures::connections},
    {"ergo_handshakes", "Handshakes under way", &node_figures::handshakes},
    {"ergo_known_nodes", "Nodes known by name, connected or not (node_limits::names)", &node_figures::names},
    {"ergo_queued_bytes", "Bytes that are written to no socket yet", &node_figures::queued},
    {"ergo_unfinished_bytes", "Bytes of packets and messages that are not whole yet (node_limits::all_open_bytes)",
     &node_figures::unfinished},
    {"ergo_busy_connections", "Connections over node_limits::busy", &node_figures::busy},
}};

constexpr std::array<figure<std::uint64_t>, 7> counted{{
    {"ergo_peers_let_in_total", "Callers that became peers", &node_figures::let_in},
    {"ergo_peers_reached_total", "Nodes called that became peers", &node_figures::reached},
    {"ergo_peers_unreached_total", "Calls of nodes that came to nothing", &node_figures::unreached},
    {"ergo_refused_over_quota_total", "Links, monitors and processes refused to peers (node_limits::…_per_peer)",
     &node_figures::over_quota},
    {"ergo_signals_to_unknown_nodes_total", "Signals to nodes beyond node_limits::names", &node_figures::nameless},
    {"ergo_descriptor_shortages_total", "Times that a caller found no file descriptor left", &node_figures::shortages},
    {"ergo_events_left_out_total", "Events not told because too many came at once", &node_figures::events_left_out},
}};

template <typename Reason, Reason last>
prometheus::MetricFamily by_reason(std::string_view name, std::string_view help, const tally<Reason, last>& of) {
  auto made = counter(name, help);
  of.for_each([&made](Reason why, std::uint64_t times) {
    made.add(static_cast<double>(times), {{"reason", std::string{to_string(why)}}});
  });
  return made.take();
}

void add_figures(families& to, const node_figures& of) {
  for (const auto& row : held) to.push_back(one_gauge(row.name, row.help, static_cast<double>(of.*row.value)));
  for (const auto& row : counted) to.push_back(one_counter(row.name, row.help, static_cast<double>(of.*row.value)));
  to.push_back(by_reason("ergo_callers_refused_total", "Callers that have not become peers", of.refused));
  to.push_back(by_reason("ergo_protocol_breaches_total", "Peers that broke the protocol and were cut", of.breaches));
  to.push_back(by_reason("ergo_peers_lost_total", "Connections that are up no longer", of.partings));
}

// ----- what has passed ----------------------------------------------------------------------------------------------

struct passed {
  std::string_view what;
  std::string_view help;
  std::uint64_t connection_counters::* value;
};

constexpr std::array<passed, 6> passed_over_connections{{
    {"received_bytes", "Bytes received", &connection_counters::bytes_in},
    {"sent_bytes", "Bytes sent", &connection_counters::bytes_out},
    {"received_packets", "Packets received", &connection_counters::packets_in},
    {"sent_packets", "Packets sent", &connection_counters::packets_out},
    {"received_ticks", "Ticks received", &connection_counters::ticks_in},
    {"sent_ticks", "Ticks sent", &connection_counters::ticks_out},
}};

void add_traffic(families& to, const node& of, const connection_counters& moved) {
  std::vector<std::pair<std::string, connection_counters>> all;
  for (const auto peer : of.nodes(node_set::all))
    if (const auto values = of.counters(peer.text())) all.emplace_back(peer.text(), *values);
  for (const auto& row : passed_over_connections) {
    const std::string what{row.what};
    const std::string help{row.help};
    to.push_back(one_counter("ergo_" + what + "_total", help + " over all connections, those that have ended too",
                             static_cast<double>(moved.*row.value)));
    auto made = counter("ergo_connection_" + what + "_total", help + " over the present connection");
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
  add_mailboxes(made, node_.runtime());
  const auto figures = node_.figures();
  add_figures(made, figures);
  add_traffic(made, node_, figures.moved);
  detail::add_program_usage(made);
  return made;
}

}  // namespace ergo::inline v0
