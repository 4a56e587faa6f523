// The cluster's secret and the file that keeps it (attack S06): read only where nobody but its owner can read it.
#pragma once

#include <ergo/node_options.hpp>

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ergo::inline v0::detail {

/// Where cookie files may be, as the environment says.
struct cookie_places {
  std::string chosen;  ///< option or ERGO_COOKIE_FILE; empty for none
  std::string home;    ///< HOME
  std::string config;  ///< XDG_CONFIG_HOME, else HOME/.config
};

/// Reads HOME, XDG_CONFIG_HOME and ERGO_COOKIE_FILE; `option` outranks the last one.
[[nodiscard]] cookie_places read_cookie_places(std::string_view option);

/// What a file's text means: white space is dropped; empty when nothing is left, when it is longer than 255 characters
/// or not printable.
[[nodiscard]] std::optional<std::string> parse_cookie(std::string_view text);
/// A fresh secret of 32 letters (150 bits) from as many random bytes.
[[nodiscard]] std::string cookie_from(std::span<const std::byte, 32> random);

/// The cookie of one file: a regular file that only its owner can read. The error is a sentence; it never holds the
/// secret. A file that is not there gives an empty cookie.
[[nodiscard]] std::expected<std::string, std::string> read_cookie_file(const std::string& path);
/// Makes the file with mode 0400 and a fresh secret; when somebody else was faster, reads theirs.
[[nodiscard]] std::expected<std::string, std::string> create_cookie_file(const std::string& path);

/// The cookie that the options give or name. The error is a sentence without the secret.
[[nodiscard]] std::expected<std::string, std::string> own_cookie(const node_options& options);

/// The cookie of this user: the first file that exists, else a new one at the first place.
[[nodiscard]] std::expected<std::string, std::string> find_cookie(const cookie_places& places);

}  // namespace ergo::inline v0::detail
