// A node as the runtime knows it: identity, registered names, and the way out to other nodes.
#pragma once

#include <ergo/connected_nodes.hpp>
#include <ergo/destination.hpp>
#include <ergo/detail/signal.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace ergo::inline v0 {

class runtime;
class process;

namespace detail {
class worker;
struct process_state;
}  // namespace detail

/// The way to processes on other nodes. Implemented by the node room; all members may be called by any thread.
class outbound {
 public:
  virtual ~outbound() = default;

  /// Carries `envelope` (owned from now on) to a process or name on another node, connecting if necessary.
  ///
  /// Kinds: message, cast, call, reply, link, unlink, unlink_ack, link_exit, exit, monitor, demonitor, down,
  /// group_leader, spawn_request (to the name `''` at a node). What cannot be delivered is answered as if the
  /// connection had been lost: calls and monitors with a `down` (noconnection), links and spawn requests with
  /// `noconnection`.
  virtual void deliver(const destination& to, detail::signal* envelope) noexcept = 0;

  /// Whether the connection to `node` is over its busy limit for `sender`.
  [[nodiscard]] virtual bool busy(atom node, const pid& sender) const noexcept = 0;
  /// Makes `waiting` runnable (a `wake` signal) when the connection to `node` is not busy for it any more; at once if
  /// it is not busy now.
  virtual void wake_when_drained(atom node, const pid& waiting) noexcept = 0;

  /// Watches a node for a process: a `node_down` signal follows when it goes or cannot be reached. Counted per process.
  virtual void monitor_node(const pid& watcher, atom node) noexcept = 0;
  virtual void demonitor_node(const pid& watcher, atom node) noexcept = 0;
};

/// One node of the program: its name and creation, its registered names, its processes' way out.
///
/// Owned by the runtime and never freed while it lives. Any thread.
class local_node {
 public:
  local_node(runtime& owner, etf::node_id identity);
  ~local_node();
  local_node(const local_node&) = delete;
  local_node& operator=(const local_node&) = delete;

  [[nodiscard]] ergo::runtime& owner() const noexcept { return runtime_; }
  /// The present identity: `nonode@nohost` until the node room names it.
  [[nodiscard]] etf::node_id identity() const noexcept {
    return etf::node_id::from_index(identity_.load(std::memory_order_acquire));
  }
  [[nodiscard]] atom name() const noexcept { return identity().name(); }
  /// Names the node. Only before its first process.
  void rename(etf::node_id identity) noexcept { identity_.store(identity.index(), std::memory_order_release); }
  /// Connects the node to the network; null takes it off. Not owned; must stay valid until the runtime has stopped.
  void connect(outbound* way) noexcept { outbound_.store(way, std::memory_order_release); }
  [[nodiscard]] outbound* way_out() const noexcept { return outbound_.load(std::memory_order_acquire); }

  /// The nodes it is connected with: what `nodes()` tells in Erlang.
  [[nodiscard]] connected_nodes& connected() noexcept { return connected_; }
  [[nodiscard]] const connected_nodes& connected() const noexcept { return connected_; }

  /// The process of this program that a destination names now; empty for other programs, and where nobody has the name.
  [[nodiscard]] std::optional<pid> find_here(const destination& to) const noexcept;
  /// The process that is registered as `name`. Lock-free.
  [[nodiscard]] std::optional<pid> whereis(atom name) const noexcept;
  /// Registers a process of this node; fails with `name_taken` or `badarg`.
  [[nodiscard]] result<void> register_name(atom name, const pid& process);
  /// Frees `name` if `process` has it.
  void unregister_name(atom name, const pid& process) noexcept;
  /// All registered names with their pids, in no order.
  [[nodiscard]] std::vector<std::pair<atom, pid>> registered() const;

  /// Sends a signal (owned from now on) to a process or name, here or elsewhere. What finds nobody is answered as
  /// Erlang does.
  void route(const destination& to, detail::signal* envelope) noexcept;
  /// The same, to a process of this program only; what finds nobody is answered through `route`.
  void route_local(const pid& to, detail::signal* envelope) noexcept;
  /// As `route`, and tells what a mailbox of this program did: `system_limit` if it was full, `noproc` if there is
  /// none. What leaves the program succeeds.
  [[nodiscard]] result<void> try_route(const destination& to, detail::signal* envelope) noexcept;

  /// Sends a message or exit signal (owned from now on) that has `alias` in its tag to whoever has it; nobody is told
  /// when nobody has.
  void route_over(const reference& alias, detail::signal* envelope) noexcept;

  /// A reference that is unique while this node lives, for callers that are no process.
  [[nodiscard]] reference make_ref() noexcept;
  /// The process that a reference made by `process::make_ref` or a call belongs to, when it is one of this node's.
  [[nodiscard]] std::optional<pid> owner_of(const reference& ref) const noexcept;
  /// Whether a reference of this program belongs to a call: an answer to it is a `reply`, and never a message.
  [[nodiscard]] static bool is_call(const reference& ref) noexcept;

 private:
  friend struct detail::process_state;
  struct name_chunk;
  [[nodiscard]] std::atomic<std::uint64_t>* entry(atom name, bool create) const;

  ergo::runtime& runtime_;
  std::atomic<std::uint32_t> identity_;
  std::atomic<outbound*> outbound_{nullptr};
  std::atomic<std::uint64_t> next_ref_{1};
  std::unique_ptr<std::atomic<name_chunk*>[]> names_;
  connected_nodes connected_{*this};
};

}  // namespace ergo::inline v0
