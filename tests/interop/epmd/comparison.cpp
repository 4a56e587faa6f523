// Our port mapper and those of Erlang/OTP 25 and 29 under the same attacks: crowds, few descriptors, slow and silent
// clients, strangers, bad names. What each does is printed as a table; what is asserted is about ours.
#include "comparison_table.hpp"

#include <ergo_test/network.hpp>
#include <ergo_test/outside.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdio>

using namespace ergo::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
using steady = std::chrono::steady_clock;

namespace {

constexpr auto patience = 1000ms;         // for one answer
constexpr std::size_t most_failures = 3;  // in a row: then the rest would fail, too

/// The n-th address of 127.0.0.0/8, but for the common one.
std::uint32_t loopback(std::size_t n) { return 0x7f010001 + static_cast<std::uint32_t>(n); }

/// Beside ours at least the one of the installed Erlang has been there.
void expect_company() {
  if (find_program("epmd").empty()) SKIP("no Erlang is installed: ours was tested alone");
  CHECK(contenders().size() > 1);
}

/// Runs a scenario with each contender in turn.
template <typename Scenario>
void for_each_contender(const std::string& name, const conditions& with, Scenario scenario) {
  for (const auto& one : contenders()) {
    INFO(name << ", " << one.name);
    started_mapper mapper{one, with};
    mapper.await();
    record(name, one, scenario(mapper, one.is_ours()));
  }
  expect_company();
}

/// Idle clients from a thousand addresses, until all are there or one gets no connection.
std::vector<client> crowd(std::uint16_t port, std::size_t size, std::size_t addresses) {
  std::vector<client> all;
  all.reserve(size);
  while (all.size() < size) {
    client one{port, loopback(all.size() % addresses)};
    if (!one.connected(patience)) break;
    all.push_back(std::move(one));
  }
  return all;
}

std::string node_name(std::size_t n) { return "n" + std::to_string(n); }

/// Nodes that register, until all have or so many in a row have failed.
std::vector<client> nodes(std::uint16_t port, std::size_t size, std::size_t addresses) {
  std::vector<client> all;
  all.reserve(size);
  for (std::size_t failures = 0; all.size() < size && failures < most_failures;) {
    auto one = enlisted(port, node_name(all.size()), patience, loopback(all.size() % addresses));
    failures = one ? 0 : failures + 1;
    if (one) all.push_back(std::move(*one));
  }
  return all;
}

/// Look-ups that were answered, and how long they took.
struct answers {
  std::size_t asked = 0;
  std::vector<steady::duration> took = {};

  [[nodiscard]] std::size_t answered() const { return took.size(); }
  [[nodiscard]] steady::duration p99() const { return took.empty() ? patience : took[took.size() * 99 / 100]; }
  [[nodiscard]] std::string text() const {
    std::array<char, 80> room{};
    if (took.empty()) return "0 answers";
    std::snprintf(room.data(), room.size(), "%zu/%zu answers, p99 %.2f ms", answered(), asked,
                  std::chrono::duration<double, std::milli>{p99()}.count());
    return room.data();
  }
};

answers look_up(std::uint16_t port, std::size_t times, std::size_t names) {
  answers seen;
  for (std::size_t failures = 0; seen.asked < times && failures < most_failures; ++seen.asked) {
    const auto began = steady::now();
    const bool found = finds(port, node_name(seen.asked * 5 % std::max<std::size_t>(names, 1)), patience);
    failures = found ? 0 : failures + 1;
    if (found) seen.took.push_back(steady::now() - began);
  }
  std::ranges::sort(seen.took);
  return seen;
}

std::string life(started_mapper& of) { return of.is_running() ? "lives" : "HAS ENDED"; }

/// Waits for the server to close while a client goes on as `next` says; nothing when it has not in four seconds.
template <typename Next>
std::optional<steady::duration> closed_after(const client& one, Next next) {
  const auto began = steady::now();
  while (steady::now() - began < 4s) {
    if (one.hear(1, 20ms).closed) return steady::now() - began;
    next(one);
  }
  return std::nullopt;
}

std::string seconds_text(const std::optional<steady::duration>& time) {
  std::array<char, 40> room{};
  if (!time) return "not closed within 4 s";
  std::snprintf(room.data(), room.size(), "closed after %.1f s", std::chrono::duration<double>{*time}.count());
  return room.data();
}

/// What came back for a request, in words.
std::string words_of(const heard& answer) {
  if (answer.bytes.empty()) return answer.closed ? "refused" : "no answer";
  const auto first = answer.bytes[0];
  if (first == 'y' || first == 'v') return answer.bytes.size() > 1 && answer.bytes[1] == 0 ? "registered" : "not given";
  if (first == 'w') return answer.bytes.size() > 1 && answer.bytes[1] == 0 ? "found" : "unknown";
  if (answer.bytes == "OK" || answer.bytes == "STOPPED" || answer.bytes == "NOEXIST" || answer.bytes == "NO")
    return "says " + answer.bytes;
  return std::to_string(answer.bytes.size()) + " bytes";
}

}  // namespace

