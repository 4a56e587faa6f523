// Identifiers: node incarnations, equality, Erlang's order.
#include <ergo/etf/ids.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

using namespace ergo;
using namespace ergo::etf::literals;
using etf::atom;
using etf::node_id;
using etf::pid;
using etf::port;
using etf::reference;

namespace {

node_id node(std::string_view name, std::uint32_t creation) { return *node_id::make(atom::of(name), creation); }

}  // namespace

TEST_CASE("a node is its name and its creation", "[etf][ids]") {
  const auto first = node("ids@host", 1);
  CHECK(first == node("ids@host", 1));
  CHECK(first != node("ids@host", 2));
  CHECK(first != node("other@host", 1));
  CHECK(first.name() == "ids@host"_atom);
  CHECK(first.creation() == 1);
  CHECK(node_id::from_index(first.index()) == first);
  CHECK(node("ids@host", UINT32_MAX).creation() == UINT32_MAX);
}

TEST_CASE("a default node is the unnamed one", "[etf][ids]") {
  CHECK(node_id{}.name() == "nonode@nohost"_atom);
  CHECK(node_id{}.creation() == 0);
  CHECK(node("nonode@nohost", 0) == node_id{});
  CHECK(node("nonode@nohost", 1) != node_id{});
}

TEST_CASE("a pid is equal only in node, creation, id and serial", "[etf][ids]") {
  const pid one{node("ids@host", 1), 7, 8};
  CHECK(one == pid{node("ids@host", 1), 7, 8});
  CHECK(one != pid{node("ids@host", 2), 7, 8});
  CHECK(one != pid{node("ids@host", 1), 8, 8});
  CHECK(one != pid{node("ids@host", 1), 7, 7});
}

TEST_CASE("missing words of a reference count as zero", "[etf][ids]") {
  const auto at = node("ids@host", 1);
  CHECK(reference{at, 2, {1, 2}} == reference{at, 3, {1, 2, 0}});
  CHECK(reference{at, 2, {1, 2}} != reference{at, 3, {1, 2, 3}});
  CHECK(std::hash<reference>{}({at, 2, {1, 2}}) == std::hash<reference>{}({at, 3, {1, 2, 0}}));
  CHECK(reference{}.empty());
  CHECK(reference{} != reference{node_id{}, 1, {0}});
}

TEST_CASE("pids sort by serial, id, node name, creation", "[etf][ids]") {
  const std::array sorted{pid{node("a@h", 2), 1, 0}, pid{node("b@h", 1), 1, 0}, pid{node("b@h", 3), 1, 0},
                          pid{node("a@h", 1), 2, 0}, pid{node("a@h", 1), 0, 1}};
  for (std::size_t left = 0; left < sorted.size(); ++left) {
    for (std::size_t right = 0; right < sorted.size(); ++right)
      CHECK(compare(sorted[left], sorted[right]) == (left <=> right));
  }
}

TEST_CASE("references sort by node, then from the highest word down", "[etf][ids]") {
  const auto a = node("a@h", 1);
  const auto b = node("b@h", 1);
  const std::array sorted{reference{a, 1, {9}},       reference{a, 3, {0, 1, 0}},       reference{a, 3, {5, 1, 0}},
                          reference{a, 3, {0, 0, 1}}, reference{a, 5, {0, 0, 0, 0, 1}}, reference{b, 1, {0}}};
  for (std::size_t left = 0; left < sorted.size(); ++left) {
    for (std::size_t right = 0; right < sorted.size(); ++right)
      CHECK(compare(sorted[left], sorted[right]) == (left <=> right));
  }
}

TEST_CASE("ports sort by node, then by number", "[etf][ids]") {
  const auto a1 = node("a@h", 1);
  const auto a2 = node("a@h", 2);
  CHECK(compare(port{a1, 9}, port{a2, 1}) < 0);
  CHECK(compare(port{a1, 1}, port{a1, 2}) < 0);
  CHECK(compare(port{a1, 2}, port{a1, 2}) == 0);
}

TEST_CASE("a full node table is an error for new incarnations and for nothing else", "[etf][ids]") {
  const auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto name = atom::of("crowd@host");
    std::uint32_t creation = 0;
    while (node_id::make(name, creation)) ++creation;
    const auto refused = node_id::make(name, creation);
    const auto old = node_id::make(name, 5);
    _exit(creation > 1'000'000 && refused.error().code == etf::errc::node_table_full && old && old->creation() == 5
              ? 0
              : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("threads that meet the same nodes at once agree", "[etf][ids]") {
  std::array<std::vector<std::uint32_t>, 4> indices;
  {
    std::vector<std::jthread> running;
    for (auto& seen : indices) {
      running.emplace_back([&seen] {
        for (std::uint32_t creation = 0; creation < 3'000; ++creation)
          seen.push_back(node("met@host", creation).index());
      });
    }
  }
  for (const auto& seen : indices) CHECK(seen == indices[0]);
}
