// Sessions with peers that are up and not known yet: from `init_connect` to one set of names.
#pragma once

#include "conflicts.hpp"
#include "locker.hpp"

#include <memory>
#include <optional>

namespace ergo::inline v0::otp::global_detail {

/// What the sessions change in the machine around them.
struct session_effects {
  std::function<void(const std::vector<term>& operations, const term& external, const term& requester)> apply;
  std::function<void(atom node)> synced;  ///< the names of `node` and ours are the same
};

/// All sessions, by peer. A session is known by a tag of each side, so that what belongs to an older one is seen.
class sessions {
 public:
  sessions(context& shared, members& who, name_table& names, conflicts& resolver, locker& locks,
           session_effects effects)
      : context_{shared},
        members_{who},
        names_{names},
        conflicts_{resolver},
        locker_{locks},
        effects_{std::move(effects)} {}

  void node_up(atom node);
  /// Forgets what was begun with `node`, and tells it so while the session is open.
  void cancel(atom node);

  // Messages of a peer; of ones that are malformed nothing is done.
  void init_connect(const term& version, atom node, const term& content);
  void init_connect_ack(atom node, const term& my_tag, const term& his_tag);
  void cancel_connect(atom node, const term& my_tag);
  void exchange(atom node, const term& names, const term& my_tag);
  void resolved(atom node, const term& operations, const term& known, const term& external, const term& my_tag);
  void in_sync(atom node);
  /// Some member, or we, lost `node`, and others know: what peers have sent us of its names does not hold any more.
  void member_lost(atom node);

  void lock_is_set(atom node, const term& my_tag, const lock_id& id);
  /// Whether that tag is the present one of our side towards `node`.
  [[nodiscard]] bool is_current(atom node, const term& my_tag) const;

  /// Connects to nodes that joined, and tells them that we have what they have.
  void greet(const std::vector<atom>& nodes);

 private:
  struct first_message {  // an init_connect that came before nodeup
    int version;
    int his_version;
    term content;
    term his_tag;
  };
  struct result {  // what the peer resolved
    term operations;
    term known;
    term external;
  };
  struct session {
    int version = 0;  // what both speak
    std::optional<term> my_tag;
    std::optional<term> his_tag;
    std::optional<first_message> early;
    std::optional<lock_id> lock;            // set on both sides
    std::optional<term> names;              // his, from `exchange`
    std::optional<std::vector<term>> ours;  // operations that we resolved for ourselves
    std::optional<result> theirs;
    std::shared_ptr<void> resolving;
    std::vector<atom> gone;  // lost since the peer sent its names
  };

  void connect(atom node, const first_message& first);
  void send_cancel(atom node, const term& his_tag);
  void begin_again(session& mine, atom node);
  void restart(atom node);
  void end_old(atom node, const term& my_tag);
  void resolve_if_ready(atom node);
  void resolution_made(atom node, const term& my_tag, resolution made);
  void finish_if_ready(atom node);
  void finish(atom node, const session& done);
  [[nodiscard]] static std::vector<term> merged_operations(const session& done);
  void close(atom node, std::function<void()> before_unlock);
  [[nodiscard]] std::function<void()> announcement(const std::vector<term>& operations, const term& external,
                                                   const std::vector<member>& fresh, const session& done) const;
  [[nodiscard]] std::vector<member> with_versions(std::vector<member> nodes) const;

  context& context_;
  members& members_;
  name_table& names_;
  conflicts& conflicts_;
  locker& locker_;
  session_effects effects_;
  std::map<atom, session, node_less> open_;
};

}  // namespace ergo::inline v0::otp::global_detail
