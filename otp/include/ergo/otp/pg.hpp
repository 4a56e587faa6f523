// Process groups that span a cluster, compatible with OTP's `pg`: any number of processes of any nodes under one name,
// known everywhere, without a leader and without locks.
//
// A *scope* is a process of that name on each node that takes part; scopes of the same name find each other over
// connections between visible nodes (Erlang's `pg:start_link(Scope)`, Phoenix.PubSub's `Elixir.Phoenix.PubSub`). Two
// nodes of one program have no connection, so their scopes stay apart.
#pragma once

#include <ergo/otp/call.hpp>
#include <ergo/otp/supervisor.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <map>
#include <span>
#include <vector>

namespace ergo::inline v0::otp {

/// The order of Erlang's map keys, for maps whose keys are terms: 1 and 1.0 are two keys.
struct term_order {
  bool operator()(const term& left, const term& right) const noexcept { return etf::compare_exact(left, right) < 0; }
};

/// What came of joining or leaving a group.
enum class pg_answer : std::uint8_t {
  ok,
  not_joined,  ///< none of those that were to leave was in the group
  nolocal,     ///< not all of them are processes of the node whose scope was asked; nothing has changed
};
BOOST_DESCRIBE_ENUM(pg_answer, ok, not_joined, nolocal)

/// What happened to a group.
enum class pg_change : std::uint8_t { join, leave };
BOOST_DESCRIBE_ENUM(pg_change, join, leave)

/// Processes have joined or left a group, as whoever monitors it receives: `{Ref, join | leave, Group, Pids}`.
struct pg_event {
  reference ref;  ///< what `monitor` or `monitor_scope` has answered
  pg_change change{};
  term group;
  std::vector<pid> members;  ///< those that have joined or left; one that has joined twice is in the group twice

  static constexpr auto etf_shape = etf::as_tuple;
};
BOOST_DESCRIBE_STRUCT(pg_event, (), (ref, change, group, members))

/// The members of a group at the moment from which changes are told.
struct pg_members {
  reference ref;
  std::vector<pid> members;

  static constexpr auto etf_shape = etf::as_tuple;
};
BOOST_DESCRIBE_STRUCT(pg_members, (), (ref, members))

/// All groups of a scope at the moment from which changes are told.
struct pg_groups {
  reference ref;
  std::map<term, std::vector<pid>, term_order> groups;

  static constexpr auto etf_shape = etf::as_tuple;
};
BOOST_DESCRIBE_STRUCT(pg_groups, (), (ref, groups))

/// One scope of process groups, by name; a group is any term.
///
/// A value of one word: the scope itself is a process, started with `start`, `start_link` or as a supervisor's `child`.
/// The functions that take a process ask the scope of that process's node and suspend it until the answer is there;
/// they fail as `otp::call` does, with `noproc` where the scope does not run. A change is known to the scope of this
/// node when the answer comes, to others as soon as they hear of it. A process that ends leaves all its groups; those
/// of a node leave when the connection to it is lost, and are there again when it is back.
class pg {
 public:
  pg() noexcept;  ///< the scope `pg`, which is that of `pg:join/2` and its like
  explicit pg(atom scope) noexcept : name_{scope} {}

  [[nodiscard]] atom name() const noexcept { return name_; }

  /// Starts the scope on this node, linked to the process that starts it; fails with `name_taken` where it runs.
  [[nodiscard]] start_awaiter start_link(process& self) const;
  /// The same from outside: see `otp::start(local_node&, …)`. Blocks.
  [[nodiscard]] ergo::result<pid> start(local_node& on) const;
  /// The scope as a child of a supervisor, with its name as id.
  [[nodiscard]] child_spec child() const;

  /// Makes `self`, or processes of its node, members of a group, once more each.
  template <typename Group>
  typed_call<pg_answer> join(process& self, const Group& group) const {
    return join(self, group, std::span<const pid>{&self.id(), 1});
  }
  template <typename Group>
  typed_call<pg_answer> join(process& self, const Group& group, std::span<const pid> who) const {
    return ask<pg_answer>(self, etf::tuple("join_local"_atom, ergo::detail::as_term(group), list_of(who)));
  }
  /// Takes `self`, or processes of its node, out of a group, each as often as it is named.
  template <typename Group>
  typed_call<pg_answer> leave(process& self, const Group& group) const {
    return leave(self, group, std::span<const pid>{&self.id(), 1});
  }
  template <typename Group>
  typed_call<pg_answer> leave(process& self, const Group& group, std::span<const pid> who) const {
    return ask<pg_answer>(self, etf::tuple("leave_local"_atom, ergo::detail::as_term(group), list_of(who)));
  }

  /// The members of a group on all nodes, in no particular order.
  template <typename Group>
  typed_call<std::vector<pid>> members(process& self, const Group& group) const {
    return ask<std::vector<pid>>(self, etf::tuple("get_members"_atom, ergo::detail::as_term(group)));
  }
  /// Those of this node.
  template <typename Group>
  typed_call<std::vector<pid>> local_members(process& self, const Group& group) const {
    return ask<std::vector<pid>>(self, etf::tuple("get_local_members"_atom, ergo::detail::as_term(group)));
  }
  /// The groups that have members.
  typed_call<std::vector<term>> groups(process& self) const;
  /// The groups that have members on this node.
  typed_call<std::vector<term>> local_groups(process& self) const;

  /// Tells `self` of everybody who joins or leaves a group from now on, and who is in it now: a `pg_event` each, to
  /// receive or to match in `infos`.
  template <typename Group>
  typed_call<pg_members> monitor(process& self, const Group& group) const {
    return ask<pg_members>(self, etf::tuple("monitor"_atom, ergo::detail::as_term(group)));
  }
  /// The same for all groups.
  typed_call<pg_groups> monitor_scope(process& self) const;
  /// Takes a monitor of either kind back; false when there was none. What is in the mailbox stays there.
  typed_call<bool> demonitor(process& self, const reference& watch) const;

 private:
  template <typename T>
  [[nodiscard]] typed_call<T> ask(process& self, term request) const {
    return typed_call<T>{self, destination{name_}, std::move(request), forever};
  }
  [[nodiscard]] static term list_of(std::span<const pid> who);

  atom name_;
};

}  // namespace ergo::inline v0::otp
