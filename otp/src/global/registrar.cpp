// After trans_all_known of global.erl.
#include "registrar.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::global_detail {

void registrar::submit(change wanted) {
  waiting_.push_back(std::move(wanted));
  if (!std::exchange(busy_, true)) lock(0);
}

void registrar::next() {
  waiting_.pop_front();
  busy_ = !waiting_.empty();
  if (busy_) lock(0);
}

// A node that has greeted us and of which no member tells is asked like a member: it takes us for one, and would keep,
// and pass on, what we have changed since it got our names.
void registrar::lock(unsigned times) {
  auto nodes = members_.followers();
  nodes.push_back(context_.node());
  const auto boss = boss_of(nodes);
  rounds_.lock(id(), {boss}, [this, times, nodes = std::move(nodes)](bool locked) {
    if (!locked) return again(times);
    lock_all(times, nodes);
  });
}

// Who became known while the others were asked would miss the change.
void registrar::lock_all(unsigned times, const std::vector<atom>& nodes) {
  rounds_.lock(id(), nodes, [this, times, nodes](bool locked) {
    const auto listed = [&](atom node) { return std::ranges::find(nodes, node) != nodes.end(); };
    if (locked && std::ranges::all_of(members_.followers(), listed)) return make(nodes);
    rounds_.unlock_boss_last(id(), nodes, [this, times] { again(times); });
  });
}

void registrar::again(unsigned times) {
  context_.after(context_.back_off(times), [this, times] { lock(times + 1); });
}

void registrar::make(const std::vector<atom>& nodes) {
  const auto& wanted = waiting_.front();
  if (wanted.allowed && !wanted.allowed()) return finish(nodes, false);
  rounds_.ask(nodes, wanted.request, [this, nodes](const std::vector<answer>&) { finish(nodes, true); });
}

void registrar::finish(const std::vector<atom>& nodes, bool made) {
  rounds_.unlock_boss_last(id(), nodes, [this, made] {
    if (waiting_.front().done) waiting_.front().done(made);
    next();
  });
}

}  // namespace ergo::inline v0::otp::global_detail
