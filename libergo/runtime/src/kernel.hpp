// What the scheduler does with a process: fetch its signals, run its code, end it. Always on the thread that runs it.
#pragma once

#include "extras.hpp"

#include <ergo/detail/process_exit.hpp>

namespace ergo::inline v0::detail {

struct process_kernel {
  // A process's life.
  static bool settle(process& self, local_node& on, const spawn_options& options, std::unique_ptr<behaviour> body);
  static slice_end slice(process& self);
  static void end(process& self, exit_reason reason) noexcept;
  static time_point read_clock(process& self) { return self.read_clock(); }

  // Signals.
  static void take_signals(process& self);
  static void act(process& self, signal* received);
  [[nodiscard]] static bool has_alias(process& self, signal& received);
  static void append(process& self, signal* unread);
  static void insert_urgent(process& self, signal* unread);
  [[nodiscard]] static signal* unlink_message(process& self, signal** link) noexcept;
  [[nodiscard]] static signal* cut(process& self, signal** link) noexcept;
  static void take_exit(process& self, signal* received);
  static void take_link_exit(process& self, signal* received);
  static void take_unlink(process& self, signal* received);
  static void take_down(process& self, signal* received);
  static void take_monitor(process& self, signal* received);
  static void take_demonitor(process& self, signal* received);
  static void take_reply(process& self, signal* received);
  static void take_spawn_reply(process& self, signal* received);
  static void abandon_spawn(process& self, const call_record& record);
  static void answer_inspection(process& self, signal* received);

  // Mailboxes with a bound or high-water mark.
  [[nodiscard]] static bool meter(process_state& self, const spawn_options& options, const mailbox_limits& otherwise);
  static void take_metered(process& self, signal* received);
  [[nodiscard]] static bool drop_oldest(process& self) noexcept;
  [[nodiscard]] static bool is_metered(const signal& unread) noexcept {
    return (unread.flags & signal::metered) != 0 &&
           (unread.kind <= signal_kind::call || unread.kind == signal_kind::timer_message);
  }
  static void give_place_back(process_state& self, signal& taken) noexcept;
  /// For what goes another way than through the mailbox: it does not wait any more.
  static void forget_place(process_state& self, signal& taken) noexcept {
    if (is_metered(taken)) give_place_back(self, taken);
  }

  // Back-pressure.
  static void note_busy(process& self, atom node);
  /// Whether no connection is busy any more that was when the process wrote to it; else it is woken when that is so.
  [[nodiscard]] static bool drained(process& self);

  // Time.
  static void look_at_clock(process& self);
  static void fire_own_timers(process& self);
  [[nodiscard]] static time_point earliest(const process& self) noexcept;

 private:
  static bool advance(process& self);
  static bool take_arrived(process& self);
  static void resume(process& self, std::coroutine_handle<> suspended);
  static void die(process& self) noexcept;
  static void tell_watcher(process& self, signal* asked, const exit_reason& reason);
  static void tell_first_watcher(process& self, const exit_reason& reason);
  static void tell_relations(process& self, const exit_reason& reason);
  static void fail_callers(process& self, const exit_reason& reason);
  static void abandon_own(process& self);
  static void drop_code(process& self) noexcept;
  static slice_end retire(process& self) noexcept;
  static slice_end slice_of_zombie(process& self) noexcept;
};

/// Answers a signal that found nobody as Erlang does: `noproc` to monitors, links and calls; an acknowledgement to an
/// unlink.
void bounce(local_node& from, const destination& to, signal* envelope, const term& reason) noexcept;

/// The processes's facts for `process_info`.
[[nodiscard]] term describe(process& self);
/// What the process has not read, oldest first.
[[nodiscard]] term unread_messages(const process& self);
/// A signal of the mailbox as an Erlang process would see it.
[[nodiscard]] term message_term(const signal& received);

}  // namespace ergo::inline v0::detail
