// An authority with nodes that it has certified, and two ends of a connection without a socket.
#pragma once

#include "certificates.hpp"
#include "tls_session.hpp"
#include "tls_setup.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

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

/// A caller and a callee with a wire between them.
struct tls_pair {
  using end = ergo::detail::tls_session::end;

  tls_pair(std::shared_ptr<const ergo::detail::tls_setup> calling,
           std::shared_ptr<const ergo::detail::tls_setup> called, std::string peer = "b@localhost")
      : caller{std::move(calling), ergo::detail::tls_role::caller, std::move(peer)},
        callee{std::move(called), ergo::detail::tls_role::callee} {}

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

}  // namespace ergo_test
