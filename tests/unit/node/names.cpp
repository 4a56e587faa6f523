// Completing and checking node names.
#include "names.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace ergo;
using namespace ergo::detail;

namespace {

const host_names here{.plain = "db1.example.org", .full = "db1.example.org"};
const host_names bare{.plain = "db1", .full = "db1"};

}  // namespace

TEST_CASE("a name without a host gets the computer's, up to its first dot") {
  const auto name = complete_name("bank", name_kind::automatic, here);
  REQUIRE(name);
  CHECK(name->text() == "bank@db1");
  CHECK(name->kind == dist::naming::short_names);
  CHECK(complete_name("bank", name_kind::short_names, here)->text() == "bank@db1");
}

TEST_CASE("a long name without a host gets the computer's full name") {
  const auto name = complete_name("bank", name_kind::long_names, here);
  REQUIRE(name);
  CHECK(name->text() == "bank@db1.example.org");
  CHECK(name->kind == dist::naming::long_names);
}

TEST_CASE("a long name cannot be made where the computer has no domain") {
  const auto name = complete_name("bank", name_kind::long_names, bare);
  REQUIRE_FALSE(name);
  CHECK(name.error().find("domain") != std::string::npos);
}

TEST_CASE("a computer without a name asks for a whole node name") {
  const auto name = complete_name("bank", name_kind::automatic, host_names{});
  REQUIRE_FALSE(name);
  CHECK(name.error().find("name@host") != std::string::npos);
}

TEST_CASE("the host part decides between long and short names") {
  CHECK(complete_name("a@localhost", name_kind::automatic, here)->kind == dist::naming::short_names);
  CHECK(complete_name("a@127.0.0.1", name_kind::automatic, here)->kind == dist::naming::long_names);
  CHECK(complete_name("a@::1", name_kind::automatic, here)->kind == dist::naming::long_names);
  CHECK(complete_name("a@h.example", name_kind::long_names, here)->host == "h.example");
}

TEST_CASE("short and long names are not mixed up") {
  CHECK_FALSE(complete_name("a@h.example", name_kind::short_names, here));
  CHECK_FALSE(complete_name("a@localhost", name_kind::long_names, here));
}

TEST_CASE("what is no node name is refused with the text in the sentence") {
  for (const auto* const bad : {"", "@", "a@", "@h", "a@b@c", "a b@h", "a\n@h"}) {
    const auto name = complete_name(bad, name_kind::automatic, here);
    REQUIRE_FALSE(name);
    CHECK(name.error().find("node name") != std::string::npos);
  }
  CHECK_FALSE(complete_name(std::string(255, 'x') + "@h", name_kind::automatic, here));
}

TEST_CASE("a name has two halves, or none") {
  CHECK(halves("a@b") == std::pair<std::string_view, std::string_view>{"a", "b"});
  CHECK(halves("ab").first.empty());
  CHECK(halves("ab").second.empty());
}

TEST_CASE("a node that another one names has a host of that one's kind, and no name") {
  CHECK(complete_unnamed("", name_kind::automatic, "erl@far", here)->host == "db1");
  CHECK(complete_unnamed("", name_kind::automatic, "erl@far.example.org", here)->host == "db1.example.org");
  const auto told = complete_unnamed("undefined@localhost", name_kind::automatic, "erl@far", here);
  REQUIRE(told);
  CHECK(told->host == "localhost");
  CHECK_FALSE(complete_unnamed("undefined@localhost", name_kind::automatic, "erl@far.example.org", here));
  CHECK(complete_unnamed("bank", name_kind::automatic, "erl@far", here).error().find("named_by") != std::string::npos);
  CHECK(complete_unnamed("", name_kind::automatic, "far", here).error().find("named_by") != std::string::npos);
}

TEST_CASE("this computer has a name") { CHECK_FALSE(read_host_names().plain.empty()); }
