// A scope of pg without its process: what members, peers and nodes do goes in, what is to be sent and watched comes
// out. The protocol is that of OTP's pg.erl in version 0, which every release understands; version 1 (OTP 29) is
// understood when it comes.
#pragma once

#include <ergo/otp/pg.hpp>

#include <map>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace ergo::inline v0::otp::detail {

/// The order of pids, for tables that are walked in the same order in every run.
struct pid_order {
  bool operator()(const pid& left, const pid& right) const noexcept { return etf::compare(left, right) < 0; }
};

/// Pids as the messages of pg have them.
[[nodiscard]] term list_of(std::span<const pid> who);

namespace pg_action {

/// Send a message, but make no connection for it: who is not connected learns everything when that is so.
struct send {
  destination to;
  term message;
};
/// The same, wrapped as a cast.
struct cast {
  destination to;
  term message;
};
/// Watch a process, and say so when it ends (`ended`); never one that is watched already.
struct watch {
  pid whom;
};
/// Watch it no more.
struct unwatch {
  pid whom;
};

}  // namespace pg_action

using pg_command = std::variant<pg_action::send, pg_action::cast, pg_action::watch, pg_action::unwatch>;
using pg_commands = std::vector<pg_command>;

/// Who is in which group of one scope, here and elsewhere, and who wants to know. Not thread-safe.
///
/// What each peer has said is kept apart, so that its loss takes exactly its members along. A process that has joined a
/// group several times is in it as often.
class pg_scope {
 public:
  using members = std::vector<pid>;

  /// `self` = the scope process, registered as `name`.
  pg_scope(atom name, const pid& self) : name_{name}, self_{self} {}

  /// What is to be done because of all that was said since it was last taken, in order.
  [[nodiscard]] pg_commands take() { return std::exchange(out_, {}); }

  // The processes of this node.

  void join(const term& group, std::span<const pid> who);
  /// Each of `who` leaves once; false when none of them was in the group.
  bool leave(const term& group, std::span<const pid> who);

  // Other nodes.

  void node_up(atom node);
  /// A message of a peer: `discover`, `sync`, `join`, `leave`, and those of version 1. False when it is none of these,
  /// or malformed; then it has changed nothing.
  bool receive(const term& message);
  /// A watched process has ended, or its node has gone.
  void ended(const pid& who);

  // Subscribers, who are sent `{Ref, join | leave, Group, Pids}`.

  void subscribe_all(const reference& ref, const pid& who) { everything_.push_back({ref, who}); }
  void subscribe(const term& group, const reference& ref, const pid& who);
  /// False when there was no such subscription.
  bool unsubscribe(const reference& ref);

  // What is there. Groups without members are not.

  [[nodiscard]] members all(const term& group) const;
  [[nodiscard]] members local(const term& group) const;
  [[nodiscard]] term groups() const;        ///< a list
  [[nodiscard]] term local_groups() const;  ///< a list
  [[nodiscard]] term everything() const;    ///< `#{Group => Pids}`

 private:
  struct group_entry {
    members all;
    members local;
  };
  struct peer {
    bool told = false;  // knows our members: only then it is told of changes
    std::map<term, members, term_order> groups;
  };
  struct subscriber {
    reference ref;
    pid who;
  };
  enum class change : std::uint8_t { join, leave };

  bool discovered(std::span<const term> parts);
  bool synchronised(const term& from, std::map<term, members, term_order> groups);
  bool joined(std::span<const term> parts);
  bool left(std::span<const term> parts);
  bool updated(std::span<const term> parts);
  peer& peer_for(const pid& who);
  void add(peer& of, const term& group, const members& who);
  void remove(peer& of, const term& group, const members& who);
  void drop_from_view(const term& group, std::span<const pid> who);
  void notify(change what, const term& group, std::span<const pid> who);
  void broadcast(const term& message);
  [[nodiscard]] term own_groups() const;

  atom name_;
  pid self_;
  std::map<term, group_entry, term_order> view_;
  std::map<pid, std::vector<term>, pid_order> own_;  // the groups of each process of this node, as often as it joined
  std::map<pid, peer, pid_order> peers_;
  std::vector<subscriber> everything_;
  std::map<term, std::vector<subscriber>, term_order> subscribers_;
  pg_commands out_;
};

}  // namespace ergo::inline v0::otp::detail
