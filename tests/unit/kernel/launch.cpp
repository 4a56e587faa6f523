// What the command line of peer.erl means.
#include <ergo/launch.hpp>

#include <ergo/rpc.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>

using namespace ergo;
using namespace std::chrono_literals;
using kernel::launch;

namespace {

// term_to_binary(self()) of a process of mk@localhost, in base64.
const std::string origin = "g1hkAAxta0Bsb2NhbGhvc3QAAAAJAAAAAGsCBEs=";

result<std::optional<launch>> parsed(const std::string& line) {
  std::istringstream words{line};
  std::vector<std::string> kept{"program"};
  for (std::string word; words >> word;) kept.push_back(word);
  const std::vector<std::string_view> seen(kept.begin(), kept.end());
  return launch::parse(seen);
}

std::string why_refused(const std::string& line) {
  const auto read = parsed(line);
  return read ? "" : read.error().message();
}

}  // namespace

TEST_CASE("a command line without -user peer is somebody else's") {
  for (const auto* const line : {"", "--sname cpp --cookie x", "-sname a -eval halt().", "-user other"}) {
    const auto read = parsed(line);
    REQUIRE(read);
    CHECK_FALSE(*read);
  }
}

TEST_CASE("the command lines of each release name the node, its cookie and its origin") {
  const std::array lines{
      "-sname p@localhost -detached -noinput -user peer -origin " + origin + " -setcookie secret -setcookie a@b other",
      "-sname p@localhost -setcookie secret -setcookie a@b other -detached -peer_detached -user peer -origin " + origin,
      "-sname p@localhost -setcookie secret +S 2:2 -setcookie a@b other -user peer -origin " + origin,
  };
  for (const auto& line : lines) {
    const auto read = parsed(line);
    REQUIRE(read);
    REQUIRE(*read);
    CHECK((*read)->by() == launch::carrier::distribution);
    CHECK((*read)->others().empty());
    node_options own;
    own.grants = {{"*", right::talk}};
    const auto wanted = (*read)->configured(own);
    CHECK(wanted.name == "p@localhost");
    CHECK(wanted.names == name_kind::short_names);
    CHECK(wanted.cookie == "secret");
    CHECK(wanted.peer_cookies.at("a@b") == "other");
    CHECK(wanted.visibility == visibility::visible);
    CHECK(wanted.epmd == epmd_mode::embedded);
    REQUIRE(wanted.grants.size() == 2);
    CHECK(wanted.grants.front().nodes == "mk@localhost");
    CHECK(wanted.grants.front().may == right::all);
  }
}

