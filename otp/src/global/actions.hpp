// What the machine behind `global_name_server` asks for: whoever runs it carries these out, in order.
#pragma once

#include <ergo/clock.hpp>
#include <ergo/message.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace ergo::inline v0::otp::global_detail {

/// `{'$gen_call', {Self, Ref}, Request}` to a name on another node; the machine is told the answer, or that none will
/// come, under `token`. Connects where there is no connection.
struct call_action {
  std::uint64_t token;
  atom name;
  atom node;
  term request;
};
/// `{'$gen_cast', Content}` to the `global_name_server` of a node; connects where there is no connection.
struct cast_action {
  atom node;
  term content;
};
/// `Content` as it is to the `global_name_server` of a node that is connected; dropped where it is not.
struct info_action {
  atom node;
  term content;
};
/// A plain message to a process.
struct send_action {
  pid to;
  term content;
};
struct reply_action {
  caller to;
  term answer;
};
/// Monitors a process; the machine is told of its end under `watch`, exactly once unless it was taken back.
struct watch_action {
  std::uint64_t watch;
  pid process;
};
struct unwatch_action {
  std::uint64_t watch;
};
/// Sends an exit signal `kill` to a process whose name one has that `peer` told of.
struct kill_action {
  pid process;
  atom peer;
};
/// Connects to a node unless it is connected; the machine is told with `unreachable` when that fails.
struct connect_action {
  atom node;
};
struct disconnect_action {
  atom node;
};
/// Tells the machine `token` after `delay`.
struct timer_action {
  std::uint64_t token;
  duration delay;
};
/// Forgets a timer that has not fired yet.
struct untimer_action {
  std::uint64_t token;
};
/// `name` belongs to `process` from now on, or to nobody any more.
struct name_action {
  term name;
  std::optional<pid> process;
};
/// Something that an operator should know.
struct warn_action {
  std::string text;
};

using action = std::variant<call_action, cast_action, info_action, send_action, reply_action, watch_action,
                            unwatch_action, kill_action, connect_action, disconnect_action, timer_action,
                            untimer_action, name_action, warn_action>;

}  // namespace ergo::inline v0::otp::global_detail
