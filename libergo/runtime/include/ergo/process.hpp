// A process: the handle through which its own code acts on itself and on others.
// Everything here is called by the process itself, on the thread that runs it; others reach it only by signals.
#pragma once

#include <ergo/behaviour.hpp>
#include <ergo/clock.hpp>
#include <ergo/connected_nodes.hpp>
#include <ergo/detail/awaiters.hpp>
#include <ergo/detail/process_state.hpp>
#include <ergo/message.hpp>
#include <ergo/spawn_options.hpp>
#include <ergo/task.hpp>

#include <concepts>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo::inline v0 {

class runtime;
class local_node;

namespace detail {
struct process_kernel;
/// A term of whatever the user sends.
template <typename T>
[[nodiscard]] term as_term(const T& content) {
  if constexpr (std::convertible_to<const T&, term>) {
    return term(content);
  } else {
    return etf::to_term(content);
  }
}
}  // namespace detail

/// A monitor that is active until its `down` is received or it is taken back with `demonitor`.
struct [[nodiscard]] monitor_ref {
  reference ref;
  friend bool operator==(const monitor_ref&, const monitor_ref&) = default;
};

/// A timer that has been started.
struct timer_ref {
  reference ref;
};

/// How long an alias holds.
enum class alias_use : std::uint8_t {
  until_dropped,  ///< until `drop_alias`, as `erlang:alias/0`
  one_message,    ///< until its first message, as `erlang:alias([reply])`
};

/// What a sender asks of whoever has an alias. Who made it for `priority`, as `erlang:alias([priority])` of OTP 28,
/// reads a `priority` message before the ordinary ones; everybody else takes it as ordinary.
enum class urgency : std::uint8_t { ordinary, priority };

/// Whether exit signals end this process or arrive as `exit_message`.
enum class exits : std::uint8_t { deadly, trapped };

/// What `demonitor` does about a `down` that has arrived already.
enum class demonitor_mode : std::uint8_t {
  keep,   ///< leaves it in the mailbox, as `erlang:demonitor/1`
  flush,  ///< removes it, as `erlang:demonitor(Ref, [flush])`
};

/// The completion token of a process: see `process::use`.
struct asio_token {
  process* self;
};

/// A process seen by itself.
///
/// Not thread-safe and not to be kept beyond the body's life: all calls are made by the code of this process, within
/// its slices. Operations that "suspend" are awaited; everything else returns at once.
class process final : public detail::process_state {
 public:
  [[nodiscard]] const pid& id() const noexcept { return id_; }
  [[nodiscard]] ergo::runtime& runtime() const noexcept;
  [[nodiscard]] local_node& node() const noexcept { return *node_; }
  /// The registered name, or `''`.
  [[nodiscard]] atom name() const noexcept { return name_; }
  /// The time at which this slice began, or later; one clock read per slice. Waits and timers do not count from there
  /// but from the moment at which they are asked for.
  [[nodiscard]] time_point now();

  /// Sends `content` (a term or anything that converts to one). Never blocks and never fails; order per receiver is
  /// kept.
  ///
  /// The result may be ignored, or awaited: then a process that floods a busy connection waits, and one that has used
  /// up its slice yields. Who awaits nothing and puts more than `node_limits::slice` bytes on a busy connection gets an
  /// exit signal `{system_limit, Node}` when its slice ends; `try_send` refuses instead.
  template <typename T>
  detail::send_awaiter send(const destination& to, const T& content) {
    return send_term(to, detail::as_term(content));
  }
  /// Sends to whoever has an alias: a process of any node, or nobody any more, then the message is dropped. Otherwise
  /// as above.
  template <typename T>
  detail::send_awaiter send(const reference& alias, const T& content, urgency how = urgency::ordinary) {
    return send_over(alias, detail::as_term(content), how);
  }
  /// As `send`, for a message wrapped as `gen_server:cast/2` does.
  detail::send_awaiter send_cast(const destination& to, term content);
  /// As `send`, but refuses with `busy` when the connection to `to` is over its busy limit, and with `system_limit`
  /// when a mailbox of this program is full and did not take the message. What nobody gets vanishes.
  [[nodiscard]] result<void> try_send(const destination& to, term content);
  /// Answers a call; from any process, at most once. A late answer is dropped at the caller.
  void reply(const caller& to, term answer);

  /// Ends this process with `reason`, from any depth; destructors run, `terminate` of a server too.
  ///
  /// An exception that is no `std::exception`: `catch (...)` must throw it on, and a destructor or a `noexcept`
  /// function must not call this.
  [[noreturn]] void exit(exit_reason reason);
  /// Sends an exit signal, as `exit/2`: `kill` cannot be trapped and becomes `killed`.
  void exit(const pid& target, exit_reason reason);
  /// Sends an exit signal to whoever has an alias.
  void exit(const reference& alias, exit_reason reason, urgency how = urgency::ordinary);
  /// Chooses whether exit signals are deadly (the default) or trapped; returns what it was.
  exits trap_exits(exits mode) noexcept { return std::exchange(exits_, mode); }

