// Which nodes may connect at all (attack S07), by name or by pattern.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::dist {

/// True when `text` matches `pattern`, in which `*` stands for any number of characters and `?` for
/// one byte. Linear in both for any pattern, so that a hostile name costs nothing.
[[nodiscard]] bool matches_glob(std::string_view pattern, std::string_view text);

/// A list of node name patterns: `db@host1`, `*@10.0.0.*`. A pattern without `@` means any node of
/// that host: `host1` reads `*@host1`. An empty list allows every node that has the cookie.
class allow_list {
 public:
  allow_list() = default;
  explicit allow_list(std::vector<std::string> patterns);

  /// Whether this node may go on with the handshake; otherwise it is answered `not_allowed`.
  [[nodiscard]] bool permits(std::string_view name) const;
  [[nodiscard]] bool empty() const { return patterns_.empty(); }

 private:
  std::vector<std::string> patterns_;
};

}  // namespace ergo::inline v0::dist
