// A node of an Erlang cluster in this program: found by others through the port mapper, connected to them, its
// processes reachable from them.
#pragma once

#include <ergo/connected_nodes.hpp>
#include <ergo/function.hpp>
#include <ergo/node_figures.hpp>
#include <ergo/node_options.hpp>
#include <ergo/runtime.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0 {

namespace detail {
class node_state;
}  // namespace detail

/// A node came or went. Strictly alternating per node: up before any of its traffic, down after all of it.
struct node_event {
  enum class kind : std::uint8_t { up, down };
  kind what = kind::up;
  atom node;
  bool hidden = false;
  std::string reason;            ///< one clause, of a `down`
  std::uint64_t connection = 0;  ///< distinguishes the connections that a node makes while it lives
};

/// A function for the callers that have all of `needed`.
struct graded_function {
  right needed = right::call;
  remote_function body;
};

/// Called on a thread of the node; must not block.
using node_observer = std::function<void(const node_event&)>;

/// Ends a subscription when it is destroyed. Move-only; may outlive the node.
class [[nodiscard]] subscription {
 public:
  subscription() noexcept = default;
  explicit subscription(std::shared_ptr<void> held) noexcept : held_{std::move(held)} {}

 private:
  std::shared_ptr<void> held_;
};

/// A node. Stops when it is destroyed; must be destroyed before its runtime. Any thread, unless said otherwise.
class node {
 public:
  /// Starts a node on a runtime whose cores are reactors (`ergo::networked`): listens, registers at the port mapper,
  /// answers pings.
  ///
  /// Blocks; outside threads only. Errors: `badarg` with a sentence as context (name, cookie, address, port mapper),
  /// `name_taken`; `nodedown` when `node_options::named_by` cannot be connected (see `connect_failure_of`).
  [[nodiscard]] static result<std::unique_ptr<node>> start(ergo::runtime& on, node_options options);
  /// The same with a runtime of its own, which ends with the node.
  [[nodiscard]] static result<std::unique_ptr<node>> start(node_options options, runtime_options runtime = {});
  ~node();
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  [[nodiscard]] ergo::runtime& runtime() const noexcept;
  [[nodiscard]] local_node& local() const noexcept;
  [[nodiscard]] atom name() const noexcept;
  /// Which incarnation of its name this is.
  [[nodiscard]] std::uint32_t creation() const noexcept;
  /// The TCP port it listens at.
  [[nodiscard]] std::uint16_t port() const noexcept;

  /// Connects to a node and waits for it; at once when it is connected. Outside threads only. Errors: `nodedown`, about
  /// which `connect_failure_of` tells which step failed and how to cure it; `timeout`; `badarg`; `not_alive` when the
  /// node has lost the name that another one gave it (`node_options::named_by`).
  result<void> connect(std::string_view peer, duration timeout = std::chrono::seconds{15});
  /// Starts to end a connection: what was sent is written, then links and monitors over it get `noconnection`. What is
  /// sent afterwards waits for the next connection and makes it. False when there is none.
  bool disconnect(std::string_view peer);
  [[nodiscard]] std::vector<atom> nodes(node_set which = node_set::visible) const;
  [[nodiscard]] bool is_connected(std::string_view peer) const;
  /// Tells of nodes that come and go from now on, until the subscription ends. A call that another thread has begun
  /// when it ends goes on (with a copy of the observer): let the observer own, or share, what it uses.
  subscription subscribe(node_observer observer);
  /// The counters of a connection that is up.
  [[nodiscard]] std::optional<connection_counters> counters(std::string_view peer) const;
  /// What the node holds, and what it has counted since it started: refused callers, broken rules, lost connections and
  /// the like, each by its reason. Costs a look at each connection; any thread, also after the node has stopped.
  [[nodiscard]] node_figures figures() const;

  /// Spawns a process on this node: see `runtime::spawn`.
  template <typename Body, typename... Argument>
    requires std::invocable<Body&, process&, Argument...>
  result<pid> spawn(Body body, Argument... argument) {
    return runtime().spawn(local(), spawn_options{}, make_body(std::move(body), std::move(argument)...));
  }
  result<pid> spawn(const spawn_options& options, std::unique_ptr<behaviour> body) {
    return runtime().spawn(local(), options, std::move(body));
  }
  [[nodiscard]] std::optional<pid> whereis(atom process) const noexcept { return local().whereis(process); }
  /// Sends from outside, as `Dest ! Content`. Never blocks.
  void send(const destination& to, term content);

