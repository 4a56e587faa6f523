// Keep-alive of one connection.
#include <ergo/dist/liveness.hpp>

#include <algorithm>
#include <utility>

namespace ergo::inline v0::dist {
namespace {

constexpr int least_intensity = 4;

}  // namespace

liveness::liveness(liveness_options options, time_point now)
    : tick_time_{std::max(options.tick_time, std::chrono::milliseconds{least_intensity})},
      interval_{tick_time_ / std::max(options.intensity, least_intensity)},
      peer_{options.peer},
      heard_{now} {}

// Half an interval of slack: timers that fire a little early must not add a whole interval. The peer's last byte
// came up to one interval before the check that saw it, so it is judged between T − I/2 and T + I after it.
bool liveness::silent_too_long(time_point now) const { return now - heard_ >= tick_time_ - interval_ / 2; }

liveness_action liveness::on_interval(time_point now, send_queue queue) {
  if (phase_ == phase::down) return liveness_action::peer_down;
  if (!read_ && silent_too_long(now)) {
    phase_ = phase::reading;
    return liveness_action::read_first;
  }
  return conclude(now, queue);
}

liveness_action liveness::after_read(time_point now, send_queue queue) {
  if (phase_ == phase::down) return liveness_action::peer_down;
  if (phase_ == phase::reading && !read_ && silent_too_long(now)) {
    phase_ = phase::down;
    return liveness_action::peer_down;
  }
  return conclude(now, queue);
}

liveness_action liveness::conclude(time_point now, send_queue queue) {
  phase_ = phase::watching;
  const bool read = std::exchange(read_, false);
  const bool written = std::exchange(written_, false);
  if (read) heard_ = now;
  // A full queue keeps the peer's interest by itself, and a tick behind it would say nothing new.
  if (queue == send_queue::waiting) return liveness_action::nothing;
  const bool provoke = peer_ == peer_kind::hidden && !read;
  return !written || provoke ? liveness_action::send_tick : liveness_action::nothing;
}

}  // namespace ergo::inline v0::dist
