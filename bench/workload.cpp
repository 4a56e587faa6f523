// The rows of the table, group by group, and the words for their properties.
#include "workload.hpp"

#include <algorithm>
#include <iterator>

namespace ergo_bench {

std::span<const workload> workloads() {
  static const std::vector<workload> all = [] {
    std::vector<workload> made;
    for (auto* const group : {local_workloads, growth_workloads, etf_workloads, convert_workloads, net_workloads}) {
      auto rows = group();
      std::ranges::move(rows, std::back_inserter(made));
    }
    return made;
  }();
  return all;
}

bool has_bar(const workload& row) noexcept {
  return !row.limits.empty() || std::ranges::any_of(row.rivals, [](const rival& one) { return one.bar > 0; });
}

std::string_view to_string(placement where) noexcept {
  switch (where) {
    case placement::one_cpu: return "one CPU";
    case placement::two_cpus: return "two CPUs";
    case placement::free: break;
  }
  return "free";
}

std::string_view to_string(reference which) noexcept {
  switch (which) {
    case reference::caf: return "caf";
    case reference::raw: return "raw";
    case reference::raw_epoll: return "raw-epoll";
    case reference::plain: return "plain";
    case reference::beam: break;
  }
  return "beam";
}

std::string_view to_string(pairing who) noexcept {
  switch (who) {
    case pairing::ours_to_ours: return "ours to ours";
    case pairing::ours_to_beam: return "ours to erlang";
    case pairing::beam_to_ours: return "erlang to ours";
    case pairing::none: break;
  }
  return "";
}

}  // namespace ergo_bench
