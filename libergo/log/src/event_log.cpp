#include <ergo/detail/token_bucket.hpp>
#include <ergo/event_log.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace ergo::inline v0 {
namespace {

/// Of one kind of event.
struct allowance {
  explicit allowance(detail::token_rate rate) noexcept : lines{rate} {}
  detail::token_bucket lines;
  std::uint64_t kept_back = 0;
};

spdlog::level::level_enum level_of(log_level level) noexcept {
  switch (level) {
    case log_level::debug: return spdlog::level::debug;
    case log_level::info:
    case log_level::notice: return spdlog::level::info;
    case log_level::warning: return spdlog::level::warn;
    case log_level::error: return spdlog::level::err;
    case log_level::critical: return spdlog::level::critical;
  }
  return spdlog::level::info;
}

class event_log {
 public:
  event_log(std::shared_ptr<spdlog::logger> to, const event_log_options& options)
      : to_{std::move(to)}, options_{options} {
    options_.burst = std::max<std::size_t>(options_.burst, 1);
  }

  void write(const event& happened) noexcept try {
    const auto level = level_of(happened.level);
    if (!to_->should_log(level)) return;
    const auto before = admit(happened.what);
    if (!before) return;
    auto line = to_line(happened, options_.longest);
    if (*before != 0) line += " (after " + std::to_string(*before) + " more of this kind that were not logged)";
    if (const auto lost = lost_.exchange(0, std::memory_order_relaxed))
      line += " (after " + std::to_string(lost) + " for which there was no memory)";
    to_->log(level, spdlog::string_view_t{line});
  } catch (...) {
    lost_.fetch_add(1, std::memory_order_relaxed);  // memory ran out; whoever told the event goes on
  }

 private:
  // How many of that kind were kept back before this one; empty when it is kept back itself.
  std::optional<std::uint64_t> admit(event::kind what) {
    if (options_.per_second == 0) return 0;
    const auto now = options_.clock == nullptr ? std::chrono::steady_clock::now() : options_.clock->now();
    const std::scoped_lock lock{mutex_};
    const detail::token_rate rate{static_cast<double>(options_.burst), static_cast<double>(options_.per_second)};
    auto& of = allowances_.try_emplace(what, rate).first->second;
    if (!of.lines.has_one(now)) {
      ++of.kept_back;
      return std::nullopt;
    }
    of.lines.take();
    return std::exchange(of.kept_back, 0);
  }

  std::shared_ptr<spdlog::logger> to_;
  event_log_options options_;
  std::atomic<std::uint64_t> lost_{0};
  std::mutex mutex_;
  std::map<event::kind, allowance> allowances_;
};

}  // namespace

event_handler log_events(std::shared_ptr<spdlog::logger> to, const event_log_options& options) {
  return [log = std::make_shared<event_log>(std::move(to), options)](const event& happened) { log->write(happened); };
}

}  // namespace ergo::inline v0
