// TLS over one connection as a machine without a socket: bytes of the network in and out, bytes of the node in and
// out. OpenSSL does all of it; what is here carries its bytes and says what it objects to.
#pragma once

#include "tls_setup.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace ergo::inline v0::detail {

/// The codes of OpenSSL as those of the standard library.
[[nodiscard]] const std::error_category& tls_category() noexcept;

/// One end of a connection. Used by one thread at a time. Nothing here throws but the constructor.
class tls_session {
 public:
  enum class end : std::uint8_t {
    progress,  ///< done, and perhaps there is more
    wanting,   ///< goes on when more was received
    closed,    ///< the peer has said that it ends
    failed,    ///< for good; `failure` and `reason` say why
  };
  struct step {
    end how = end::progress;
    std::size_t count = 0;
  };

  /// Begins as `ours`; a caller names the node that it calls. Who lets more than `unread` bytes of answers of TLS
  /// itself pile up has failed. Throws `std::bad_alloc`.
  tls_session(std::shared_ptr<const tls_setup> by, tls_role ours, std::string peer, std::size_t unread);
  ~tls_session();
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;

  // The network.

  /// Where to receive to. Only when the last `shake` or `read` was left wanting: until then there is no room.
  [[nodiscard]] std::span<std::byte> room() noexcept;
  void received(std::size_t count) noexcept;
  /// What is to be sent, until the next call of anything but this.
  [[nodiscard]] std::span<const std::byte> outgoing() const noexcept { return std::span{out_}.subspan(sent_); }
  void sent(std::size_t count) noexcept;

  // The node.

  /// Takes the handshake one step further.
  [[nodiscard]] end shake() noexcept;
  /// Reads what a record held. `wanting` means that all that was received is read. TLS may have an answer to that,
  /// which is to be sent before more is received.
  [[nodiscard]] step read(std::span<std::byte> room) noexcept;
  /// Whether `read` may have something to say without receiving more: bytes, or that this is the end.
  [[nodiscard]] bool has_unread() const noexcept;
  /// Encrypts `bytes`, in records that are full as long as there is more; false when that failed.
  [[nodiscard]] bool write(std::span<const std::byte> bytes) noexcept;
  /// Encrypts what `write` has kept back to fill a record.
  [[nodiscard]] bool finish_record() noexcept;
  /// Says that nothing more will be written.
  void close() noexcept;

  /// Why the peer is not the node that it calls itself (`name@host`, or `@host` for one that we are to name), judged
  /// by its certificate; nothing where it is, or where nobody wants to know.
  [[nodiscard]] std::optional<std::string> objection(std::string_view node) const;
  /// Whether the peer has shown a certificate that was checked.
  [[nodiscard]] bool verified() const noexcept;
  /// `TLSv1.3`
  [[nodiscard]] std::string_view version() const noexcept;

  [[nodiscard]] std::error_code failure() const noexcept;
  /// Why the handshake failed, what the peer offered, and what would cure it: a clause.
  [[nodiscard]] std::string reason() const;
  /// The same for a peer that has closed, or said nothing in time.
  [[nodiscard]] std::string reason_of_silence() const;

  /// For OpenSSL: notes what a caller offers.
  static int on_hello(SSL* ssl, int* alert, void* given) noexcept;

 private:
  struct glue;  // what OpenSSL calls
  struct ssl_free {
    void operator()(SSL* ssl) const noexcept;
  };

  void expect_peer(const std::string& node);
  [[nodiscard]] end judge(int returned) noexcept;
  [[nodiscard]] bool seal(std::span<const std::byte> bytes) noexcept;
  void rekey(std::size_t written) noexcept;
  [[nodiscard]] bool is_foreign() const noexcept;
  void answer_foreigner() noexcept;
  [[nodiscard]] std::string reason_of_alert(int alert) const;
  [[nodiscard]] std::string reason_of_certificate() const;
  [[nodiscard]] std::string reason_of_version() const;

  std::shared_ptr<const tls_setup> by_;
  const tls_role role_;
  std::string peer_;
  std::unique_ptr<SSL, ssl_free> ssl_;

  std::vector<std::byte> in_;
  std::size_t taken_ = 0;  // of what was received
  std::size_t filled_ = 0;
  std::vector<std::byte> out_;
  std::size_t sent_ = 0;
  const std::size_t most_answers_;
  std::size_t answers_ = 0;        // bytes that reading has made since all was sent
  std::vector<std::byte> record_;  // kept back
  std::uint64_t sealed_ = 0;       // with the present key

  bool over_ = false;  // the peer has closed
  bool failed_ = false;
  bool flooded_ = false;
  unsigned long code_ = 0;
  std::optional<std::byte> first_;  // that was ever received
  int offered_ = 0;                 // version by the peer, as on the wire
  int verdict_ = 0;                 // on the peer's chain, with what it was about
  std::string subject_;
  std::string names_;
};

/// Whether a peer that is to speak in the clear begins as one that speaks TLS.
[[nodiscard]] bool begins_tls(std::span<const std::byte> first) noexcept;

}  // namespace ergo::inline v0::detail
