// The doctor's command line.
#pragma once

#include <ergo/node_options.hpp>

#include <optional>
#include <string>

namespace doctor {

/// Whom to examine, and as whom.
struct options {
  std::string peer;
  ergo::node_options as;
};

/// Reads the command line. Empty when the help was wanted (already printed); throws `std::exception` with one sentence
/// for what cannot be understood.
[[nodiscard]] std::optional<options> read_options(int argc, char** argv);

}  // namespace doctor
