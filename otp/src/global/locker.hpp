// The locker: sets the lock on all names in two partitions, so that their nodes may exchange names.
#pragma once

#include "members.hpp"
#include "rounds.hpp"

#include <optional>
#include <variant>

namespace ergo::inline v0::otp::global_detail {

/// A node that wants to be connected with.
struct partner {
  atom node;
  pid locker;
  int version;
  term my_tag;
  term his_tag;
};

/// How long the locker waits before it takes the next partner.
struct locker_pace {
  duration alone;  ///< knows nobody yet
  duration least;  ///< knows somebody; then `each` more for every known node
  duration each;
  duration most;
};

/// Takes one partner after the other. Whatever does not concern the present one waits, as in the mailbox of OTP's
/// locker process.
class locker {
 public:
  using lock_is_set = std::function<void(atom node, const term& my_tag, const lock_id& id)>;

  locker(context& shared, lock_table& locks, const members& known, rounds& asking, locker_pace pace, lock_is_set set)
      : context_{shared}, locks_{locks}, members_{known}, rounds_{asking}, pace_{pace}, lock_is_set_{std::move(set)} {}

  void meet(partner one);
  /// A peer's locker says that it has the lock, or has not; with the tag of our side from version 8 on.
  void offered(const pid& from, bool set, std::optional<term> my_tag);
  /// Ends a session; while the lock is held, `first` is run before it is given back.
  void cancel(atom node, std::optional<term> my_tag, std::function<void()> first);

 private:
  enum class phase : std::uint8_t {
    idle,
    locking,    // asks nodes
    offering,   // has the lock, and waits for the partner's
    holding,    // both have it: names are being exchanged
    releasing,  // gives the lock back
  };
  struct offer {
    pid from;
    bool set;
    std::optional<term> my_tag;
  };
  struct cancellation {
    atom node;
    term my_tag;
    std::function<void()> first;
  };
  using letter = std::variant<partner, offer, cancellation>;

  void receive(letter one);
  [[nodiscard]] bool wanted(const letter& one) const;
  void handle(letter one);
  void handle_offer(const offer& made);
  void handle_cancellation(const cancellation& made);
  void work_off();
  void wait();
  [[nodiscard]] duration pause();
  void select();
  [[nodiscard]] std::vector<partner>* candidates();
  void take(const partner& one, const std::vector<atom>& extra, std::function<void(bool)> done);
  void lock_others(const std::vector<atom>& second, atom boss, std::function<void(bool)> done);
  void idle_again();
  void release(const std::function<void()>& first);
  void send_offer(const partner& to, bool set);
  void refuse(const offer& made);
  void hold();
  void forget(atom node, const term& my_tag);
  [[nodiscard]] const partner* find(atom node) const;
  [[nodiscard]] bool nearby(atom node) const;

  context& context_;
  lock_table& locks_;
  const members& members_;
  rounds& rounds_;
  locker_pace pace_;
  lock_is_set lock_is_set_;

  phase phase_ = phase::idle;
  std::deque<letter> inbox_;
  std::vector<partner> near_;  // on our own host: these go first
  std::vector<partner> far_;
  std::optional<partner> with_;  // the present partner, unless idle
  lock_id id_;
  std::vector<atom> locked_;  // nodes that have the lock
  bool just_synced_ = false;
  std::uint64_t timer_ = 0;
};

}  // namespace ergo::inline v0::otp::global_detail
