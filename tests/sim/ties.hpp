// Links and monitors in every moment: both ends know of them, or something that tells of them is on its way.
#pragma once

#include "cluster.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace ergo::test {

/// Looks at processes between two steps; what it says is wrong is wrong at once, not only in the end.
class ties {
 public:
  explicit ties(const sim& world) : world_{world} {}

  /// Of the links of `one`, those that its partner does not have although it must.
  [[nodiscard]] std::string check_links(const pid& one) const {
    if (!world_.settled(one)) return {};
    for (const auto& other : world_.links(one)) {
      if (!at_rest(one, other)) continue;
      if (!world_.alive(other)) return text(one, "is linked to", other) + ", which has ended";
      if (!has(world_.links(other), one)) return text(one, "is linked to", other) + ", and not the other way round";
    }
    return {};
  }

  /// Of the monitors that `one` has, those that nobody knows who could tell of the end.
  [[nodiscard]] std::string check_monitors(const pid& one) const {
    if (!world_.settled(one)) return {};
    for (const auto& target : world_.watching(one)) {
      const auto known = target.by_name() ? holder(target) : std::optional{target.process()};
      const auto other = known.value_or(pid{});
      if (known ? !at_rest(one, other) : !quiet(one, target.node())) continue;
      const auto which = etf::to_text(term{one}) + " monitors " + etf::to_text(target.to_term());
      if (!known || !world_.alive(other)) return which + ", which has ended";
      if (!has(world_.watchers(other), one)) return which + ", which does not know";
    }
    return {};
  }

  /// Of those that `one` knows as its watchers, the ones that do not monitor it.
  [[nodiscard]] std::string check_watchers(const pid& one) const {
    if (!world_.settled(one)) return {};
    for (const auto& watcher : world_.watchers(one)) {
      if (!at_rest(one, watcher)) continue;
      if (!world_.alive(watcher)) return text(one, "is monitored by", watcher) + ", which has ended";
      const auto watched = world_.watching(watcher);
      const bool meant = std::ranges::any_of(watched, [&](const destination& target) {
        return target.by_name() ? holder(target) == one : target.process() == one;
      });
      if (!meant) return text(one, "is monitored by", watcher) + ", which does not know";
    }
    return {};
  }

 private:
  // Nothing is under way between two processes, and neither has something to act on.
  [[nodiscard]] bool at_rest(const pid& one, const pid& other) const {
    return world_.settled(other) && quiet(one, other.node.name());
  }
  [[nodiscard]] bool quiet(const pid& one, atom node) const {
    return world_.quiet(one.node.name().text(), node.text());
  }
  [[nodiscard]] std::optional<pid> holder(const destination& target) const {
    const auto name = target.node().text();
    return world_.running(name) ? world_.node(name).whereis(target.name()) : std::nullopt;
  }
  [[nodiscard]] static bool has(const std::vector<pid>& among, const pid& one) {
    return std::ranges::find(among, one) != among.end();
  }
  [[nodiscard]] static std::string text(const pid& one, const char* does, const pid& other) {
    return etf::to_text(term{one}) + " " + does + " " + etf::to_text(term{other});
  }

  const sim& world_;
};

}  // namespace ergo::test
