// Who may have what done here (attack S30): patterns given by the program, and what is known about each peer.
#pragma once

#include <ergo/error.hpp>
#include <ergo/node_options.hpp>

#include <shared_mutex>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace ergo::inline v0::detail {

/// Where a peer's connection comes from, or how its name was proven.
enum class nearness : std::uint8_t {
  elsewhere,
  this_computer,
  verified,  ///< by a certificate
};

/// The rights of nodes. Any thread.
class rights_policy {
 public:
  rights_policy() = default;
  /// The first of `grants` whose pattern matches decides.
  explicit rights_policy(std::vector<grant> grants) : grants_{std::move(grants)} {}

  /// A connection to `node` is up.
  void met(atom node, nearness where);
  /// What a connected node may have done: what was granted, else everything but `manage`, and that too for a node of
  /// this computer or one with a certificate.
  [[nodiscard]] right of(atom node) const;

 private:
  std::vector<grant> grants_;
  mutable std::shared_mutex mutex_;
  std::unordered_set<atom> near_;
};

/// Whether the other end of a socket has a loopback address.
[[nodiscard]] nearness nearness_of(int descriptor) noexcept;

}  // namespace ergo::inline v0::detail
