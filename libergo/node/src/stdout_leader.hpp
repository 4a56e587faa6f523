// The group leader of a call by a C node that wants to see what is printed (protocol §6.4).
#pragma once

#include <ergo/process.hpp>

#include <memory>

namespace ergo::inline v0::detail {

/// A behaviour that sends what is printed through it to `reader`, as `{rex_stdout, Utf8}`, and ends at `{answer,
/// Value}`, which it sends on as `{rex, Value}`: so the value comes after all that was printed before it. Input and
/// formatting on its side are refused.
[[nodiscard]] std::unique_ptr<behaviour> make_stdout_leader(const pid& reader);

}  // namespace ergo::inline v0::detail
