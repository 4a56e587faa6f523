// An authority with nodes that it has certified, and two ends of a connection without a socket.
#pragma once

#include "certificates.hpp"
#include "tls_session.hpp"
#include "tls_setup.hpp"

#include <catch2/catch_test_macros.hpp>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ergo_test {

/// Options of a node with that certificate, which believes `signer` alone.
inline ergo::tls_options tls_with(const cert::identity& own, const cert::authority& signer) {
  ergo::tls_options options;
  options.certificate.text = own.certificate;
  options.key.text = own.key;
  options.authorities.text = signer.own().certificate;
  return options;
}

/// A node of localhost as that authority certifies it.
inline ergo::tls_options tls_of(const cert::authority& signer, std::vector<std::string> hosts = {"localhost"}) {
  cert::request about;
  about.common_name = "node";
  about.hosts = std::move(hosts);
  return tls_with(signer.issue(about), signer);
}

inline std::shared_ptr<const ergo::detail::tls_setup> made(const ergo::tls_options& options) {
  auto setup = ergo::detail::tls_setup::make(options);
  INFO((setup ? std::string{} : setup.error()));
  REQUIRE(setup.has_value());
  return *std::move(setup);
}

/// Takes what one end has to send to the other, `at_most` bytes at a time. Whether there was anything.
inline bool pass(ergo::detail::tls_session& from, ergo::detail::tls_session& to, std::size_t at_most = SIZE_MAX) {
  const auto bytes = from.outgoing();
  const auto room = to.room();
  const auto count = std::min({bytes.size(), room.size(), at_most});
  if (count == 0) return false;
  std::copy_n(bytes.begin(), count, room.begin());
  to.received(count);
  from.sent(count);
  return true;
}

/// Bytes of answers that the ends bear unread.
constexpr std::size_t unread = 64U << 10;

/// A caller and a callee with a wire between them.
struct tls_pair {
  using end = ergo::detail::tls_session::end;

  tls_pair(std::shared_ptr<const ergo::detail::tls_setup> calling,
           std::shared_ptr<const ergo::detail::tls_setup> called, std::string peer = "b@localhost")
      : caller{std::move(calling), ergo::detail::tls_role::caller, std::move(peer), unread},
        callee{std::move(called), ergo::detail::tls_role::callee, "", unread} {}

  /// Both take their handshake as far as it goes; how it ended for the caller and the callee.
  std::pair<end, end> shake(std::size_t at_most = SIZE_MAX) {
    std::pair<end, end> how{end::wanting, end::wanting};
    const auto over = [](end one) { return one == end::failed || one == end::closed; };
    for (bool moving = true; moving;) {
      if (!over(how.first)) how.first = caller.shake();
      moving = !over(how.second) && pass(caller, callee, at_most);
      if (!over(how.second)) how.second = callee.shake();
      moving = (!over(how.first) && pass(callee, caller, at_most)) || moving;
    }
    return how;
  }

  /// What `from` writes as `to` reads it.
  std::string carry(ergo::detail::tls_session& from, ergo::detail::tls_session& to, const std::string& text) {
    REQUIRE(from.write(std::as_bytes(std::span{text})));
    REQUIRE(from.finish_record());
    return drain(from, to);
  }

  /// What `to` reads of what `from` has written.
  static std::string drain(ergo::detail::tls_session& from, ergo::detail::tls_session& to) {
    std::string got;
    std::array<std::byte, 5000> room{};
    for (;;) {
      const auto step = to.read(room);
      got.append(reinterpret_cast<const char*>(room.data()), step.count);
      if (step.how == end::progress) continue;
      if (step.how != end::wanting || !pass(from, to)) return got;
    }
  }

  ergo::detail::tls_session caller;
  ergo::detail::tls_session callee;
};

/// A caller that asks the other end for new keys, again and again: OpenSSL itself, between two buffers.
class key_asker {
 public:
  explicit key_asker(const ergo::detail::tls_setup& setup)
      : ssl_{SSL_new(setup.context(ergo::detail::tls_role::caller))} {
    REQUIRE(ssl_ != nullptr);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }
  /// One step of the handshake, or of what was asked; whether it is done.
  bool step() { return SSL_do_handshake(ssl_.get()) == 1; }
  void ask() {
    REQUIRE(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
    REQUIRE(step());
  }
  /// Reads what the answers hold, which is nothing.
  bool reads_fine() {
    std::array<std::byte, 64> room{};
    return SSL_get_error(ssl_.get(), SSL_read(ssl_.get(), room.data(), room.size())) == SSL_ERROR_WANT_READ;
  }
  /// What it has to say.
  std::vector<std::byte> take() {
    std::vector<std::byte> said(BIO_ctrl_pending(SSL_get_wbio(ssl_.get())));
    if (!said.empty()) REQUIRE(BIO_read(SSL_get_wbio(ssl_.get()), said.data(), static_cast<int>(said.size())) > 0);
    return said;
  }
  void give(std::span<const std::byte> heard) {
    if (heard.empty()) return;
    REQUIRE(BIO_write(SSL_get_rbio(ssl_.get()), heard.data(), static_cast<int>(heard.size())) > 0);
  }
  /// Brings the handshake with `callee` to its end.
  void meet(ergo::detail::tls_session& callee) {
    for (bool done = false; !done || !callee.outgoing().empty();) {
      done = step();
      tell(callee);
      (void)callee.shake();
      hear(callee);
    }
  }
  /// All that it has to say is received there.
  void tell(ergo::detail::tls_session& callee) {
    const auto said = take();
    const auto room = callee.room();
    REQUIRE(said.size() <= room.size());
    std::ranges::copy(said, room.begin());
    callee.received(said.size());
  }
  void hear(ergo::detail::tls_session& callee) {
    give(callee.outgoing());
    callee.sent(callee.outgoing().size());
  }

 private:
  struct ssl_free {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };
  std::unique_ptr<SSL, ssl_free> ssl_;
};

}  // namespace ergo_test
