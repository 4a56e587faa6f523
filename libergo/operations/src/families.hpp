// Shorthand for families of metrics.
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo::inline v0::detail {

using labels = std::vector<std::pair<std::string_view, std::string>>;

/// A family of one kind to which values are added.
class family {
 public:
  family(prometheus::MetricType type, std::string_view name, std::string_view help) {
    made_.type = type;
    made_.name = name;
    made_.help = help;
  }

  family& add(double value, const labels& of = {}) {
    auto& metric = made_.metric.emplace_back();
    for (const auto& [name, text] : of) metric.label.push_back({std::string{name}, text});
    if (made_.type == prometheus::MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    return *this;
  }
  [[nodiscard]] prometheus::MetricFamily take() { return std::move(made_); }

 private:
  prometheus::MetricFamily made_;
};

[[nodiscard]] inline family counter(std::string_view name, std::string_view help) {
  return {prometheus::MetricType::Counter, name, help};
}
[[nodiscard]] inline family gauge(std::string_view name, std::string_view help) {
  return {prometheus::MetricType::Gauge, name, help};
}

/// A family without labels.
[[nodiscard]] inline prometheus::MetricFamily one_counter(std::string_view name, std::string_view help, double value) {
  return counter(name, help).add(value).take();
}
[[nodiscard]] inline prometheus::MetricFamily one_gauge(std::string_view name, std::string_view help, double value) {
  return gauge(name, help).add(value).take();
}

/// What the program as a whole uses: `process_resident_memory_bytes` and the like, as Prometheus names them.
void add_program_usage(std::vector<prometheus::MetricFamily>& to);

}  // namespace ergo::inline v0::detail
