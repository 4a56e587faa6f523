// The demo's command line.
#pragma once

#include <ergo/kernel.hpp>

#include <optional>

namespace demo {

/// What the command line asked for: a node, or only the help text (already printed).
struct options {
  ergo::node_options node;
  ergo::kernel::options services;
};

/// Reads the command line. Empty when the help was wanted; throws `std::runtime_error` with one sentence for anything
/// else.
///
/// A cookie on the command line is visible to every user of the computer: it is accepted with one warning and
/// overwritten in `argv`.
[[nodiscard]] std::optional<options> read_options(int argc, char** argv);

}  // namespace demo
