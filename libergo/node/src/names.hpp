// What a node is called, and where that name says it listens.
#pragma once

#include <ergo/dist/node_name.hpp>
#include <ergo/node_options.hpp>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace ergo::inline v0::detail {

/// A node's name with its parts.
struct full_name {
  std::string node;  ///< before the `@`
  std::string host;
  dist::naming kind = dist::naming::any;

  [[nodiscard]] std::string text() const { return node + "@" + host; }
};

/// What the computer calls itself.
struct host_names {
  std::string plain;  ///< `gethostname`
  std::string full;   ///< with its domain; empty when there is none
};

/// Reads the computer's names. May ask the resolver.
[[nodiscard]] host_names read_host_names();

/// Completes and checks `given`: `bank` gets the host of `here`, `bank@host` must fit `kind`. The error is a sentence.
[[nodiscard]] std::expected<full_name, std::string> complete_name(std::string_view given, name_kind kind,
                                                                  const host_names& here);

/// The same for a node that `by` will name: `given` is empty or `undefined@host`, and the host is of the kind of `by`'s
/// unless told otherwise.
[[nodiscard]] std::expected<full_name, std::string> complete_unnamed(std::string_view given, name_kind kind,
                                                                     std::string_view by, const host_names& here);

/// The two halves of `name`; both empty when it has no `@`.
[[nodiscard]] std::pair<std::string_view, std::string_view> halves(std::string_view name) noexcept;

}  // namespace ergo::inline v0::detail
