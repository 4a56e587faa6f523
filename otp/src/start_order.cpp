// The order in which applications are started: depth first along dependencies.
#include <ergo/otp/application.hpp>

#include <algorithm>
#include <unordered_map>

namespace ergo::inline v0::otp {
namespace {

enum class mark : std::uint8_t { unseen, open, placed };

/// An application whose dependencies are being placed; `next` is the first that was not looked at.
struct visit {
  std::size_t application;
  std::size_t next = 0;
};

class sorter {
 public:
  explicit sorter(std::span<const application_spec> set) : set_{set}, marks_(set.size(), mark::unseen) {}

  ergo::result<std::vector<std::size_t>> sort() {
    for (std::size_t index = 0; index < set_.size(); ++index) {
      if (!positions_.emplace(set_[index].name, index).second) {
        return fail(errc::badarg, etf::tuple("duplicate"_atom, set_[index].name));
      }
    }
    for (std::size_t index = 0; index < set_.size(); ++index) {
      if (auto placed = place(index); !placed) return std::unexpected{placed.error()};
    }
    return std::move(order_);
  }

 private:
  // With a stack of its own: a chain of dependencies may be as long as the set.
  ergo::result<void> place(std::size_t first) {
    if (marks_[first] == mark::placed) return {};
    std::vector<visit> open{{first}};
    marks_[first] = mark::open;
    while (!open.empty()) {
      auto& top = open.back();
      const auto& needs = set_[top.application].applications;
      if (top.next == needs.size()) {
        marks_[top.application] = mark::placed;
        order_.push_back(top.application);
        open.pop_back();
        continue;
      }
      const auto wanted = needs[top.next++];
      const auto found = positions_.find(wanted);
      if (found == positions_.end()) return fail(errc::not_found, wanted);
      if (marks_[found->second] == mark::open) return fail(errc::badarg, etf::tuple("circular"_atom, wanted));
      if (marks_[found->second] == mark::placed) continue;
      marks_[found->second] = mark::open;
      open.push_back({found->second});
    }
    return {};
  }

  std::span<const application_spec> set_;
  std::vector<mark> marks_;
  std::unordered_map<atom, std::size_t> positions_;
  std::vector<std::size_t> order_;
};

}  // namespace

ergo::result<std::vector<std::size_t>> start_order(std::span<const application_spec> set) { return sorter{set}.sort(); }

}  // namespace ergo::inline v0::otp
