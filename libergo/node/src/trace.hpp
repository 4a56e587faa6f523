// One line per routing decision and per control message, for people who look at a cluster. Off, it costs one relaxed
// load.
#pragma once

#include <ergo/destination.hpp>
#include <ergo/detail/signal.hpp>
#include <ergo/node_options.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

namespace ergo::inline v0::detail {

/// Which way a control message went.
enum class direction : std::uint8_t { in, out };

/// One control message, for a line.
struct traced_message {
  direction way;
  atom peer;
  std::string_view operation;
  std::string from;  ///< pid, or empty
  std::string to;    ///< pid, name or reference, or empty
  std::size_t bytes = 0;
};

/// Writes trace lines. Never a cookie, a digest or a payload. Any thread.
class tracer {
 public:
  explicit tracer(trace_category categories, trace_sink sink);

  [[nodiscard]] bool on(trace_category one) const noexcept {
    return (categories_.load(std::memory_order_relaxed) & static_cast<std::uint8_t>(one)) != 0;
  }
  void enable(trace_category categories) noexcept {
    categories_.fetch_or(static_cast<std::uint8_t>(categories), std::memory_order_relaxed);
  }
  void disable(trace_category categories) noexcept {
    categories_.fetch_and(static_cast<std::uint8_t>(~static_cast<std::uint8_t>(categories)), std::memory_order_relaxed);
  }

  /// `dist in peer=erl@h SEND_SENDER from=<…> to=echo bytes=57`
  void message(const traced_message& seen) const;
  /// `node route call from=<…> to={echo,erl@h} connection=up`
  void routing(const signal& envelope, const destination& to, std::string_view decision) const;
  /// `node <text>`
  void note(std::string_view text) const;

 private:
  void write(std::string line) const;

  std::atomic<std::uint8_t> categories_;
  trace_sink sink_;
};

/// The categories named in `list` (`node,dist`, `all`); unknown words are ignored.
[[nodiscard]] trace_category parse_trace(std::string_view list) noexcept;
/// The name of a kind of signal, for lines.
[[nodiscard]] std::string_view name_of(signal_kind kind) noexcept;

}  // namespace ergo::inline v0::detail
