#include "strangers.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::global_detail {

void strangers::wait(timers& among, atom node, std::function<void()> then) {
  auto& timer = among[node];
  context_.stop_timer(timer);
  timer = context_.after(patience_, [&among, node, then = std::move(then)] {
    among.erase(node);
    then();
  });
}

void strangers::greeted(atom node) {
  if (members_.known(node) || !members_.connected(node)) return;
  wait(greeted_, node, [this, node] { meet_again(node); });
}

void strangers::meet_again(atom node) {
  if (members_.known(node) || !members_.synced(node)) return;
  again_.insert(node);
  ask_to_close(node);
}

void strangers::reported(atom node) {
  wait(reported_, node, [] {});
}

// We have passed the report on to the member: before it answers it has parted with the node, if that is the same one.
// What the node changes until then is made here and not there, so that this must not wait.
void strangers::announced(atom node, atom by) {
  told_by_[node] = by;
  if (reported_.contains(node)) compare(node, by);
}

void strangers::compare(atom node, atom by) {
  context_.call("global_name_server"_atom, by, term{"get_known"_atom}, [this, node](const term* given) {
    if (given != nullptr && given->is_list()) part_unless(read_members(*given), node);
  });
}

// Of whom that node has told us, the others have heard as little.
void strangers::part_unless(const std::vector<member>& known, atom node) {
  if (!members_.known(node) || std::ranges::find(known, node, &member::node) != known.end()) return;
  ask_to_close(node);
  std::vector<atom> after;
  for (const auto& [told, by] : told_by_) {
    if (by == node) after.push_back(told);
  }
  for (const auto one : after) part_unless(known, one);
}

// The other side closes the connection, unless it does not have us as a member any more.
void strangers::ask_to_close(atom node) {
  context_.act(info_action{node, etf::tuple("remove_connection"_atom, context_.node())});
  forget_(node);
  members_.set_removing(node);
  wait(closing_, node, [this, node] { context_.act(disconnect_action{node}); });
}

void strangers::node_down(atom node) {
  for (auto* running : {&greeted_, &closing_}) {
    if (const auto timer = running->extract(node)) context_.stop_timer(timer.mapped());
  }
  told_by_.erase(node);
  if (again_.erase(node) != 0) context_.act(connect_action{node});
}

}  // namespace ergo::inline v0::otp::global_detail
