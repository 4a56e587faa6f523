// Registrations, creations, listings and limits of the port mapper's directory.
#include "ergo/epmd/directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace ergo::epmd;
using namespace std::string_literals;

namespace {

constexpr owner_id one{1}, two{2}, three{3};

node_record named(std::string name, std::uint16_t port = 10, std::uint16_t highest = 6) {
  return {.name = std::move(name), .port = port, .highest_version = highest, .lowest_version = 5};
}

/// Registers at second `now`, returns the creation and gives the name back.
std::uint32_t come_and_go(directory& names, const node_record& node, std::uint32_t now) {
  const auto entry = names.add(node, one, 3, now);
  REQUIRE(entry);
  const auto creation = (*entry)->creation();
  REQUIRE(names.remove(one));
  return creation;
}

std::vector<std::string> names_of(const std::list<directory_entry>& entries) {
  std::vector<std::string> out;
  for (const auto& entry : entries) out.push_back(entry.node.name);
  return out;
}

}  // namespace

TEST_CASE("A registered node is found with everything it said") {
  directory names;
  const node_record node{
      .name = "a", .port = 9, .type = node_type::hidden, .protocol = 3, .highest_version = 7, .extra = "x\0y"s};
  REQUIRE(names.add(node, one, 12, 1000));
  REQUIRE(names.find("a"));
  CHECK(names.find("a")->node == node);
  CHECK(names.find("a")->owner == one);
  CHECK_FALSE(names.find("b"));
}

TEST_CASE("A name lives once") {
  directory names;
  REQUIRE(names.add(named("a"), one, 3, 1000));
  CHECK(names.add(named("a", 11), two, 4, 1000).error() == errc::name_taken);
  CHECK(names.find("a")->node.port == 10);
  REQUIRE(names.remove(one));
  CHECK_FALSE(names.find("a"));
  CHECK_FALSE(names.remove(one));
  CHECK(names.add(named("a", 11), two, 4, 1000));
}

TEST_CASE("Unusable names and extra data are refused") {
  directory names;
  CHECK(names.add(named(""), one, 3, 0).error() == errc::empty_name);
  CHECK(names.add(named("a\0"s), one, 3, 0).error() == errc::nul_in_name);
  CHECK(names.add(named("\xff"), one, 3, 0).error() == errc::bad_encoding);
  CHECK(names.add(named(std::string(256, 'a')), one, 3, 0).error() == errc::name_too_long);
  CHECK(names.add({.name = "a", .extra = std::string(1021, 'e')}, one, 3, 0).error() == errc::extra_too_long);
  CHECK(names.living().empty());
  CHECK(names.add({.name = "a", .extra = std::string(1020, 'e')}, one, 3, 0).has_value());
}

TEST_CASE("A creation starts with the time and grows with each registration of the name") {
  directory names;
  CHECK(come_and_go(names, named("a"), 1000) == 1001);
  CHECK(come_and_go(names, named("a"), 5000) == 1002);
  CHECK(come_and_go(names, named("a"), 5000) == 1003);
  CHECK(come_and_go(names, named("b"), 5000) == 5001);
}

TEST_CASE("Two new names of one second have the same creation") {
  directory names;
  CHECK(come_and_go(names, named("a"), 1000) == come_and_go(names, named("b"), 1000));
}

TEST_CASE("Creations below 4 are skipped") {
  directory names;
  CHECK(come_and_go(names, named("zero"), 0) == 4);
  CHECK(come_and_go(names, named("last"), 0xfffffffe) == 0xffffffff);
  CHECK(come_and_go(names, named("last"), 0) == 4);
}

TEST_CASE("Old nodes get a creation from 1 to 3 that changes each time") {
  directory names;
  CHECK(come_and_go(names, named("old", 1, 5), 999) == 1000 % 3 + 1);
  CHECK(come_and_go(names, named("old", 1, 5), 0) == 1001 % 3 + 1);
  CHECK(come_and_go(names, named("old", 1, 5), 0) == 1002 % 3 + 1);
  CHECK(come_and_go(names, named("old", 1, 6), 0) == 1003);
}

TEST_CASE("Names are listed newest first") {
  directory names;
  REQUIRE(names.add(named("a", 1), one, 3, 0));
  REQUIRE(names.add(named("b", 2), two, 4, 0));
  REQUIRE(names.add(named("c", 65535), three, 5, 0));
  CHECK(names.names_answer(4369) == "\0\0\x11\x11name c at port 65535\nname b at port 2\nname a at port 1\n"s);
  REQUIRE(names.remove(two));
  REQUIRE(names.add(named("b", 7), two, 4, 0));
  CHECK(names.names_answer(1) == "\0\0\0\1name b at port 7\nname c at port 65535\nname a at port 1\n"s);
}

TEST_CASE("A dump shows the living names newest first and the gone ones oldest first") {
  directory names;
  REQUIRE(names.add(named("a", 1), one, 7, 0));
  REQUIRE(names.add(named("b", 2), two, 8, 0));
  REQUIRE(names.add(named("c", 3), three, 9, 0));
  REQUIRE(names.add(named("d", 4), owner_id{4}, 10, 0));
  REQUIRE(names.remove(three));
  REQUIRE(names.remove(one));
  CHECK(names.dump_answer(4369) ==
        "\0\0\x11\x11"
        "active name     <d> at port 4, fd = 10\n\0"
        "active name     <b> at port 2, fd = 8\n\0"
        "old/unused name <c>, port = 3, fd = 9 \n\0"
        "old/unused name <a>, port = 1, fd = 7 \n\0"s);
}

TEST_CASE("A name can be removed without its connection") {
  directory names;
  REQUIRE(names.add(named("a"), one, 3, 0));
  const auto* gone = names.remove("a");
  REQUIRE(gone);
  CHECK(gone->owner == one);
  CHECK_FALSE(names.remove(one));
  CHECK_FALSE(names.remove("a"));
}

TEST_CASE("The longest unused name is forgotten first, when a new name comes") {
  directory names{{.unused = 2}};
  for (const auto* name : {"a", "b", "c"}) come_and_go(names, named(name), 100);
  CHECK(names_of(names.unused()) == std::vector<std::string>{"a", "b", "c"});
  CHECK(come_and_go(names, named("d"), 200) == 201);
  CHECK(names_of(names.unused()) == std::vector<std::string>{"b", "c", "d"});
  CHECK(come_and_go(names, named("b"), 200) == 102);
  CHECK(come_and_go(names, named("a"), 200) == 201);
}

TEST_CASE("The memory of unused names is bounded") {
  directory names;
  for (int i = 0; i < 5000; ++i) come_and_go(names, named("n" + std::to_string(i)), 1);
  CHECK(names.unused().size() == 1001);
  CHECK(names.unused().front().node.name == "n3999");
}

TEST_CASE("A directory has room for a given number of names") {
  directory names{{.names = 2}};
  REQUIRE(names.add(named("a"), one, 3, 0));
  REQUIRE(names.add(named("b"), two, 4, 0));
  CHECK(names.add(named("c"), three, 5, 0).error() == errc::too_many_names);
  REQUIRE(names.remove(one));
  CHECK(names.add(named("c"), three, 5, 0).has_value());
}
