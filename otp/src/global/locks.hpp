// The lock table of one node: who holds which resource, under which requester.
#pragma once

#include "context.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <optional>

namespace ergo::inline v0::otp::global_detail {

/// The resource that protects all names of a cluster.
[[nodiscard]] inline atom names_resource() { return "global"_atom; }

/// `{ResourceId, RequesterId}`; nothing where `id` is no tuple of two.
struct lock_id {
  term resource;
  term requester;

  [[nodiscard]] static std::optional<lock_id> from(const term& id);
  [[nodiscard]] term to_term() const { return etf::tuple(resource, requester); }
};

/// Locks with their holders. A resource has one requester at a time, and a requester any number of processes that hold
/// the lock; it is free again when the last of them lets go or ends. Each operation takes a time that hardly grows with
/// the number of locks and holders, but those about all of them, and about a node.
class lock_table {
 public:
  explicit lock_table(context& shared) : context_{shared} {}

  [[nodiscard]] bool can_set(const lock_id& id) const;
  [[nodiscard]] bool is_set(const term& resource) const { return locks_.contains(resource); }
  /// True if `holder` has the lock now; false if another requester has it.
  bool set(const lock_id& id, const pid& holder);
  void del(const lock_id& id, const pid& holder);

  /// A watched process has ended; false when it is no holder's watch.
  bool down(std::uint64_t watch);
  /// Drops the locks of all processes of a node.
  void node_down(atom node);

  /// Whether what `holder` asked for while it held the lock on all names still stands.
  [[nodiscard]] bool names_held_by(const pid& holder) const;
  /// The same for a requester.
  [[nodiscard]] bool names_held_for(const term& requester) const;
  /// All resources with their requesters.
  [[nodiscard]] std::vector<lock_id> all() const;

 private:
  struct pid_less {
    bool operator()(const pid& left, const pid& right) const noexcept { return etf::compare(left, right) < 0; }
  };
  struct lock {
    term requester;
    std::map<pid, std::uint64_t, pid_less> holders;  // with their watches
  };
  struct hold {
    term resource;
    pid holder;
  };
  enum class cause : std::uint8_t { let_go, died };

  void take_out(const term& resource, const pid& holder, cause why);

  context& context_;
  std::map<term, lock, term_less> locks_;
  boost::unordered_flat_map<std::uint64_t, hold> by_watch_;
  bool names_holder_died_ = false;  // the last holder of the lock on all names did not let go, but ended
};

}  // namespace ergo::inline v0::otp::global_detail
