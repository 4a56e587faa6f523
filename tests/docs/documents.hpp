// The documents under test, where they are.
#pragma once

#include "markdown.hpp"

#include <array>
#include <string>
#include <string_view>

namespace ergo_docs {

inline constexpr auto documents = std::to_array<std::string_view>(
    {"README.md", "CONTRIBUTING.md", "libergo/ARCHITECTURE.md", "libergo/ASIO.md", "libergo/TESTING.md", "otp/GUIDE.md",
     "etf/FORMAT.md", "bench/README.md", "SECURITY.md"});

/// A path inside of the source tree.
[[nodiscard]] inline std::string in_tree(std::string_view path) {
  return std::string{ERGO_SOURCE_DIR "/"}.append(path);
}
[[nodiscard]] inline std::string document(std::string_view path) { return read_file(in_tree(path)); }

}  // namespace ergo_docs
