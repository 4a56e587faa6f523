// Certificates for the nodes of both kinds in one test: an authority, and a folder that every release sees.
#pragma once

#include "certificates.hpp"
#include "harness.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace ergo_interop {

class certified {
 public:
  certified();

  [[nodiscard]] const cert::authority& signer() const noexcept { return signer_; }
  /// What the nodes of localhost are certified as.
  [[nodiscard]] static cert::request usual();
  /// Options of a node of ours with that certificate; it believes the authority alone.
  [[nodiscard]] ergo::tls_options ours(const cert::identity& own) const;
  [[nodiscard]] ergo::tls_options ours() const { return ours(signer_.issue(usual())); }
  /// Leaves a certificate and its key in the folder, for `erlang`.
  void write(const std::string& stem, const cert::identity& made) const;
  /// The words of the command line for an Erlang node that shows `callee` when it is called and `caller` when it calls
  /// (stems; empty: none), with `more` in both lists of options.
  [[nodiscard]] std::vector<std::string> erlang(const std::string& callee = "node", const std::string& caller = "node",
                                                const std::string& more = {}) const;
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }

 private:
  [[nodiscard]] std::string list_of(const std::string& stem) const;

  cert::authority signer_;
  std::filesystem::path folder_;
};

/// What the nodes of a run have that encrypt (`over_tls`).
[[nodiscard]] const certified& everybody();

/// Options of a node of ours that begins to encrypt.
[[nodiscard]] ergo::node_options with_tls(ergo::tls_options tls);

}  // namespace ergo_interop