  void link(const pid& other);    ///< as `link/1`; a dead `other` gives an exit signal `noproc`
  void unlink(const pid& other);  ///< as `unlink/1`: afterwards no exit signal of that link arrives
  /// Watches a process by pid or name; exactly one `down` follows, at once with `noproc` if it is not there.
  monitor_ref monitor(const destination& target);
  /// Takes a monitor back; false when it was not active any more.
  bool demonitor(const monitor_ref& watch, demonitor_mode mode = demonitor_mode::keep);
  /// Watches a node; one `node_down` follows when it goes, at once when it cannot be reached.
  void monitor_node(atom node);
  /// Takes one `monitor_node` of that node back.
  void demonitor_node(atom node);
  /// Tells this process of all nodes of a kind that come and go from now on, as `net_kernel:monitor_nodes/2`, and
  /// returns those that are connected already: a `node_up` before any message of the node, a `node_down` after the
  /// last and after the `down` of every monitor there. Asking again replaces what was asked for before.
  std::vector<atom> monitor_nodes(node_set which = node_set::visible);
  /// Tells no more; what is in the mailbox stays there.
  void demonitor_nodes();

  /// A reference by which any process of any node can send to this one until it is dropped: what comes later, however
  /// late, never reaches the mailbox. Its messages keep their place among those sent to the pid.
  ///
  /// With `heeded` = `priority`, those that were sent with priority, and trapped exit signals, go to the front of the
  /// mailbox, behind others of this kind. A wait that is under way sees them next.
  [[nodiscard]] reference make_alias(alias_use use = alias_use::until_dropped, urgency heeded = urgency::ordinary);
  /// Takes an alias of this process back; false when it was not active any more.
  bool drop_alias(const reference& alias) noexcept;

  /// A reference that is unique while this node lives.
  [[nodiscard]] reference make_ref();

  /// The next 64-bit reference value of this process, with `mark` set in it; for calls.
  [[nodiscard]] std::uint64_t next_reference(std::uint64_t mark) noexcept;

  /// Registers this process; fails with `name_taken` (also when it has a name already) or `badarg` for `undefined` and
  /// `''`.
  [[nodiscard]] result<void> register_name(atom name);
  void unregister_name() noexcept;

  /// Sends `content` to `to` after `delay`; at once if that is not positive, and never for `forever`.
  timer_ref send_after(duration delay, const destination& to, term content);
  /// As `send_after`, but sends `{timeout, Ref, Content}`, as `erlang:start_timer/3`.
  timer_ref start_timer(duration delay, const destination& to, term content);
  /// Stops a timer of this process and returns the time that was left, by `now`; empty when it went off or is unknown.
  std::optional<duration> cancel_timer(const timer_ref& timer);

  /// Suspends for `delay`; messages stay in the mailbox.
  [[nodiscard]] detail::sleep_awaiter sleep(duration delay) { return {*this, delay}; }
  /// Lets other runnable processes go first.
  [[nodiscard]] detail::sleep_awaiter yield() { return {*this, duration::zero()}; }

  /// Selective receive: suspends until a message is one of `T`, and leaves all others queued; gives up after `timeout`.
  ///
  /// Looks at each unread message once per wait, in order of arrival. `T` may be `message` (anything), `down`,
  /// `exit_message`, `node_up`, `node_down`, or a type that a plain message's term converts to.
  template <typename... T>
  [[nodiscard]] detail::receive_awaiter<T...> receive(duration timeout = forever) {
    return detail::receive_awaiter<T...>{*this, timeout};
  }
  /// The `down` of one monitor; gives up after `timeout`.
  ///
  /// Unread messages that are older than the monitor are not looked at, however many there are, as long as this process
  /// has made no other monitor since.
  [[nodiscard]] detail::down_awaiter receive(const monitor_ref& watch, duration timeout = forever) {
    return {*this, watch, timeout};
  }
  /// The next message, whatever it is.
  [[nodiscard]] detail::any_awaiter receive_any() { return detail::any_awaiter{*this}; }
  /// Selective receive with a predicate `bool(const message&)`.
  template <std::predicate<const message&> Predicate>
  [[nodiscard]] detail::predicate_awaiter<Predicate> receive_if(Predicate wanted, duration timeout = forever) {
    return {*this, std::move(wanted), timeout};
  }

  /// Runs `work` on a thread of the side pool and suspends meanwhile; its exceptions arrive here.
  ///
  /// `work` must not use the process. It cannot be stopped: when the process is killed, links and monitors hear of it
  /// at once, but the frames, and what `work` refers to in them, live until it returns. Work beyond
  /// `runtime_options::blocking_threads` waits for its turn.
  template <std::invocable Work>
  [[nodiscard]] detail::blocking_awaiter<Work> blocking(Work work) {
    return {*this, std::move(work)};
  }

