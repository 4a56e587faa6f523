// The command line of ergo-cert.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cert {

/// What the command line asked for.
struct options {
  std::filesystem::path folder;
  std::vector<std::string> hosts;  ///< names and addresses that the certificates are for
  std::vector<std::string> nodes;  ///< names before the `@`, one certificate each; empty: one for any
  int days = 30;
};

/// Reads the command line. Empty when the help was wanted (already printed); throws `std::runtime_error` with one
/// sentence for anything else.
[[nodiscard]] std::optional<options> read_options(int argc, char** argv);

}  // namespace cert
