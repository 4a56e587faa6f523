// What a world's processes have reported.
#pragma once

#include "support.hpp"

namespace ergo::test {

[[nodiscard]] inline term field(const event& report, std::string_view key) {
  for (const auto& [name, value] : report.fields) {
    if (name == key) return value;
  }
  return "absent"_atom;
}

/// The first report with this text.
[[nodiscard]] inline const event& report(const world& here, std::string_view text) {
  const auto found = std::ranges::find_if(here.events(), [&](const event& happened) { return happened.text == text; });
  REQUIRE(found != here.events().end());
  return *found;
}

}  // namespace ergo::test