  /// Awaits any Asio operation (include `<ergo/asio.hpp>`): `co_await socket.async_read_some(buffer, self.use())`.
  ///
  /// The operation completes on the reactor of the core that runs the process, which is resumed by the scheduler. Its
  /// result is what the handler would get: nothing, one value, or a tuple; error codes are values, nothing is thrown.
  /// Only an operation that cannot be started throws what its initiating function threw. When the process dies, the
  /// operation is cancelled and the frame lives until it has reported. A process that holds Asio objects is to be
  /// spawned `pinned`, and makes them on `reactor_of(self)`.
  [[nodiscard]] asio_token use() noexcept { return {this}; }

  /// Spawns a process on this node: see spawn.hpp. Where that is not possible (`system_limit`, `stopped`), this process
  /// ends with the reason; `try_spawn` gives it as an error.
  template <typename Body, typename... Argument>
    requires std::invocable<Body&, process&, Argument...>
  pid spawn(Body body, Argument... argument);
  template <typename Body, typename... Argument>
    requires std::invocable<Body&, process&, Argument...>
  pid spawn_link(Body body, Argument... argument);
  template <typename Body, typename... Argument>
    requires std::invocable<Body&, process&, Argument...>
  std::pair<pid, monitor_ref> spawn_monitor(Body body, Argument... argument);
  /// Spawns `body` with options; the behaviour may be an object or a coroutine.
  pid spawn(const spawn_options& options, std::unique_ptr<behaviour> body);
  /// As `spawn` with options, but fails with `system_limit`, `name_taken` or `stopped` instead of ending this process.
  [[nodiscard]] result<pid> try_spawn(const spawn_options& options, std::unique_ptr<behaviour> body);
  /// As `try_spawn`, for a behaviour that answers `start` (from `prepare_call`, calls.hpp) once it is ready; if it ends
  /// before, the record fails with its exit reason.
  [[nodiscard]] result<pid> spawn_for_call(detail::call_record& start, const spawn_options& options,
                                           std::unique_ptr<behaviour> body);

  [[nodiscard]] const pid& group_leader() const noexcept { return group_leader_; }
  void group_leader(const pid& leader) noexcept { group_leader_ = leader; }
  /// Gives another process, here or on another node, a group leader, as `erlang:group_leader/2`.
  void group_leader(const pid& leader, const pid& of);
  [[nodiscard]] const term& ancestors() const;                                       ///< pids or names, parent first
  [[nodiscard]] const term& initial_call() const noexcept { return initial_call_; }  ///< `{M, F, A}`
  [[nodiscard]] std::size_t unread() const noexcept { return unread_; }  ///< messages in the mailbox that nobody took

  /// What became of the messages sent to this process; `runtime::mailbox` tells others the same.
  [[nodiscard]] mailbox_counts mailbox() const noexcept;
  /// Messages that found the mailbox full and are lost; those that were refused are not among them.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return mailbox().dropped; }
  /// Calls and sends that found the mailbox full and failed with `{system_limit, mailbox}`.
  [[nodiscard]] std::uint64_t rejected() const noexcept { return mailbox().rejected; }

  /// Reports something that happened, structured: it reaches the runtime's event subscribers, and through them a
  /// logger.
  void log(log_level level, std::string_view text,
           std::initializer_list<std::pair<std::string_view, term>> fields = {});

  /// Announces an operation that will write into this process's frames; it must call `finished` exactly once.
  void begin_operation(detail::external_operation& operation) noexcept;

  // For behaviours.

  /// Makes `root` the running task: it starts when the behaviour's callback returns, and no message is given to the
  /// behaviour until it has ended. The behaviour owns the frame, must keep it until `task_ended`, and must not destroy
  /// it earlier.
  template <typename T>
  void run(std::coroutine_handle<detail::promise<T>> root) {
    adopt_root(root, root.promise());
  }
  /// Ends this process with `reason` as soon as the behaviour's present callback has returned; nothing more is given to
  /// it.
  void stop(exit_reason reason) noexcept;
  /// Calls `behaviour::idle_timeout` unless a message arrives within `delay`; `forever` takes it back.
  void set_idle_timeout(duration delay);

 private:
  friend struct detail::process_kernel;
  friend class ergo::runtime;

  std::pair<pid, monitor_ref> spawn_watched(std::unique_ptr<behaviour> body);
  /// Looks at the clock again: limits must not be shorter than asked for by what this slice has used already.
  time_point read_clock();
  detail::send_awaiter send_term(const destination& to, term content);
  detail::send_awaiter send_over(const reference& alias, term content, urgency how);
  detail::send_awaiter after_send(const destination& to);
  void adopt_root(std::coroutine_handle<> root, detail::promise_base& promise) noexcept;
  detail::slice_end run_slice(detail::worker& on) override;
  void before_wait(detail::core& on) override;
  [[nodiscard]] pid who() const noexcept override { return id_; }
  [[nodiscard]] atom called() const noexcept override { return name_; }
  [[nodiscard]] detail::run_account* time_account() noexcept override { return ran_.get(); }
};

}  // namespace ergo::inline v0
