// Nodes about which our members and we do not agree, because one of us was lost while it told the others.
#pragma once

#include "members.hpp"

namespace ergo::inline v0::otp::global_detail {

/// Finds two gaps of global.erl, and closes them by parting with the node without news to others.
///
/// When a node and one of our members have made their names one, the node greets us with `in_sync` and from then on
/// counts on us; our member tells us of it, with its names. If that member is lost in between, nobody tells us: the
/// node has us as a member, we do not have it, and its names stay unknown here (`in_sync` and `resolved` of
/// global.erl). Such a node is connected to again. Until then it is told of our changes like a member
/// (`members::followers`). But it may have names that were taken back before it greeted us: what it tells of others
/// does not count, so that whoever has our names from it comes to us as a stranger too.
///
/// And when a node is reported lost before a member has told us of it, `lost_connection` finds nobody to part with, and
/// `new_nodes` makes it our member after all, while all others part with it. Then the member is asked whom it knows.
class strangers {
 public:
  using forget = std::function<void(atom node)>;

  strangers(context& shared, members& who, duration patience, forget gone)
      : context_{shared}, members_{who}, patience_{patience}, forget_{std::move(gone)} {}

  /// `node` has greeted us: some member should tell us of it within the patience, if none has.
  void greeted(atom node);
  /// `node` is to be parted with, but is no member of ours.
  void reported(atom node);
  /// The member `by` has told us of `node`, which is known from now on.
  void announced(atom node, atom by);
  /// The connection to `node` is gone.
  void node_down(atom node);

 private:
  using timers = std::map<atom, std::uint64_t, node_less>;

  /// Runs `then` after the patience, unless this is called again for the node in between.
  void wait(timers& among, atom node, std::function<void()> then);
  void meet_again(atom node);
  void compare(atom node, atom by);
  void part_unless(const std::vector<member>& known, atom node);
  void ask_to_close(atom node);

  context& context_;
  members& members_;
  duration patience_;
  forget forget_;
  timers greeted_;
  timers closing_;
  timers reported_;
  std::map<atom, atom, node_less> told_by_;
  std::set<atom, node_less> again_;  // to be met when the present connection is gone
};

}  // namespace ergo::inline v0::otp::global_detail
