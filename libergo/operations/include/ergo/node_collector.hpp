// A node's counters and gauges as families of metrics, for any registry or exposer of prometheus-cpp.
#pragma once

#include <ergo/node.hpp>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

namespace ergo::inline v0 {

/// Collects what a node, its runtime and its program use of what is bounded. Names follow Prometheus' conventions:
/// seconds, bytes, `_total` for what only grows; all begin with `ergo_` but the four of the program (`process_…`).
///
/// Does not own the node, which must live longer. Any thread. A collection takes one lock per connection and one system
/// call per core; the counters of a connection begin anew with each connection.
class node_collector final : public prometheus::Collectable {
 public:
  explicit node_collector(node& of) noexcept : node_{of} {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  node& node_;
};

}  // namespace ergo::inline v0
