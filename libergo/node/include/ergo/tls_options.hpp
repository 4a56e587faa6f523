// How a node encrypts its connections and whom it believes: what Erlang's `-proto_dist inet_tls` is told by
// `-ssl_dist_optfile`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ergo::inline v0 {

/// PEM text: in memory, or in a file that is read when the node starts and again by `node::reload_tls`.
struct pem {
  std::string file;
  std::string text;  ///< used instead of `file` where it is not empty
  [[nodiscard]] bool empty() const noexcept { return file.empty() && text.empty(); }
};

/// What the certificate of a peer must show.
enum class tls_check : std::uint8_t {
  nothing,    ///< none is asked for: encrypted, but with anybody who has the cookie
  authority,  ///< that one of `tls_options::authorities` has signed it
  host,       ///< besides, that it is for the host part of the node's name: as DNS or IP name, never as common name
  node,  ///< besides, that it is for the node: a directory name in its subjectAltName has the part before the `@` as
         ///< common name, which is where OTP looks for node names
};

enum class tls_version : std::uint8_t { tls_1_2, tls_1_3 };

/// TLS for all connections with other nodes; the port mapper is asked in the clear, as by Erlang. The defaults are
/// those of a hardened node: both sides show a certificate for their host, signed by a known authority.
struct tls_options {
  pem certificate;           ///< this node's, followed by those between it and an authority
  pem key;                   ///< its private key
  std::string key_password;  ///< of an encrypted key; nobody is ever asked for it
  pem authorities;           ///< who may sign: any number of certificates

  tls_check called = tls_check::host;   ///< of nodes that this one calls
  tls_check callers = tls_check::host;  ///< of nodes that call this one; Erlang's need a certificate for that
                                        ///< in the `client` list of their options

  tls_version minimum = tls_version::tls_1_2;  ///< OTP 23 to 27 offer nothing newer unless told to
  /// For TLS 1.2, in OpenSSL's words. The default is what keeps earlier traffic secret when a key is lost
  /// later, with authenticated encryption.
  std::string ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
  std::string ciphersuites;  ///< for TLS 1.3; empty: OpenSSL's
  int chain = 10;            ///< certificates between a peer's and an authority

  /// How long a caller may come back on the strength of an earlier handshake. Zero: each connection begins with
  /// a whole one, so that what was reloaded or has expired counts at once.
  std::chrono::seconds session_lifetime{0};
  std::size_t sessions = 1024;              ///< of such callers at most
  std::uint64_t rekey_after = 64ULL << 30;  ///< bytes sent with one key; TLS 1.3 only, at least 64 KiB
};

}  // namespace ergo::inline v0
