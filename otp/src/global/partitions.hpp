// Overlapping partitions: when two members lose each other, the others part with the lost one too.
#pragma once

#include "members.hpp"

#include <optional>

namespace ergo::inline v0::otp::global_detail {

/// Decides who has to go; the machine around it forgets the node. Since OTP 25, protocol version 7.
class partitions {
 public:
  using forget = std::function<void(atom node)>;

  partitions(context& shared, members& who, duration memory, forget gone)
      : context_{shared}, members_{who}, memory_{memory}, forget_{std::move(gone)} {}

  /// From now on connections may be lost without consequences: the node is about to stop, or the option says so.
  void disable() noexcept { enabled_ = false; }

  /// Our own connection to `node` is lost: the others are told, and true, unless it was taken out.
  [[nodiscard]] bool lost(atom node, std::uint64_t creation);
  /// `{lost_connection, Reporter, Creation, Number, Lost}`: told once to everybody else. Returns whom to part with
  /// where that is no member.
  [[nodiscard]] std::optional<atom> reported(atom reporter, const term& creation, const term& number, atom lost,
                                             const term& whole);
  /// `{remove_connection, Node}`: a member wants us gone.
  void asked_to_leave(atom node);

 private:
  struct report {
    term creation;
    term number;
    std::uint64_t timer;
  };
  [[nodiscard]] bool heard(atom reporter, atom lost, const term& creation, const term& number) const;
  void remember(atom reporter, atom lost, const term& creation, const term& number);
  void take_out(atom node);
  void warn(std::string_view what, atom node);

  context& context_;
  members& members_;
  duration memory_;
  forget forget_;
  bool enabled_ = true;
  std::map<std::pair<std::uint32_t, std::uint32_t>, report> reports_;  // by the indices of the two names
};

}  // namespace ergo::inline v0::otp::global_detail
