// Names and locks of a whole cluster, compatible with OTP's `global`: one process per name wherever it runs, known on
// every node, and locks that one holder at a time has on all nodes.
//
// The process `global_name_server` of each node keeps a copy of all names and comes to terms with those of the nodes
// that are connected and visible; `ergo::kernel` starts it. Names are changed under a lock on all of them, so that a
// registration takes a round trip to every node; to look one up takes none.
#pragma once

#include <ergo/otp/call.hpp>
#include <ergo/otp/supervisor.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace ergo::inline v0::otp {

/// A name of the cluster, which may be any term: `{global, Name}` of OTP.
class global_name {
 public:
  template <typename Name>
    requires(!std::same_as<Name, global_name>)
  explicit global_name(const Name& name) : value_{ergo::detail::as_term(name)} {}

  [[nodiscard]] const term& value() const noexcept { return value_; }

 private:
  term value_;
};

namespace global {

/// How the name server of a node works; every member may be left out.
struct options {
  options() = default;

  /// Whether members part with a node that one of them has lost, so that partitions do not overlap; must be the same
  /// on all nodes. As `kernel`'s `prevent_overlapping_partitions`.
  bool prevent_overlapping_partitions = true;
  /// Ends the connection to a node, such as `ergo::node::disconnect`; called by the server, must not block. Without it
  /// nodes are forgotten that should go, but stay connected.
  std::function<void(atom node)> disconnect;
  /// Processes that are not killed because two have one name, and only lose it, such as services of the node. `peer` is
  /// the node with whose names ours were compared; the process may be of any node. Called by the server; must not
  /// block. Without it there are none.
  std::function<bool(const pid& process, atom peer)> spares;
  std::uint64_t seed = 0;  ///< of random waits; 0: another one at each start
  /// A server that a supervisor has started again (`child`) has nothing in common with the others: it ends the
  /// connections that stand (by `disconnect`) and makes them again, after this time and, as often as one fails or is
  /// ended by the other side, after twice as long, ...
  std::chrono::milliseconds rejoin_pause{1'000};
  std::chrono::milliseconds rejoin_window{30'000};  ///< ... until this time is over
};

/// Starts the name server of this node, linked to the process that starts it; fails with `name_taken` where it runs.
[[nodiscard]] start_awaiter start_link(process& self, const options& chosen = {});
/// The same from outside: see `otp::start(local_node&, …)`. Blocks.
[[nodiscard]] ergo::result<pid> start(local_node& on, const options& chosen = {});
/// The name server as a child of a supervisor.
[[nodiscard]] child_spec child(const options& chosen = {});

/// What is done with two processes that have one name when their partitions meet: Erlang's `Resolve` function, which is
/// called with the name and both pids and says who keeps it.
class method {
 public:
  /// One of the two is killed: `fun global:random_exit_name/3`, the default.
  [[nodiscard]] static method exit_one();
  /// One of the two loses the name and is sent `{global_name_conflict, Name}`: `fun global:random_notify_name/3`.
  [[nodiscard]] static method notify_one();
  /// Both lose the name and are sent `{global_name_conflict, Name, OtherPid}`: `fun global:notify_all_name/3`.
  [[nodiscard]] static method notify_all();
  /// `fun Module:Function/3`, called on the node of the process that was registered with it: a function that this node
  /// provides (`ergo::node::provide`), or one of Erlang. It is given `Name`, `Pid`, `Pid` and answers with one of the
  /// pids, or with `none`: then nobody keeps the name.
  [[nodiscard]] static method function(atom module, atom name);

  [[nodiscard]] const term& value() const noexcept { return value_; }

 private:
  explicit method(term value) noexcept : value_{std::move(value)} {}
  term value_;
};

/// What came of a registration.
enum class answer : std::uint8_t {
  yes,
  no,  ///< the name is somebody else's, or the process has another name
};
BOOST_DESCRIBE_ENUM(answer, yes, no)

// The functions that take a process ask the name server of its node and suspend the process until the answer is there;
// they fail as `otp::call` does, with `noproc` where no name server runs.

/// Gives `name` to a process of any node, on all nodes. A process has one name at most. The name is free again when the
/// process ends or its node is lost.
typed_call<answer> register_name(process& self, const global_name& name, const pid& who,
                                 const method& conflict = method::exit_one());
/// The same whoever had the name before.
typed_call<answer> re_register_name(process& self, const global_name& name, const pid& who,
                                    const method& conflict = method::exit_one());
/// Frees a name; nothing happens when nobody has it.
typed_call<void> unregister_name(process& self, const global_name& name);
/// Waits until this node and the visible nodes it is connected with know the same names.
typed_call<void> sync(process& self);

/// What the `init` of a server returns that is to be there once in the cluster: registers it, or refuses with
/// `{already_started, Pid}`, as `gen_server:start_link({global, Name}, …)`.
///
///   ergo::task<otp::result> init(ergo::process& self) { return otp::global::claim(self,
///   otp::global_name("bank"_atom)); }
task<result> claim(process& self, global_name name, method conflict = method::exit_one());

/// Who has a name, as this node knows it. Does not suspend. Any thread.
[[nodiscard]] std::optional<pid> whereis_name(const local_node& here, const global_name& name);
[[nodiscard]] std::optional<pid> whereis_name(const process& self, const global_name& name);
/// All names that this node knows, in the order of Erlang's map keys. Any thread.
[[nodiscard]] std::vector<term> registered_names(const local_node& here);

/// A name and who has it.
struct entry {
  term name;
  pid process;

  static constexpr auto etf_shape = etf::as_tuple;
};
BOOST_DESCRIBE_STRUCT(entry, (), (name, process))

/// All names at the moment from which changes are told.
struct names {
  reference ref;
  std::vector<entry> all;

  static constexpr auto etf_shape = etf::as_tuple;
};
BOOST_DESCRIBE_STRUCT(names, (), (ref, all))

/// What happened to a name.
enum class change : std::uint8_t {
  registered,  ///< `process` has it from now on, whoever had it before
  lost,        ///< nobody has it any more; `process` had it
};
BOOST_DESCRIBE_ENUM(change, registered, lost)

/// Who has a name has changed, as whoever follows names receives: `{Ref, registered | lost, Name, Pid}`.
struct event {
  reference ref;  ///< what `follow` has answered
  global::change change{};
  term name;
  pid process;

  static constexpr auto etf_shape = etf::as_tuple;
};
BOOST_DESCRIBE_STRUCT(event, (), (ref, change, name, process))

/// Tells `self` of every name that is registered or lost from now on, and which there are: an `event` each, to receive
/// or to match in `infos`.
typed_call<names> follow(process& self);
/// Tells no more; false when it did not. What is in the mailbox stays there.
typed_call<bool> unfollow(process& self, const reference& what);

/// What is locked, and on whose behalf: `{ResourceId, LockRequesterId}`. Whoever asks with an equal requester shares
/// the lock.
class lock_id {
 public:
  template <typename Resource, typename Requester>
  lock_id(const Resource& resource, const Requester& requester)
      : value_{etf::tuple(ergo::detail::as_term(resource), ergo::detail::as_term(requester))} {}

  [[nodiscard]] const term& value() const noexcept { return value_; }

 private:
  term value_;
};

/// Where a lock is set, and how often that is tried; every member may be left out.
struct lock_options {
  lock_options() = default;

  std::optional<std::vector<atom>> nodes;  ///< empty: this node and the visible ones it is connected with
  /// How often it is tried again when another requester has the lock: after up to 1/4 s at first, then twice as long up
  /// to 8 s, at random. Empty: until it is had.
  std::optional<unsigned> retries;
};

/// Locks `id` on all nodes at once; false when another requester has it and there are no retries left. The lock is held
/// until the process lets go or ends; on a node that it is cut off from, until then. A node without a
/// name server does not count, unless it is this one: `noproc`.
task<ergo::result<bool>> set_lock(process& self, lock_id id, lock_options how = {});
/// Lets go, on the nodes of `how`. Nothing happens where the process does not have the lock.
task<> del_lock(process& self, lock_id id, lock_options how = {});

namespace detail {
[[nodiscard]] std::vector<atom> nodes_for_lock(process& self, const lock_options& how);
}  // namespace detail

/// Runs `body(self)`, a `task`, while the process has the lock, and returns its value; fails with `timeout` when the
/// lock was not to be had, and otherwise as `set_lock`. What the body throws is thrown here, after the lock is free.
template <std::invocable<process&> Body>
auto trans(process& self, lock_id id, Body body, lock_options how = {})
    -> task<ergo::result<typename std::invoke_result_t<Body, process&>::value_type>> {
  how.nodes = detail::nodes_for_lock(self, how);  // the same for both ends, whoever comes or goes meanwhile
  const auto held = co_await set_lock(self, id, how);
  if (!held) co_return std::unexpected{held.error()};
  if (!*held) co_return fail(errc::timeout);
  using value_type = typename std::invoke_result_t<Body, process&>::value_type;
  ergo::result<value_type> value = fail(errc::cancelled);
  std::exception_ptr thrown;
  try {
    if constexpr (std::is_void_v<value_type>) {
      co_await body(self);
      value = {};
    } else {
      value = co_await body(self);
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  co_await del_lock(self, id, how);
  if (thrown) std::rethrow_exception(thrown);
  co_return value;
}

/// Sends to whoever has the name, and returns who that is; `noproc` when nobody has it.
template <typename Content>
ergo::result<pid> send(process& self, const global_name& name, const Content& content) {
  const auto found = whereis_name(self, name);
  if (!found) return fail(errc::noproc);
  self.send(*found, content);
  return *found;
}

/// The names of the cluster as a place for `start_options::as`: `gen_server:start({global, Name}, …)`.
[[nodiscard]] const name_service& service() noexcept;

/// Where a call by name goes; to nobody, when nobody has it.
[[nodiscard]] destination resolve(const process& self, const global_name& name);

}  // namespace global

/// Calls the server that has a name of the cluster: see `call(process&, const destination&, …)`. Fails with `noproc`
/// when nobody has it.
template <typename T = term, typename Request>
typed_call<T> call(process& self, const global_name& to, Request&& request, duration timeout = default_call_timeout) {
  return call<T>(self, global::resolve(self, to), std::forward<Request>(request), timeout);
}

/// Sends a cast to the server that has a name of the cluster; it is lost when nobody has it.
template <typename Content>
ergo::detail::send_awaiter cast(process& self, const global_name& to, Content&& content) {
  return cast(self, global::resolve(self, to), std::forward<Content>(content));
}

}  // namespace ergo::inline v0::otp
