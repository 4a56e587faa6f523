// One connection's machine: the script of every request, with every failure at every step.
#include "ergo/epmd/session.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace ergo::epmd;
using namespace std::string_literals;

namespace {

using step = session::step;
using phase = session::phase;

constexpr std::uint32_t now = 1000;

session_terms terms(locality peer, command_check check = command_check::strict) {
  return {.id = owner_id{1}, .descriptor = 7, .peer = peer, .check = check, .epmd_port = 4369};
}

std::string bytes_of(const request& asked) { return encode(asked).value(); }
const std::string registration_of_a = bytes_of(alive2_request{{.name = "a", .port = 5}});

session::action receive(session& one, directory& names, std::string_view bytes) {
  return one.resume(session::received{bytes}, names, now);
}
session::action sent(session& one, directory& names) { return one.resume(session::reply_sent{}, names, now); }

/// A request, what is expected of it, and where the session then is.
struct script {
  std::string_view title;
  request asked;
  locality peer = locality::local;
  command_check check = command_check::strict;
  step next = step::send;
  std::string reply = {};
  errc problem = errc::ok;
  happening what = happening::answered;
  step behind_reply = step::close;
  phase rest = phase::closed;
};

/// "b" and "c" are registered by others.
void populate(directory& names) {
  REQUIRE(names.add({.name = "b", .port = 6}, owner_id{2}, 8, now));
  REQUIRE(names.add({.name = "c", .port = 7, .highest_version = 5, .lowest_version = 5}, owner_id{3}, 9, now));
}

const std::vector<script>& scripts() {
  using enum locality;
  using enum command_check;
  static const std::vector<script> all{
      {.title = "a registration is granted and stays open",
       .asked = alive2_request{{.name = "a", .port = 5}},
       .reply = "v\0\0\0\3\xe9"s,
       .what = happening::registered,
       .behind_reply = step::read,
       .rest = phase::registered},
      {.title = "an old node gets a small creation",
       .asked = alive2_request{{.name = "a", .port = 5, .highest_version = 5, .lowest_version = 5}},
       .reply = "y\0\0\3"s,
       .what = happening::registered,
       .behind_reply = step::read,
       .rest = phase::registered},
      {.title = "a taken name is refused and the connection left open",
       .asked = alive2_request{{.name = "b"}},
       .reply = "v\1\0\0\0c"s,
       .problem = errc::name_taken,
       .what = happening::refused,
       .behind_reply = step::read,
       .rest = phase::lingering},
      {.title = "an old node's refusal is short",
       .asked = alive2_request{{.name = "b", .highest_version = 5, .lowest_version = 5}},
       .reply = "y\1\0c"s,
       .problem = errc::name_taken,
       .what = happening::refused,
       .behind_reply = step::read,
       .rest = phase::lingering},
      {.title = "a remote registration is not answered",
       .asked = alive2_request{{.name = "a"}},
       .peer = remote,
       .next = step::close,
       .problem = errc::not_local,
       .what = happening::failed},
      {.title = "a name is looked up", .asked = port_please2_request{"b"}, .reply = "w\0\0\6M\0\0\6\0\6\0\1b\0\0"s},
      {.title = "an unknown name is not found",
       .asked = port_please2_request{"x"},
       .reply = "w\1"s,
       .problem = errc::not_found},
      {.title = "remote peers may look up",
       .asked = port_please2_request{"b"},
       .peer = remote,
       .reply = "w\0\0\6M\0\0\6\0\6\0\1b\0\0"s},
      {.title = "names are listed for anybody",
       .asked = names_request{},
       .peer = remote,
       .reply = "\0\0\x11\x11name c at port 7\nname b at port 6\n"s},
      {.title = "a dump is for local peers",
       .asked = dump_request{},
       .reply = "\0\0\x11\x11"s
                "active name     <c> at port 7, fd = 9\n\0"s
                "active name     <b> at port 6, fd = 8\n\0"s},
      {.title = "a remote dump is not answered",
       .asked = dump_request{},
       .peer = remote,
       .next = step::close,
       .problem = errc::not_local,
       .what = happening::failed},
      {.title = "a kill is refused while names live",
       .asked = kill_request{},
       .reply = "NO",
       .problem = errc::not_allowed},
      {.title = "a relaxed kill ends the server",
       .asked = kill_request{},
       .check = relaxed,
       .reply = "OK",
       .what = happening::killed,
       .behind_reply = step::kill},
      {.title = "a remote kill is not answered",
       .asked = kill_request{},
       .peer = remote,
       .check = relaxed,
       .next = step::close,
       .problem = errc::not_local,
       .what = happening::failed},
      {.title = "a stop needs the relaxed check",
       .asked = stop_request{"b"},
       .next = step::close,
       .problem = errc::not_allowed,
       .what = happening::failed},
      {.title = "a relaxed stop frees the name", .asked = stop_request{"b"}, .check = relaxed, .reply = "STOPPED"},
      {.title = "a stop of an unknown name says so, and stopped",
       .asked = stop_request{"x"},
       .check = relaxed,
       .reply = "NOEXISTSTOPPED",
       .problem = errc::not_found},
      {.title = "a remote stop is not answered",
       .asked = stop_request{"b"},
       .peer = remote,
       .check = relaxed,
       .next = step::close,
       .problem = errc::not_local,
       .what = happening::failed},
  };
  return all;
}

/// Registered and unregistered reports must balance, however a session ends.
struct ledger {
  int living = 0;
  void note(const session::action& done) {
    count(done.report);
    if (done.second_report) count(*done.second_report);
  }
  void count(const session_report& report) {
    if (report.name == "b") return;  // not this session's
    if (report.what == happening::registered) ++living;
    if (report.what == happening::unregistered) --living;
  }
};

}  // namespace

