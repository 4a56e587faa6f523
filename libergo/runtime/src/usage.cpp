#include <ergo/usage.hpp>

#include "busy_meter.hpp"
#include "runtime_state.hpp"

#include <ergo/runtime.hpp>

#include <pthread.h>

#include <algorithm>

namespace ergo::inline v0 {
namespace detail {
namespace {

std::optional<duration> time_on(clockid_t clock) noexcept {
  timespec read{};
  if (::clock_gettime(clock, &read) != 0) return std::nullopt;  // the thread has ended
  return std::chrono::seconds{read.tv_sec} + std::chrono::nanoseconds{read.tv_nsec};
}

}  // namespace

void busy_meter::begin() noexcept {
  const std::scoped_lock lock{mutex_};
  collect();
  clockid_t own{};
  clock_ = ::pthread_getcpuclockid(::pthread_self(), &own) == 0 ? std::optional{own} : std::nullopt;
  seen_ = clock_ ? time_on(*clock_).value_or(duration{}) : duration{};
}

duration busy_meter::busy() noexcept {
  const std::scoped_lock lock{mutex_};
  collect();
  return busy_;
}

void busy_meter::collect() noexcept {
  const auto now = clock_ ? time_on(*clock_) : std::nullopt;
  if (!now) return;
  busy_ += std::max(duration{}, *now - seen_);
  seen_ = *now;
}

}  // namespace detail

std::vector<core_usage> core_usages(runtime& of) {
  std::vector<core_usage> all;
  for (const auto& core : of.state().cores) all.push_back({core->worked.busy(), core->worked.since_start()});
  return all;
}

}  // namespace ergo::inline v0