TEST_CASE("R32: ten thousand idle clients and five thousand nodes, beside Erlang's") {
  constexpr std::size_t idle_count = 10'000, node_count = 5'000, query_count = 1'000, addresses = 1'000;
  if (!may_open(idle_count + node_count + 200)) SKIP("the hard limit of open files is too low for 15,000 clients");
  for_each_contender("R32 10,000 idle, 5,000 nodes, 1,000 look-ups", {}, [&](started_mapper& mapper, bool ours) {
    const auto idle = crowd(mapper.port(), idle_count, addresses);
    const auto registered = nodes(mapper.port(), node_count, addresses);
    const auto seen = look_up(mapper.port(), query_count, registered.size());
    if (ours) {
      CHECK(mapper.is_running());
      CHECK(idle.size() == idle_count);
      CHECK(registered.size() == node_count);
      CHECK(seen.answered() == query_count);
      CHECK(seen.p99() < 50ms);
      for (std::size_t i = 0; i < idle.size(); i += 97) CHECK(idle[i].is_open());
      for (std::size_t i = 0; i < registered.size(); i += 97) CHECK(registered[i].is_open());
    }
    return life(mapper) + ", " + std::to_string(registered.size()) + " nodes, " + seen.text();
  });
}

TEST_CASE("R33: 64 descriptors, twenty nodes and three hundred idle clients, beside Erlang's") {
  constexpr std::size_t node_count = 20, idle_count = 300;
  for_each_contender("R33, S28 64 descriptors, 20 nodes, 300 idle", {.descriptors = 64},
                     [&](started_mapper& mapper, bool ours) {
                       const auto registered = nodes(mapper.port(), node_count, 1);
                       answers seen;
                       {
                         const auto idle = crowd(mapper.port(), idle_count, idle_count);
                         seen = look_up(mapper.port(), node_count, registered.size());
                       }
                       const auto late = enlisted(mapper.port(), "late", 3 * patience);
                       if (ours) {
                         CHECK(mapper.is_running());
                         CHECK(registered.size() == node_count);
                         CHECK(seen.answered() == node_count);
                         CHECK(late.has_value());
                         for (const auto& node : registered) CHECK(node.is_open());
                       }
                       return life(mapper) + ", " + seen.text() + (late ? ", recovers" : ", does not recover");
                     });
}

TEST_CASE("S25, S26: clients that dribble and clients that say nothing, beside Erlang's") {
  const conditions one_second{.options = {"-packet_timeout", "1"}};
  for_each_contender("S25 a request of 1,000 bytes, byte by byte", one_second, [](started_mapper& mapper, bool ours) {
    const client one{mapper.port()};
    REQUIRE(one.connected(patience));
    one.send("\x03\xe8z");
    const auto lasted = closed_after(one, [](const client& dribbling) { dribbling.send("a"); });
    if (ours) CHECK((lasted && *lasted >= 950ms));
    return seconds_text(lasted);
  });
  for_each_contender("S26 a client that says nothing", one_second, [](started_mapper& mapper, bool ours) {
    const client one{mapper.port()};
    REQUIRE(one.connected(patience));
    const auto lasted = closed_after(one, [](const client&) {});
    if (ours) CHECK((lasted && *lasted >= 950ms));
    return seconds_text(lasted);
  });
}

TEST_CASE("S27: more idle clients than one address may have, beside Erlang's") {
  constexpr std::size_t idle_count = 1'200, query_count = 100;
  if (!may_open(idle_count + 200)) SKIP("the hard limit of open files is too low for 1,200 clients");
  for_each_contender("S27 1,200 idle of one address, 100 look-ups", {}, [&](started_mapper& mapper, bool ours) {
    const auto node = enlisted(mapper.port(), node_name(0), patience);
    const auto idle = crowd(mapper.port(), idle_count, 1);
    const auto seen = look_up(mapper.port(), query_count, 1);
    const bool same_address = finds(mapper.port(), node_name(0), patience, loopback(0));
    if (ours) {
      CHECK(mapper.is_running());
      CHECK(idle.size() == idle_count);
      CHECK(seen.answered() == query_count);
      CHECK(same_address);
      CHECK((node && node->is_open()));
    }
    return life(mapper) + ", " + seen.text();
  });
}

