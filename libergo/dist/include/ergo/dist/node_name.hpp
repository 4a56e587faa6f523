// Rules for node names as they appear in the handshake: shape, length, long against short names,
// and the way between Latin-1 (wire) and UTF-8 (everywhere else).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ergo::inline v0::dist {

/// Which host parts a cluster uses; long and short names never meet (`erl -name` and `-sname`).
enum class naming : std::uint8_t {
  any,          ///< Not checked.
  short_names,  ///< Hosts without a dot.
  long_names,   ///< Hosts with a dot, or IPv6 addresses.
};

/// The longest node name in characters (an Erlang atom).
inline constexpr std::size_t max_name_length = 255;

/// True when `name` (UTF-8) has exactly one `@` between two non-empty halves, is at most 255
/// characters long, fits Latin-1 and holds no control character and no space.
[[nodiscard]] bool valid_node_name(std::string_view name);

/// The same for the host part alone, which a node that wants to be named by its peer sends.
[[nodiscard]] bool valid_host(std::string_view host);

/// The part behind the `@`; everything when there is none.
[[nodiscard]] std::string_view host_of(std::string_view name);

/// True when the host part of `name` fits the cluster's kind of names.
[[nodiscard]] bool fits(std::string_view name, naming kind);

/// The kind of names that a node called `name` lives among.
[[nodiscard]] naming naming_of(std::string_view name);

/// Latin-1 bytes as UTF-8; every byte string has one.
[[nodiscard]] std::string latin1_to_utf8(std::string_view latin1);

/// UTF-8 as Latin-1; nothing when the text is not UTF-8 or has a character above U+00FF.
[[nodiscard]] std::optional<std::string> utf8_to_latin1(std::string_view utf8);

}  // namespace ergo::inline v0::dist
