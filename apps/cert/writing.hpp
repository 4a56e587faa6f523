// The files that ergo-cert leaves behind.
#pragma once

#include "certificates.hpp"

#include <filesystem>
#include <string>

namespace cert {

/// Writes `text` as a whole or not at all: who reads meanwhile sees the old file or the new one. A secret is readable
/// by its owner only. Throws `std::runtime_error`.
enum class secrecy { open, secret };
void write_file(const std::filesystem::path& where, const std::string& text, secrecy how);

/// The authority in `folder`, made if there is none.
[[nodiscard]] authority find_or_make_authority(const std::filesystem::path& folder);

/// A certificate, a key and Erlang's options for one kind of node in `folder`: `stem`.pem, .key and .conf.
void write_node(const std::filesystem::path& folder, const std::string& stem, const identity& made);

/// The text of a file for `-ssl_dist_optfile`: both ends verify each other.
[[nodiscard]] std::string erlang_options(const std::filesystem::path& folder, const std::string& stem);

}  // namespace cert