TEST_CASE("settings on the command line go before those of the program, which has the others") {
  const auto read = parsed(
      "-name p@a.b -hidden -start_epmd false -env A 1 -env B -user peer -origin 127.0.0.1,::1 4711 "
      "-kernel net_ticktime 8 net_tickintensity 7 inet_dist_listen_min 5000 logger_level debug "
      "start_pg true prevent_overlapping_partitions false -connect_all false -bank account 42 -- plain "
      "-extra -sname no");
  REQUIRE(read);
  REQUIRE(*read);
  CHECK((*read)->by() == launch::carrier::tcp);
  node_options own;
  own.listen_port_max = 6'000;
  own.cookie = "own";
  const auto wanted = (*read)->configured(own);
  CHECK(wanted.name == "p@a.b");
  CHECK(wanted.names == name_kind::long_names);
  CHECK(wanted.visibility == visibility::hidden);
  CHECK(wanted.epmd == epmd_mode::client_only);
  CHECK(wanted.net_ticktime == 8s);
  CHECK(wanted.tick_intensity == 7);
  CHECK(wanted.listen_port_min == 5'000);
  CHECK(wanted.listen_port_max == 6'000);
  CHECK(wanted.cookie == "own");
  const auto services = (*read)->configured_services();
  CHECK(services.visibility == visibility::hidden);
  CHECK_FALSE(services.global);
  CHECK_FALSE(services.prevent_overlapping_partitions);
  CHECK(services.pg_scopes == std::vector{"pg"_atom});
  REQUIRE((*read)->others().size() == 2);
  CHECK((*read)->others()[0].values == std::vector<std::string>{"logger_level", "debug"});
  CHECK((*read)->others()[1].name == "bank");
  CHECK((*read)->others()[1].values == std::vector<std::string>{"account", "42"});
}

TEST_CASE("what is read is acted on: variables are set, and cookies are gone from the process list") {
  std::vector<std::string> words{
      "program",    "-sname", "p",         "-setcookie", "secret",         "-setcookie",
      "a@b",        "other",  "-user",     "peer",       "-env",           "ERGO_LAUNCH_TEST",
      "as it says", "-env",   "ERGO_NONE", "-env",       "ERGO_LAUNCH_TOO"};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  auto* const before = std::signal(SIGPIPE, SIG_DFL);
  const auto made = launch::read(static_cast<int>(arguments.size()), arguments.data());
  CHECK(std::signal(SIGPIPE, before) == SIG_IGN);
  REQUIRE(made);
  REQUIRE(*made);
  CHECK((*made)->by() == launch::carrier::standard_io);
  CHECK((*made)->configured().cookie == "secret");
  CHECK((*made)->configured().peer_cookies.at("a@b") == "other");
  CHECK(words[4] == "xxxxxx");
  CHECK(words[6] == "xxx");
  CHECK(words[7] == "xxxxx");
  CHECK(words[2] == "p");
  CHECK(std::string_view{std::getenv("ERGO_LAUNCH_TEST")} == "as it says");
  CHECK(std::string_view{std::getenv("ERGO_LAUNCH_TOO")}.empty());
}

TEST_CASE("a peer without a name is a node in no network") {
  for (const auto* const line : {"-user peer", "-detached -noinput -user peer -origin 127.0.0.1 4711"}) {
    const auto read = parsed(line);
    REQUIRE(read);
    REQUIRE(*read);
    auto wanted = (*read)->configured();
    wanted.on_event = [](const event&) {};
    const auto alone = node::start(wanted);
    REQUIRE(alone);
    CHECK((*alone)->name() == "nonode@nohost"_atom);
    CHECK((*alone)->port() == 0);
    CHECK_FALSE((*alone)->connect("p@localhost"));
    const auto own = (*alone)->name();
    CHECK(rpc::call<bool>(**alone, own, "erlang", "is_alive") == false);
    CHECK(rpc::call<std::vector<atom>>(**alone, own, "erlang", "nodes")->empty());
  }
}

TEST_CASE("a cookie on the command line is warned of, once") {
  for (const auto* const cookies : {"", " -setcookie secret", " -setcookie secret -setcookie a@b other"}) {
    const auto read = parsed("-user peer -origin 127.0.0.1 1 -detached" + std::string{cookies});
    REQUIRE(read);
    REQUIRE(*read);
    std::vector<std::string> told;
    node_options wanted;
    wanted.on_event = [&](const event& seen) {
      const bool warned = seen.level == log_level::warning && seen.text.find("-setcookie") != std::string::npos;
      if (warned) told.push_back(seen.text);
    };
    CHECK_FALSE((*read)->start(wanted));  // nobody listens there
    CHECK(told.size() == (*cookies == '\0' ? 0 : 1));
    for (const auto& text : told) CHECK(text.find("secret") == std::string::npos);
  }
}

TEST_CASE("what cannot be done as asked is refused by name") {
  const auto says = [](const std::string& line, std::string_view part) {
    const auto said = why_refused(line + " -user peer");
    INFO(line << ": " << said);
    CHECK(said.find(part) != said.npos);
  };
  says("-eval halt().", "-eval");
  says("-s mod start", "-s needs");
  says("-run mod start", "-run");
  says("-remsh a@b", "-remsh");
  says("-sname", "one name");
  says("-sname a b", "one name");
  says("-setcookie", "cookie");
  says("-setcookie a b c", "cookie");
  says("-env", "variable");
  says("-origin", "-origin");
  says("-origin !!!", "base64");
  says("-origin g2o=", "process");
  says("-origin 127.0.0.1 70000", "port");
  says("-origin , 1", "addresses");
  says("-origin " + origin, "-sname or -name");
  says("-proto_dist other", "inet_tls");
  says("-kernel net_ticktime soon", "net_ticktime");
  says("-detached", "-origin");
}

TEST_CASE("a peer over TLS wants a program with certificates") {
  const auto read = parsed("-sname p@localhost -proto_dist inet_tls -user peer -origin " + origin);
  REQUIRE(read);
  REQUIRE(*read);
  const auto made = (*read)->start();
  REQUIRE_FALSE(made);
  CHECK(made.error().message().find("certificates") != std::string::npos);
}