TEST_CASE("Every request has its answer") {
  for (const auto& script : scripts()) {
    CAPTURE(script.title);
    directory names;
    populate(names);
    session one{terms(script.peer, script.check)};
    const auto first = receive(one, names, bytes_of(script.asked));
    CHECK(first.next == script.next);
    CHECK(first.reply == script.reply);
    CHECK(first.report.problem == script.problem);
    CHECK(first.report.what == script.what);
    if (script.next == step::send) CHECK(sent(one, names).next == script.behind_reply);
    CHECK(one.where() == script.rest);
    CHECK((names.find("a") != nullptr) == (script.rest == phase::registered));
  }
}

TEST_CASE("A failure at any step ends the session and frees its name once") {
  const std::vector<session::event> failures{session::ended{}, session::dismissed{errc::timed_out},
                                             session::dismissed{errc::displaced}, session::dismissed{errc::stopped}};
  for (const auto& script : scripts()) {
    const auto bytes = bytes_of(script.asked);
    // Steps: one for each byte of the request, the answer, and the rest behind it.
    for (std::size_t fails_at = 0; fails_at <= bytes.size() + 1; ++fails_at) {
      for (const auto& failure : failures) {
        CAPTURE(script.title, fails_at);
        directory names;
        populate(names);
        session one{terms(script.peer, script.check)};
        ledger reports;
        for (std::size_t i = 0; i < std::min(fails_at, bytes.size()); ++i)
          reports.note(receive(one, names, bytes.substr(i, 1)));
        if (fails_at > bytes.size()) reports.note(sent(one, names));
        const bool kills = script.what == happening::killed && fails_at == bytes.size();
        const bool was_registered = names.find("a") != nullptr;
        const auto last = one.resume(failure, names, now);
        reports.note(last);
        CHECK(one.where() == phase::closed);
        CHECK(last.next == (kills ? step::kill : step::close));
        CHECK_FALSE(names.find("a"));
        CHECK((last.report.what == happening::unregistered) == was_registered);
        CHECK(reports.living == 0);
        CHECK(one.resume(session::received{bytes}, names, now).next == step::close);
        CHECK(one.resume(session::reply_sent{}, names, now).next == step::close);
      }
    }
  }
}

