// After loop_the_locker, select_node and lock_nodes_safely of global.erl.
#include "locker.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::global_detail {
namespace {

std::string_view host_of(atom node) {
  const auto text = node.text();
  return text.substr(std::min(text.find('@'), text.size()));
}

// Both sides use the same requester, so that a node which both know is locked for both.
lock_id shared_id(const pid& left, const pid& right) {
  const bool ordered = etf::compare(left, right) <= 0;
  return {names_resource(), ordered ? etf::list(left, right) : etf::list(right, left)};
}

std::vector<atom> joined(std::vector<atom> left, const std::vector<atom>& right) {
  for (const auto node : right) {
    if (std::ranges::find(left, node) == left.end()) left.push_back(node);
  }
  return left;
}

}  // namespace

void locker::meet(partner one) { receive(std::move(one)); }

void locker::offered(const pid& from, bool set, std::optional<term> my_tag) {
  receive(offer{from, set, std::move(my_tag)});
}

// Without a tag it may be about an old session, of which nothing is left.
void locker::cancel(atom node, std::optional<term> my_tag, std::function<void()> first) {
  if (my_tag) receive(cancellation{node, *std::move(my_tag), std::move(first)});
}

void locker::receive(letter one) {
  inbox_.push_back(std::move(one));
  context_.post([this] { work_off(); });
}

void locker::work_off() {
  bool any = false;
  for (;;) {
    const auto next = std::ranges::find_if(inbox_, [this](const letter& one) { return wanted(one); });
    if (next == inbox_.end()) break;
    auto taken = std::move(*next);
    inbox_.erase(next);
    handle(std::move(taken));
    any = true;
  }
  if (any && phase_ == phase::idle) wait();
}

bool locker::wanted(const letter& one) const {
  if (phase_ == phase::idle) return true;
  if (const auto* made = std::get_if<cancellation>(&one)) {
    const bool heard = phase_ == phase::offering || phase_ == phase::holding;
    return heard && made->node == with_->node && made->my_tag == with_->my_tag;
  }
  const auto* made = std::get_if<offer>(&one);
  return made != nullptr && phase_ == phase::offering && made->from.node.name() == with_->node;
}

void locker::handle(letter one) {
  if (auto* met = std::get_if<partner>(&one)) {
    auto& pool = nearby(met->node) ? near_ : far_;
    pool.push_back(std::move(*met));
  } else if (auto* made = std::get_if<offer>(&one)) {
    handle_offer(*made);
  } else {
    handle_cancellation(std::get<cancellation>(one));
  }
}

void locker::handle_offer(const offer& made) {
  if (phase_ == phase::offering) {
    if (made.my_tag && *made.my_tag != with_->my_tag) return;  // of an older session
    return made.set ? hold() : release({});
  }
  if (!made.set) return;  // comes too late to matter
  const auto* found = find(made.from.node.name());
  const bool known = found != nullptr && (!made.my_tag || *made.my_tag == found->my_tag);
  if (!known) return refuse(made);
  take(*found, {}, [this](bool locked) {
    send_offer(*with_, locked);
    return locked ? hold() : idle_again();
  });
}

void locker::handle_cancellation(const cancellation& made) {
  if (phase_ == phase::idle) return forget(made.node, made.my_tag);
  forget(made.node, made.my_tag);
  release(made.first);
}

void locker::hold() {
  phase_ = phase::holding;
  context_.post([this, node = with_->node, tag = with_->my_tag, id = id_] { lock_is_set_(node, tag, id); });
  work_off();
}

void locker::release(const std::function<void()>& first) {
  if (first) first();
  just_synced_ = phase_ == phase::holding;
  phase_ = phase::releasing;
  rounds_.unlock_boss_last(id_, locked_, [this] { idle_again(); });
}

void locker::idle_again() {
  phase_ = phase::idle;
  with_.reset();
  work_off();
  if (phase_ == phase::idle) wait();
}

