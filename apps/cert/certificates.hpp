// Certificates for nodes, and the authority that signs them: elliptic keys (P-256), PEM text.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace cert {

/// A certificate, followed by those between it and an authority that peers know, and its private key; PEM.
struct identity {
  std::string certificate;
  std::string key;
};

/// What a certificate may be used for.
enum class purpose { both_ends, caller_only, callee_only };

/// What is to be certified.
struct request {
  std::string common_name;
  std::vector<std::string> hosts = {};  ///< names and addresses
  std::vector<std::string> nodes = {};  ///< names before the `@`, as directory names, which is where OTP looks for them
  purpose use = purpose::both_ends;
  std::chrono::seconds begins = std::chrono::hours{-1};  ///< from now; an hour, for clocks that differ
  std::chrono::seconds ends = std::chrono::days{30};     ///< from now
};

/// Signs. Throws `std::runtime_error` when OpenSSL fails. Move-only.
class authority {
 public:
  /// One that signs itself.
  static authority make(const std::string& common_name, std::chrono::seconds ends = std::chrono::days{365});
  /// One that was made before.
  static authority load(const identity& from);
  authority(authority&&) noexcept;
  authority& operator=(authority&&) noexcept;
  ~authority();

  [[nodiscard]] identity issue(const request& wanted) const;
  /// An authority below this one, whose certificates are followed by its own.
  [[nodiscard]] authority issue_authority(const std::string& common_name) const;
  /// Its own certificate and key.
  [[nodiscard]] identity own() const;

 private:
  struct parts;
  explicit authority(std::unique_ptr<parts> made) noexcept;
  std::unique_ptr<parts> parts_;
};

/// A certificate that nobody but its owner has signed.
[[nodiscard]] identity make_self_signed(const request& wanted);

}  // namespace cert
