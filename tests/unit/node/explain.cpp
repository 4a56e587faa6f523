// What the user of a node is told about a connection that was not made.
#include "explain.hpp"

#include <ergo/epmd/error.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <vector>

using namespace ergo;
using namespace ergo::detail;
using dist::handshake_errc;
using dist::peer_errc;

namespace {

dist::peer_reason because(peer_errc code, std::error_code system = {}, std::string detail = {}) {
  dist::peer_reason reason{code};
  reason.system = system;
  reason.detail = std::move(detail);
  return reason;
}

dist::peer_reason because(handshake_errc code) {
  dist::peer_reason reason{peer_errc::handshake};
  reason.handshake = dist::handshake_failure{code, dist::handshake_step::status, {}, "db@h", {}};
  return reason;
}

}  // namespace

TEST_CASE("what happens before the handshake has its step, its sentence and its cure") {
  struct row {
    dist::peer_reason reason;
    connect_step step;
    const char* part;
  };
  const auto refused = std::make_error_code(std::errc::connection_refused);
  const auto late = std::make_error_code(std::errc::timed_out);
  const std::vector<row> table{
      {because(peer_errc::unresolved, refused), connect_step::resolve, "no address: Connection refused"},
      {because(peer_errc::unresolved, {}, "the directory is closed"), connect_step::resolve, "the directory is closed"},
      {because(peer_errc::unregistered, make_error_code(epmd::errc::not_found)), connect_step::epmd,
       "does not know the name db"},
      {because(peer_errc::unregistered, make_error_code(epmd::errc::cannot_connect), "Connection refused"),
       connect_step::epmd, "Connection refused"},
      {because(peer_errc::unreachable, refused), connect_step::tcp, "nobody listens where db@h should"},
      {because(peer_errc::unreachable, late), connect_step::time, "where it should listen"},
      {because(peer_errc::unregistered, make_error_code(epmd::errc::timed_out)), connect_step::time, "port mapper"},
      {because(peer_errc::unresolved, late), connect_step::time, "about where it listens"},
      {because(peer_errc::tls, {}, "the certificate has expired"), connect_step::tls, "the certificate has expired"},
      {because(peer_errc::tls, late, "silence"), connect_step::time, "private channel"},
      {because(peer_errc::no_answer), connect_step::time, "connect to us itself"},
      {because(peer_errc::superseded), connect_step::given_up, "made first"},
      {because(peer_errc::stopping), connect_step::given_up, "going down"},
  };
  for (const auto& [reason, step, part] : table) {
    const auto failure = explain("db@h", reason);
    CAPTURE(failure.what, part);
    CHECK(failure.step == step);
    CHECK(failure.what.find(part) != std::string::npos);
    CHECK_FALSE(failure.cure.empty());
  }
}

TEST_CASE("every end of a handshake has its step") {
  struct row {
    handshake_errc code;
    connect_step step;
  };
  const std::vector<row> table{
      {handshake_errc::closed, connect_step::protocol},
      {handshake_errc::timeout, connect_step::time},
      {handshake_errc::bad_message, connect_step::protocol},
      {handshake_errc::too_long, connect_step::protocol},
      {handshake_errc::unexpected_status, connect_step::protocol},
      {handshake_errc::bad_name, connect_step::name},
      {handshake_errc::mixed_names, connect_step::name},
      {handshake_errc::own_name, connect_step::name},
      {handshake_errc::name_mismatch, connect_step::name},
      {handshake_errc::missing_flags, connect_step::flags},
      {handshake_errc::not_allowed, connect_step::allow},
      {handshake_errc::refused, connect_step::allow},
      {handshake_errc::nok, connect_step::given_up},
      {handshake_errc::yielded, connect_step::given_up},
      {handshake_errc::duplicate, connect_step::given_up},
      {handshake_errc::superseded, connect_step::given_up},
      {handshake_errc::wrong_cookie, connect_step::cookie},
      {handshake_errc::cookie_rejected, connect_step::cookie},
      {handshake_errc::reflected, connect_step::protocol},
      {handshake_errc::digest_unavailable, connect_step::protocol},
      {handshake_errc::bad_event, connect_step::protocol},
  };
  for (const auto& [code, step] : table) {
    CAPTURE(dist::to_string(code));
    const auto failure = explain("db@h", because(code));
    CHECK(failure.step == step);
    CHECK(failure.what.find(dist::to_string(*because(code).handshake)) == 0);
  }
  CHECK(table.size() == static_cast<std::size_t>(handshake_errc::bad_event) + 1);
}

TEST_CASE("missing capabilities are named") {
  auto reason = because(handshake_errc::missing_flags);
  reason.handshake->missing = dist::flags{dist::flag::handshake_23, dist::flag::map_tag};
  const auto failure = explain("db@h", reason);
  CHECK(failure.missing == std::vector<std::string>{"MAP_TAG", "HANDSHAKE_23"});
  CHECK(failure.what.find("OTP 23 or later") != std::string::npos);
}

TEST_CASE("a node that answers to another name is told by that name") {
  auto reason = because(handshake_errc::name_mismatch);
  reason.handshake->answered = "db@localhost";
  CHECK(explain("db@h", reason).what.find(": db@localhost") != std::string::npos);
}

TEST_CASE("a failure survives the way through an error, whose message is its sentence") {
  connect_failure given{connect_step::flags, "the peer lacks MAP_TAG", "run a newer release", {"MAP_TAG"}};
  for (int step = 0; step <= static_cast<int>(connect_step::given_up); ++step) {
    given.step = static_cast<connect_step>(step);
    const error failed{errc::nodedown, to_term(given)};
    CHECK(connect_failure_of(failed) == given);
    CHECK(failed.message() == "the node cannot be reached: the peer lacks MAP_TAG");
  }
}

TEST_CASE("other errors hold no such failure") {
  CHECK_FALSE(connect_failure_of(error{errc::timeout}));
  CHECK_FALSE(connect_failure_of(error{errc::nodedown, "a@b"_atom}));
  CHECK_FALSE(connect_failure_of(error{errc::nodedown, etf::tuple("x"_atom, 1, 2, 3)}));
  CHECK_FALSE(connect_failure_of(error{errc::badarg, to_term({connect_step::tcp, "a", "b", {}})}));
}

TEST_CASE("every step has a name of its own") {
  std::set<std::string_view> names;
  for (int step = 0; step <= static_cast<int>(connect_step::given_up); ++step)
    CHECK(names.insert(to_string(static_cast<connect_step>(step))).second);
}

TEST_CASE("what ends a connection has a name in Erlang, whatever ended it") {
  CHECK(nodedown_reason(peer_errc::closed) == "connection_closed"_atom);
  CHECK(nodedown_reason(peer_errc::protocol) == "connection_closed"_atom);
  CHECK(nodedown_reason(peer_errc::replaced) == "connection_closed"_atom);
  CHECK(nodedown_reason(peer_errc::disconnected) == "disconnect"_atom);
  CHECK(nodedown_reason(peer_errc::silent) == "net_tick_timeout"_atom);
  CHECK(nodedown_reason(peer_errc::stopping) == "net_kernel_terminated"_atom);
  for (const auto code : {peer_errc::unresolved, peer_errc::unregistered, peer_errc::unreachable, peer_errc::tls,
                          peer_errc::handshake, peer_errc::no_answer, peer_errc::superseded})
    CHECK(nodedown_reason(code) == "connection_setup_failed"_atom);
}