// The pause must not be zero after a failure, or others in our partition would hardly ever get the lock.
duration locker::pause() {
  if (std::exchange(just_synced_, false)) return duration::zero();
  const auto known = static_cast<int>(members_.nodes().size());
  if (known == 0) return pace_.alone;
  return std::min(pace_.least + pace_.each * known, pace_.most);
}

void locker::wait() {
  context_.stop_timer(timer_);
  if (near_.empty() && far_.empty()) return;
  timer_ = context_.after(pause(), [this] {
    if (phase_ != phase::idle) return;
    if (locks_.is_set(names_resource())) return wait();
    select();
  });
}

// Whom we know meanwhile has been synchronized by others.
std::vector<partner>* locker::candidates() {
  for (auto* pool : {&near_, &far_}) {
    std::erase_if(*pool, [this](const partner& one) { return members_.known(one.node); });
  }
  if (!near_.empty()) return &near_;
  return far_.empty() ? nullptr : &far_;
}

void locker::select() {
  const auto* pool = candidates();
  if (pool == nullptr) return;
  const auto chosen = (*pool)[context_.pick(pool->size())];
  // Locking the partner's node too prevents that both partitions wait for each other.
  take(chosen, {chosen.node}, [this](bool locked) {
    if (!locked) return idle_again();
    phase_ = phase::offering;
    send_offer(*with_, true);
    work_off();
  });
}

// Locks the boss of our partition first: of several who try, one succeeds.
void locker::take(const partner& one, const std::vector<atom>& extra, std::function<void(bool)> done) {
  with_ = one;
  phase_ = phase::locking;
  id_ = shared_id(context_.self(), one.locker);
  auto ours = members_.nodes();
  ours.push_back(context_.node());
  const auto boss = boss_of(ours);
  if (boss != context_.node() && !locks_.can_set(id_)) return context_.post([done = std::move(done)] { done(false); });
  auto second = without(joined({context_.node()}, extra), boss);
  rounds_.lock(id_, {boss}, [this, boss, second = std::move(second), done = std::move(done)](bool locked) {
    if (!locked) return done(false);
    lock_others(second, boss, done);
  });
}

void locker::lock_others(const std::vector<atom>& second, atom boss, std::function<void(bool)> done) {
  rounds_.lock(id_, second, [this, second, boss, done = std::move(done)](bool locked) {
    if (!locked) return rounds_.unlock(id_, {boss}, [done] { done(false); });
    auto third = members_.nodes();
    for (const auto node : joined({boss}, second)) std::erase(third, node);
    rounds_.lock(id_, third, [this, second, third, boss, done](bool all) {
      locked_ = joined(joined({boss}, second), third);
      if (all) return done(true);
      rounds_.unlock(id_, joined({boss}, second), [done] { done(false); });
    });
  });
}

void locker::send_offer(const partner& to, bool set) {
  const auto known = node_list(members_.nodes());
  const auto plain = etf::tuple("lock_set"_atom, context_.self(), set, known);
  if (to.version < proxied_lockers_version) return context_.act(send_action{to.locker, plain});
  const auto tagged = etf::tuple("lock_set"_atom, context_.self(), set, known, to.his_tag);
  context_.act(cast_action{to.node, to.version < verified_connect_version ? plain : tagged});
}

// We have no session with that locker, so that its version is unknown; this form every version takes.
void locker::refuse(const offer& made) {
  const auto known = node_list(members_.nodes());
  context_.act(send_action{made.from, etf::tuple("lock_set"_atom, context_.self(), false, known)});
}

void locker::forget(atom node, const term& my_tag) {
  const auto gone = [&](const partner& one) { return one.node == node && one.my_tag == my_tag; };
  std::erase_if(near_, gone);
  std::erase_if(far_, gone);
}

const partner* locker::find(atom node) const {
  for (const auto* pool : {&near_, &far_}) {
    const auto found = std::ranges::find(*pool, node, &partner::node);
    if (found != pool->end()) return &*found;
  }
  return nullptr;
}

bool locker::nearby(atom node) const { return host_of(node) == host_of(context_.node()); }

}  // namespace ergo::inline v0::otp::global_detail
