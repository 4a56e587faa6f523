// The data of a process: what its slot holds. Touched only by the core that runs it, but for the inbox and the serial.
#pragma once

#include <ergo/clock.hpp>
#include <ergo/detail/schedulable.hpp>
#include <ergo/events.hpp>
#include <ergo/message.hpp>
#include <ergo/task.hpp>

#include <coroutine>
#include <cstdint>
#include <memory>
#include <vector>

namespace ergo::inline v0 {

class behaviour;
class process;
class local_node;
enum class exits : std::uint8_t;

namespace detail {

class mailbox_room;
struct process_extras;
struct process_state;
struct run_account;
struct runtime_state;

/// What a suspended process waits for. Lives in the suspended frame.
struct waiter {
  std::coroutine_handle<> handle;

  /// Whether the wait is over; asked in the process's slices. It may look at the mailbox and at the time.
  [[nodiscard]] virtual bool over(process& self) = 0;
  /// A message was put into the mailbox in front of others: `at` is the link that points to it.
  virtual void overtaken(signal** at) noexcept = 0;
  /// A message was taken out of the mailbox: what was behind it, at the link `gone`, is at `link` now.
  virtual void removed(signal** gone, signal** link) noexcept = 0;

 protected:
  ~waiter() = default;
};

/// A call of this process that has no answer yet. Lives in the awaiting frame or in a request-id collection.
struct call_record {
  call_record* next = nullptr;
  std::uint64_t ref = 0;
  pid target{};  ///< local server; no process where the call went to another node
  enum class state : std::uint8_t { waiting, answered, failed } status = state::waiting;
  bool remote = false;
  enum class question : std::uint8_t {
    call,     ///< a request to a server
    spawn,    ///< a wish for a process; answered with its pid, or the atom that says why there is none
    outcome,  ///< the same, but what counts is the exit reason of the process
  } asks = question::call;
  destination sent_to{pid{}};  ///< of an outcome: the process, once it is known; before, its node
  term answer;                 ///< the answer, or the exit reason
};

/// Something outside of the process that will report into its frames: a side-pool job, an Asio operation.
///
/// While one is under way the process's frames are not destroyed. `finished` may be called by any thread, exactly once.
class external_operation {
 public:
  virtual ~external_operation() = default;
  /// Asks the operation to end early; called on the process's thread when the process dies or loses interest.
  virtual void cancel() noexcept = 0;

  external_operation* next = nullptr;  ///< in the list of the process
  bool done = false;                   ///< set in the process's slice after `finished`

  /// Reports the end; the process sees `done` in one of its next slices.
  void finished() noexcept;

 private:
  friend class ergo::process;
  signal ended_{};
  process_state* owner_ = nullptr;
};

// In cache lines: what senders touch, what each slice does, the rest.
struct process_state : schedulable {
  /// In `tenant`: whoever lived here has gone, or nobody has lived here yet.
  static constexpr std::uint64_t gone_mark = std::uint64_t{1} << 63;
  /// In `tenant`: messages are counted in `room_`. Senders that compare with a pid find the difference there, so that
  /// sending to anybody else costs nothing more.
  static constexpr std::uint64_t metered_mark = std::uint64_t{1} << 62;

  // Identity. The tenant is read by senders on other threads.
  std::atomic<bool> wake_pending_{false};
  std::uint32_t slot = 0;
  std::atomic<std::uint64_t> tenant{gone_mark};  // node index and serial of who lives here
  pid id_{};

  // Unread messages, oldest first.
  signal* first_ = nullptr;
  signal** last_link_ = &first_;
  std::size_t unread_ = 0;
  std::unique_ptr<mailbox_room> room_;  // made for the first tenant that needs it; senders may look at it ever after

  // Running code.
  std::unique_ptr<behaviour> body_;
  waiter* waiting_ = nullptr;
  worker* worker_ = nullptr;
  local_node* node_ = nullptr;
  promise_base* innermost_ = nullptr;
  std::coroutine_handle<> root_;
  std::uint32_t work_done_ = 0;  // steps in this slice
  std::uint32_t sent_ = 0;       // messages in this slice
  enum class life : std::uint8_t { unused, starting, running, dying, zombie } life_ = life::unused;
  ergo::exits exits_{};
  bool now_known_ = false;
  bool time_is_up_ = false;  // of the present wait
  bool yields_ = false;      // ends the slice although there is more to do
  bool held_up_ = false;     // wrote to a busy connection
  bool root_started_ = false;
  bool metered_ = false;  // `room_` is this tenant's
  bool quiet_ = false;    // its end is no crash, whatever the reason

  // Time.
  time_point now_{};
  time_point deadline_ = time_point::max();  // of the present wait or idle timeout
  time_point armed_ = time_point::max();     // earliest entry on some core's timer heap

  // Relations.
  std::uint64_t next_ref_ = 1;
  call_record* calls_ = nullptr;
  struct open_call {
    std::uint64_t ref;
    pid from;
  };
  std::vector<open_call> open_calls_;  // local calls taken from the mailbox and not answered yet
  external_operation* operations_ = nullptr;
  signal* watcher_ = nullptr;  // the monitor signal of one who watches; those of others are in the extras
  std::unique_ptr<process_extras> extras_;
  atom name_;
  pid group_leader_{};
  mutable term parent_;     // pid or name; `[]` once it is in the list of ancestors
  mutable term ancestors_;  // without `parent_`, where there is one
  term initial_call_;
  exit_reason dying_of_;
  signal_head wake_signal_{};         // pushed like a whole one: a `wake` is nothing but its head
  std::unique_ptr<run_account> ran_;  // null unless run times are measured

  /// Makes the process look at its timers and deadline. Any thread; nothing happens if `serial` is not the tenant's.
  void wake_up(std::uint32_t serial) noexcept;
  /// From now on nobody is found here. Only the process writes its tenant, so that this is a plain store.
  void leave_tenant() noexcept {
    tenant.store(tenant.load(std::memory_order_relaxed) | gone_mark, std::memory_order_release);
  }
  [[nodiscard]] static constexpr std::uint64_t tenant_of(const pid& process) noexcept {
    return (std::uint64_t{process.node.index()} << 32) | process.serial;
  }
  /// The same of a value of `tenant`, whatever its mailbox; one who has gone equals nobody.
  [[nodiscard]] static constexpr std::uint64_t identity_in(std::uint64_t tenant) noexcept {
    return tenant & ~metered_mark;
  }

  process_state() noexcept;
  process_state(const process_state&) = delete;
  process_state& operator=(const process_state&) = delete;

 protected:
  ~process_state();
};

}  // namespace detail
}  // namespace ergo::inline v0
