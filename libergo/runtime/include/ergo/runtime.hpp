// The runtime of a program: cores, threads, processes, nodes.
#pragma once

#include <ergo/events.hpp>
#include <ergo/local_node.hpp>
#include <ergo/parker.hpp>
#include <ergo/slice_times.hpp>
#include <ergo/spawn.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace ergo::inline v0 {

namespace detail {
struct runtime_state;
}  // namespace detail

/// Widths of the identifiers that this program makes.
enum class compatibility : std::uint8_t {
  modern,  ///< pids of 28 + 32 bits, accepted by OTP 24 and newer
  otp23,   ///< pids of 15 + 13 bits, accepted by OTP 23 as well; they repeat after 268 million processes
};

/// Options of a runtime.
struct runtime_options {
  unsigned cores = 0;                            ///< 0: one per hardware thread
  std::size_t processes = std::size_t{1} << 24;  ///< at most so many at a time; 2^28 is the hard limit
  ergo::compatibility compatibility = ergo::compatibility::modern;
  duration takeover = std::chrono::milliseconds{10};    ///< a slice that runs longer loses its core to a spare thread
  duration slow_slice = std::chrono::milliseconds{50};  ///< a slice that runs longer is reported as an event
  unsigned spare_threads = 256;                         ///< at most so many threads beside the cores for late slices
  unsigned blocking_threads = 64;                       ///< at most so many threads of the side pool
  parker_factory make_parker;                           ///< how a core sleeps; empty: a condition variable
  const clock_source* clock = nullptr;                  ///< not owned; null: the steady clock
  event_handler on_event;                               ///< receives crashes, slow slices, log lines; empty: dropped
  bool measure_slices = false;                          ///< see `slice_times`; costs two to four clock reads a slice
  bool measure_run_time = false;  ///< of processes and behaviours, see `behaviour_usages`; two clock reads a slice
  mailbox_limits mailbox{};       ///< of all processes whose `spawn_options` say nothing else, servers of nodes too
  bool manual = false;            ///< no threads: the owner calls `step`; for simulation
};

/// Owns cores, threads and processes. Made and destroyed by a thread that is none of its own.
class runtime {
 public:
  explicit runtime(runtime_options options = {});
  ~runtime();  ///< stops what still runs, with a grace of 100 ms
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  [[nodiscard]] const runtime_options& options() const noexcept;
  /// The node without a name that every runtime has: `nonode@nohost`.
  [[nodiscard]] local_node& anonymous() noexcept;
  /// Adds a node with a name and creation.
  local_node& add_node(etf::node_id identity);
  /// The node of this program that `identity` names, or null.
  [[nodiscard]] local_node* find_node(etf::node_id identity) noexcept;
  /// The node of this program with that name, or null.
  [[nodiscard]] local_node* find_node_by_name(atom name) noexcept;

  /// Starts a process from outside. Any thread. Fails with `system_limit`, `name_taken` or `stopped`.
  result<pid> spawn(local_node& on, const spawn_options& options, std::unique_ptr<behaviour> body);
  template <typename Body, typename... Argument>
    requires std::invocable<Body&, process&, Argument...>
  result<pid> spawn(local_node& on, Body body, Argument... argument) {
    return spawn(on, spawn_options{}, make_body(std::move(body), std::move(argument)...));
  }
  /// Sends from outside. Any thread; never blocks.
  void send(const destination& to, term content) {
    anonymous().route(to, detail::make_signal(detail::signal_kind::message, pid{}, std::move(content)));
  }
  /// The same, and tells what became of it: fails with `system_limit` when a mailbox of this program is full and did
  /// not take the message, and with `noproc` when nobody is there.
  ///
  /// With `overflow::block_thread` the calling thread waits until there is room, and gives up with `timeout` after
  /// `limit`, or with `stopped` when the runtime stops. The runtime's own threads never wait, nor does anybody in
  /// manual mode; a thread that lends its event loop to a core must not wait for a process of that core.
  [[nodiscard]] result<void> send(const destination& to, term content, duration limit);
  void exit(const pid& target, exit_reason reason);

  /// Blocks the calling thread, which must not be one of the runtime's, until `process` has ended; fails with
  /// `timeout`, or with `stopped` when the runtime stops meanwhile.
  result<exit_reason> wait(const pid& process, duration timeout);
  [[nodiscard]] bool alive(const pid& process) const noexcept;
  /// What became of the messages sent to a live process; a moment's truth. Any thread.
  [[nodiscard]] mailbox_counts mailbox(const pid& process) const noexcept;
  /// What all mailboxes have dropped, rejected and redirected since the start. Any thread.
  [[nodiscard]] mailbox_counts mailbox_losses() const noexcept;
  [[nodiscard]] std::size_t process_count() const noexcept;
  /// The live processes of a node. A snapshot.
  [[nodiscard]] std::vector<pid> processes(const local_node& of) const;

  /// Ends all processes with `shutdown`, kills those left after `grace`, and ends the threads. Idempotent.
  ///
  /// Bounded: it returns within `grace` and 3 s, also when a callback or blocking job never returns. Then an event of
  /// kind `limit` names the process, and its thread is left behind with the memory it may touch; it runs no further
  /// callback and reaches neither the event handler, the clock nor the network. No event is delivered after the return.
  /// On one of the runtime's own threads, which cannot wait for itself, the processes are told to end and the call
  /// returns; another thread must complete the stop.
  void stop(duration grace = std::chrono::seconds{5});

  /// How long slices took, and how long processes waited for theirs, since the start. Any thread.
  [[nodiscard]] ergo::slice_times slice_times() const;
  /// Number of cores; core 0 is the one that outside work lands on.
  [[nodiscard]] unsigned cores() const noexcept;
  /// Runs `work` soon on the thread that has core `index`, between slices. Any thread.
  void post(unsigned index, std::move_only_function<void()> work);
  /// What a core sleeps with, as `make_parker` made it.
  [[nodiscard]] parker& parker_of(unsigned index) noexcept;
  void report(const event& happened) const;

  /// Manual mode: runs one slice of the runnable object that `choose(count)` picks; false when nothing is runnable.
  bool step(const std::function<std::size_t(std::size_t)>& choose);
  /// Manual mode: fires what is due on the clock; returns the time of the next timer.
  time_point fire_timers();

  [[nodiscard]] detail::runtime_state& state() noexcept { return *state_; }

 private:
  friend class process;
  friend struct detail::runtime_state;
  explicit runtime(detail::runtime_state& of) noexcept;
  struct parentage {
    ergo::process* process = nullptr;
    std::uint64_t start_call = 0;  // the parent's call that the new process answers when it is ready; 0 for none
    std::uint64_t watch = 0;       // the parent's monitor of it; 0 for none
  };
  result<pid> start_process(local_node& on, const spawn_options& options, std::unique_ptr<behaviour> body,
                            const parentage& parent);

  detail::runtime_state* state_;
  std::unique_ptr<detail::runtime_state>
      owned_;  // empty in the runtime that processes see, which is a part of the state
};

}  // namespace ergo::inline v0