  /// Provides a function to `rpc`, `erpc` and `spawn/4` of other nodes and of this one: a lambda, function object or
  /// function such as `[](std::int64_t a, std::int64_t b) { return a + b; }`, whose parameters tell arity and types. A
  /// leading `process&` is the process that runs it, one for each call; a `task` may suspend it.
  ///
  /// Arguments of other types end the call with `badarg`; an `ergo::result` that holds an error, or an exception
  /// (`{exception, Text}`), with an error; `self.exit(Reason)` with an exit. Called by several processes at once.
  /// Errors: `already_present`; `badarg`, `system_limit` for names that are no atoms. Any thread.
  template <typename Callable>
  [[nodiscard]] result<provided_function> provide(std::string_view module, std::string_view function, Callable body) {
    static_assert(!detail::takes_terms<Callable>, "ergo: say how many terms it takes: provide(module, name, arity, f)");
    return provide_erased(module, function, arity_of<Callable>, detail::erase_function(std::move(body)));
  }
  /// The same for a function that takes its arguments as they are: `process&` (or nothing) and
  /// `std::span<const term>`, which is valid until it has returned.
  template <typename Callable>
  [[nodiscard]] result<provided_function> provide(std::string_view module, std::string_view function, std::size_t arity,
                                                  Callable body) {
    static_assert(detail::takes_terms<Callable>, "ergo: the parameters tell the arity: provide(module, name, f)");
    return provide_erased(module, function, arity, detail::erase_function(std::move(body)));
  }
  /// The same for a function that does something else for each kind of caller: the first of `grades` runs whose right
  /// the caller has; one that has none of them is refused. `arity` tells how many terms the list of arguments has.
  [[nodiscard]] result<provided_function> provide_graded(std::string_view module, std::string_view function,
                                                         std::size_t arity, std::vector<graded_function> grades);
  /// Provides a function no longer: later calls end with `undef`, those that have begun go on. False when it was not
  /// there any more. Any thread.
  bool revoke(provided_function which);
  /// The same by name; false for what the program has not provided.
  bool revoke(std::string_view module, std::string_view function, std::size_t arity);

  /// Reads the files of `node_options::tls` again, for the connections that begin from now on; those that are up stay.
  ///
  /// Blocks on the files; any thread. Errors: `badarg` with a sentence as context, and everything stays as it was.
  result<void> reload_tls();
  /// The same with other options instead of those that the node has.
  result<void> reload_tls(const tls_options& next);

  /// Traces what is named, in addition; see `node_options::on_trace`.
  void trace(trace_category categories) noexcept;
  /// Traces no longer what is named.
  void untrace(trace_category categories) noexcept;

  /// Ends the node's processes with `shutdown` (with `kill` after `grace`), writes what is queued, closes everything,
  /// frees the name.
  ///
  /// Idempotent. Called on one of the runtime's own threads, or in a handler of `node_options::executor`, it only
  /// starts that and returns.
  void stop(duration grace = std::chrono::seconds{5});
  /// Waits for SIGTERM or SIGINT and stops; a second signal ends the program at once. Outside threads only; returns the
  /// signal.
  ///
  /// `init:stop/0`, `halt/0` and the end of a permanent application raise SIGTERM: a program that does not wait here
  /// must handle it. `stop` elsewhere does not end this wait; `std::raise(SIGTERM)` does.
  int run_until_signal(duration grace = std::chrono::seconds{5});

  [[nodiscard]] const std::shared_ptr<detail::node_state>& shared_state() const noexcept { return state_; }

 private:
  node() = default;
  [[nodiscard]] result<provided_function> provide_erased(std::string_view module, std::string_view function,
                                                         std::size_t arity, remote_function body) {
    std::vector<graded_function> grades;
    grades.push_back({right::call, std::move(body)});
    return provide_graded(module, function, arity, std::move(grades));
  }

  std::unique_ptr<ergo::runtime> own_runtime_;
  std::shared_ptr<detail::node_state> state_;
};

}  // namespace ergo::inline v0
