// The side pool: a queue, and threads that are made when a job finds none idle.
#include "side_pool.hpp"

#include "pool.hpp"

#include <algorithm>

namespace ergo::inline v0::detail {
namespace {

constexpr auto longest_idle = std::chrono::seconds{10};

}  // namespace

side_pool::~side_pool() {
  for (auto& one : members_) {
    if (one.thread.joinable()) one.thread.join();
  }
}

void side_pool::add(const etf::pid& owner, std::move_only_function<void()> work) {
  const std::scoped_lock lock{mutex_};
  bury();
  jobs_.push_back({owner, std::move(work)});
  if (idle_ < jobs_.size() && members_.size() < limit_) {
    try {
      make_thread();
    } catch (...) {
      if (members_.empty()) {
        jobs_.pop_back();
        throw;
      }
    }
  }
  arrived_.notify_one();
}

void side_pool::make_thread() {
  auto& made = members_.emplace_back();
  try {
    made.thread = std::thread{[this, &made] { run(made); }};
  } catch (...) {
    members_.pop_back();
    throw;
  }
}

// Joins the threads that went home.
void side_pool::bury() {
  members_.remove_if([](member& one) {
    if (one.ended && one.thread.joinable()) one.thread.join();
    return one.ended;
  });
}

void side_pool::run(member& self) {
  std::unique_lock lock{mutex_};
  for (;;) {
    ++idle_;
    const bool woken = arrived_.wait_for(lock, longest_idle, [this] { return stopping_ || !jobs_.empty(); });
    --idle_;
    if (!woken || jobs_.empty()) break;
    auto next = std::move(jobs_.front());
    jobs_.pop_front();
    self.works_for = next.owner;
    self.busy = true;
    lock.unlock();
    next.work();
    lock.lock();
    self.busy = false;
  }
  drain_thread_caches();
  self.ended = true;
  ended_.notify_all();
}

std::vector<etf::pid> side_pool::stop(std::chrono::steady_clock::duration limit) {
  std::unique_lock lock{mutex_};
  stopping_ = true;
  arrived_.notify_all();
  const auto all_ended = [this] { return std::ranges::all_of(members_, &member::ended); };
  std::vector<etf::pid> stuck;
  if (!ended_.wait_for(lock, limit, all_ended)) {
    for (auto& one : members_) {
      if (one.ended) continue;
      if (one.busy) stuck.push_back(one.works_for);
      if (one.thread.joinable()) one.thread.detach();
    }
  }
  bury();
  return stuck;
}

}  // namespace ergo::inline v0::detail