TEST_CASE("S29: registrations and administration from another computer, beside Erlang's") {
  const network cables{2};
  const auto here = 0x0A4D'0001U, there = 0x0A4D'0002U;  // 10.77.0.1, 10.77.0.2
  const std::vector<std::pair<std::string, std::pair<std::string, std::string>>> requests{
      {"S29 remote: register", {alive_request("far"), "refused"}},
      {"S29 remote: names", {plain_request('n'), ""}},
      {"S29 remote: port of a node", {port_request("near"), "found"}},
      {"S29 remote: dump", {plain_request('d'), "refused"}},
      {"S29 remote: stop a node", {plain_request('s', "near"), "refused"}},
      {"S29 remote: kill", {plain_request('k'), "refused"}}};
  for (const auto& one : contenders()) {
    INFO(one.name);
    // Relaxed: then kill and stop are refused to strangers only.
    started_mapper mapper{one,
                          {.options = {"-relaxed_command_check"}, .through = {"ip", "netns", "exec", cables.space(1)}}};
    std::optional<client> near;
    cables.on(1, [&] {
      mapper.await();
      near = enlisted(mapper.port(), "near", patience);
    });
    REQUIRE(near);
    for (const auto& [row, asked] : requests) {
      heard answer;
      cables.on(2, [&] { answer = ask_for(mapper.port(), asked.first, patience, there, here); });
      const auto words = words_of(answer);
      record(row, one, words);
      INFO(row);
      if (one.is_ours() && !asked.second.empty()) CHECK(words == asked.second);
      if (one.is_ours() && asked.second.empty()) CHECK(answer.bytes.find("name near at port 1\n") != std::string::npos);
    }
    std::string own_address;
    cables.on(1, [&] { own_address = words_of(ask_for(mapper.port(), plain_request('d'), patience, here, here)); });
    record("S29 the same computer by its address: dump", one, own_address);
    bool still_there = false;
    cables.on(1, [&] { still_there = finds(mapper.port(), "near", patience); });
    record("S29 afterwards", one, life(mapper) + (still_there ? ", knows the node" : ", has lost the node"));
    if (!one.is_ours()) continue;
    CHECK(own_address.ends_with(" bytes"));
    CHECK(mapper.is_running());
    CHECK(still_there);
    CHECK(near->is_open());
  }
  expect_company();
}

TEST_CASE("Bad names, beside Erlang's") {
  struct bad_name {
    std::string what;
    std::string request;
    std::string ours;
  };
  const auto long_name = std::string(256, 'n');
  const std::vector<bad_name> table{
      {"a name of 255 characters", alive_request(long_name.substr(1)), "registered"},
      {"a name of 256 characters", alive_request(long_name), "not given"},
      {"a name of 300 characters", alive_request(long_name + long_name.substr(212)), "not given"},
      {"no name", alive_request(""), "refused"},
      {"a name with a NUL", alive_request("a\0b"s), "refused"},
      {"a name with a line feed", alive_request("a\nb"), "registered"},
      {"a name that is no UTF-8", alive_request("\xff\xfe"), "not given"},
      {"a name longer than its request",
       "\0\x0fx\0\1M\0\0\6\0\5\xff\xff"
       "abcd"s,
       "refused"},
      {"look up 256 characters", port_request(long_name), "refused"},
      {"look up a name with a NUL", port_request("a\0b"s), "refused"},
      {"look up no name", port_request(""), "refused"}};
  for (const auto& one : contenders()) {
    started_mapper mapper{one, {}};
    mapper.await();
    for (const auto& [what, request, wanted] : table) {
      INFO(one.name << ": " << what);
      const client asking{mapper.port()};
      REQUIRE(asking.connected(patience));
      asking.send(request);
      const auto words = words_of(asking.hear(4, 300ms));
      record(what, one, words);
      if (one.is_ours()) CHECK(words == wanted);
    }
    record("after bad names", one, life(mapper));
    if (one.is_ours()) CHECK(mapper.is_running());
  }
  expect_company();
}