TEST_CASE("A byte on a registered connection frees the name") {
  directory names;
  session one{terms(locality::local)};
  CHECK(receive(one, names, registration_of_a).next == step::send);
  CHECK(sent(one, names).next == step::read);
  CHECK_FALSE(one.is_transient());
  const auto last = receive(one, names, "\0");
  CHECK(last.next == step::close);
  CHECK(last.report.what == happening::unregistered);
  CHECK(last.report.problem == errc::not_silent);
  CHECK(last.report.name == "a");
  CHECK(names.living().empty());
}

TEST_CASE("A byte on a refused connection closes it and harms nobody") {
  directory names;
  populate(names);
  session one{terms(locality::local)};
  CHECK(receive(one, names, bytes_of(alive2_request{{.name = "b"}})).next == step::send);
  CHECK(sent(one, names).next == step::read);
  CHECK(one.is_transient());
  CHECK(receive(one, names, "x").next == step::close);
  CHECK(names.find("b"));
}

TEST_CASE("Every kind of refusal of a registration is answered, but for a full directory") {
  directory names{{.names = 1}};
  const auto refused = [&](const std::string& body) {
    session one{terms(locality::local)};
    const auto size = static_cast<char>(body.size() & 0xff);
    return receive(one, names, std::string{static_cast<char>(body.size() >> 8), size} + body);
  };
  const auto named = [](const std::string& name, const std::string& extra = "") {
    const auto length = [](std::size_t n) {
      return std::string{static_cast<char>(n >> 8), static_cast<char>(n & 0xff)};
    };
    return "x\0\1M\0\0\6\0\5"s + length(name.size()) + name + length(extra.size()) + extra;
  };
  for (const auto& [body, problem] :
       {std::pair{named("\xff"), errc::bad_encoding}, std::pair{named(std::string(256, 'a')), errc::name_too_long},
        std::pair{named("e", std::string(1021, 'x')), errc::extra_too_long}}) {
    const auto first = refused(body);
    CHECK(first.reply == "v\1\0\0\0c"s);
    CHECK(first.report.problem == problem);
  }
  REQUIRE(names.add({.name = "b"}, owner_id{2}, 8, now));
  const auto full = refused(named("a"));
  CHECK(full.next == step::close);
  CHECK(full.report.problem == errc::too_many_names);
}

TEST_CASE("What is no request closes the connection") {
  for (const auto& [bytes, problem] :
       {std::pair{"\0\0"s, errc::bad_length}, std::pair{"\0\1nn"s, errc::trailing_bytes},
        std::pair{"\0\1?"s, errc::unknown_request}, std::pair{"\0\1x"s, errc::truncated},
        std::pair{"\0\1z"s, errc::empty_name}, std::pair{"\0\4za\0b"s, errc::nul_in_name}}) {
    directory names;
    session one{terms(locality::local)};
    const auto last = receive(one, names, bytes);
    CHECK(last.next == step::close);
    CHECK(last.reply.empty());
    CHECK(last.report.what == happening::failed);
    CHECK(last.report.problem == problem);
  }
}

TEST_CASE("A kill is granted when no name lives") {
  directory names;
  session one{terms(locality::local)};
  const auto first = receive(one, names, bytes_of(kill_request{}));
  CHECK(first.reply == "OK");
  CHECK(sent(one, names).next == step::kill);
}

TEST_CASE("A stop names the connection that lost its name") {
  directory names;
  session holder{terms(locality::local)};
  CHECK(receive(holder, names, registration_of_a).next == step::send);
  CHECK(sent(holder, names).next == step::read);
  auto other = terms(locality::local, command_check::relaxed);
  other.id = owner_id{9};
  session stopper{other};
  const auto first = receive(stopper, names, bytes_of(stop_request{"a"}));
  CHECK(first.evicted == owner_id{1});
  REQUIRE(first.second_report);
  CHECK(first.second_report->what == happening::unregistered);
  CHECK(first.second_report->port == 5);
  // The evicted session must not report, or free, the name again, whoever holds it now.
  REQUIRE(names.add({.name = "a"}, owner_id{4}, 10, now));
  CHECK(holder.resume(session::dismissed{errc::stopped}, names, now).report.what == happening::nothing);
  CHECK(names.find("a"));
}
