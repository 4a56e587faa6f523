// Names for nodes that come without one (protocol §2.7): a name that its node no longer uses is given to the next one,
// as a new incarnation, so that the table of atoms does not grow with every visit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace ergo::inline v0::dist {

/// A name for a peer, and which incarnation of it the peer is.
struct given_name {
  std::string text;  ///< with host
  std::uint32_t creation{};
  bool proven{false};  ///< some node with the cookie has had it: only such names are worth keeping
  friend bool operator==(const given_name&, const given_name&) = default;
};

/// The names that were given and are free again. Not thread-safe.
class name_pool {
 public:
  using random_function = std::function<std::uint32_t()>;

  /// Keeps at most `most` names; the one that has been free for longest is forgotten first. `random` makes new ones:
  /// nobody may foresee it.
  name_pool(std::size_t most, random_function random) : most_{most}, random_{std::move(random)} {}

  /// A name at `host`: the one that was freed last, else a new one of thirteen digits to the base 36.
  [[nodiscard]] given_name give(std::string_view host);
  /// Takes a name back whose node has gone; its next incarnation is one higher (creations below 4 are skipped). A name
  /// that nobody has had is forgotten.
  void take_back(given_name freed);
  /// Names that are kept.
  [[nodiscard]] std::size_t size() const { return free_.size(); }

 private:
  std::size_t most_;
  random_function random_;
  std::deque<given_name> free_;  // the one that was freed last at the end
};

}  // namespace ergo::inline v0::dist
