// What `global_name_server` decides: names, locks, sessions with peers, partitions. Events in, actions out; it knows no
// process, no socket and no clock. After global.erl of OTP 25 to 29, protocol version 8, with peers from version 5 on.
#pragma once

#include "partitions.hpp"
#include "registrar.hpp"
#include "sessions.hpp"
#include "strangers.hpp"

#include <chrono>
#include <set>

namespace ergo::inline v0::otp::global_detail {

/// What may be chosen; the defaults are OTP's.
struct machine_options {
  locker_pace pace{std::chrono::milliseconds{200}, std::chrono::milliseconds{1000}, std::chrono::milliseconds{100},
                   std::chrono::milliseconds{3000}};
  duration report_memory = std::chrono::hours{1};  ///< for how long a lost connection is remembered
  bool prevent_overlapping_partitions = true;
  duration patience = std::chrono::seconds{5};  ///< with members, to tell of a node that has greeted us
  std::uint64_t seed = 0;                       ///< of random waits and choices
};

/// One node's part in the cluster. Not thread-safe.
///
/// After each event the actions of `take` are to be carried out, in order. For each peer, `node_up` comes before what
/// the peer sends and `node_down` after it. What peers send may be anything.
class machine {
 public:
  /// `self` is the process that speaks for the node: what it holds, holds while it lives.
  machine(const pid& self, const machine_options& options);

  void node_up(atom node);      ///< a visible node is connected
  void node_down(atom node);    ///< it is not any more
  void unreachable(atom node);  ///< a `connect_action` has failed
  void call(const caller& from, const term& request);
  void cast(const term& content);
  void info(const term& content);
  void down(std::uint64_t watch);
  void answered(std::uint64_t token, const term* answer);  ///< null: there will be none
  void fired(std::uint64_t token);
  [[nodiscard]] std::vector<action> take() { return context_.take(); }

  [[nodiscard]] std::optional<pid> whereis(const term& name) const;
  [[nodiscard]] const name_table& names() const noexcept { return names_; }
  [[nodiscard]] const lock_table& locks() const noexcept { return locks_; }
  [[nodiscard]] const members& who() const noexcept { return members_; }

 private:
  struct syncer {
    caller from;
    std::set<atom, node_less> open;
  };

  [[nodiscard]] std::optional<term> answer(const term& request, const pid& from);
  [[nodiscard]] std::optional<term> answer_lock(const term& request, const pid& from);
  [[nodiscard]] std::optional<term> answer_names(const term& request, const pid& from);
  [[nodiscard]] std::optional<term> answer_state(const term& request);
  [[nodiscard]] bool is_member(const pid& process) const;
  [[nodiscard]] term state() const;
  [[nodiscard]] term disconnect();
  void registrar_call(const caller& from, const term& request);
  void sync(const caller& from, const term& nodes);
  void end_syncs(atom node);

  void session_cast(std::span<const term> parts);
  void new_nodes(std::span<const term> parts);
  void whereis_later(const term& name, const caller& from);
  void partition_info(const term& content);
  void connect_info(const term& content);

  void apply(const std::vector<term>& operations, const term& external, const term& requester);
  void insert(const term& name, const pid& process, const term& method, std::optional<atom> registrar, bool valid);
  void lose(atom node);
  void part(atom node);
  void forget(atom node);
  [[nodiscard]] std::uint64_t extended_creation();

  context context_;
  lock_table locks_{context_};
  name_table names_{context_};
  members members_{context_};
  rounds rounds_;
  locker locker_;
  conflicts conflicts_{context_, names_};
  sessions sessions_;
  registrar registrar_{context_, members_, rounds_};
  partitions partitions_;
  strangers strangers_;
  std::vector<syncer> syncers_;
  std::uint64_t creation_;
  bool meshed_ = true;
};

}  // namespace ergo::inline v0::otp::global_detail
