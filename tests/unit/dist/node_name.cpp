// Which texts are node names, and how they travel.
#include <ergo/dist/node_name.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace dist = ergo::dist;
using dist::naming;

TEST_CASE("a node name is two non-empty halves around one @") {
  CHECK(dist::valid_node_name("a@b"));
  CHECK(dist::valid_node_name("node_1-x.y@host.example.org"));
  CHECK(dist::valid_node_name("x@::1"));
  for (const char* bad : {"", "a", "@", "@b", "a@", "a@@b", "a@b@c", "@a@"}) {
    INFO(bad);
    CHECK_FALSE(dist::valid_node_name(bad));
  }
}

TEST_CASE("control characters and spaces are in no node name") {
  for (char c : {'\0', '\n', '\r', '\x1b', ' ', '\x7f'}) {
    std::string name = "a@b";
    name.insert(1, 1, c);
    CHECK_FALSE(dist::valid_node_name(name));
  }
  CHECK_FALSE(dist::valid_node_name("a\xC2\x80\xC4\x80@b"));
}

TEST_CASE("a node name has at most 255 characters") {
  CHECK(dist::valid_node_name(std::string(253, 'a') + "@b"));
  CHECK_FALSE(dist::valid_node_name(std::string(254, 'a') + "@b"));
  std::string umlauts;
  for (int i = 0; i < 253; ++i) umlauts += "\xC3\xA4";
  CHECK(dist::valid_node_name(umlauts + "@b"));
  CHECK_FALSE(dist::valid_node_name(umlauts + "\xC3\xA4@b"));
}

TEST_CASE("a host alone has no @") {
  CHECK(dist::valid_host("localhost"));
  CHECK_FALSE(dist::valid_host(""));
  CHECK_FALSE(dist::valid_host("a@b"));
  CHECK_FALSE(dist::valid_host("a b"));
}

TEST_CASE("the host is what follows the @") {
  CHECK(dist::host_of("a@b") == "b");
  CHECK(dist::host_of("b") == "b");
}

TEST_CASE("long and short names are told apart by the host") {
  CHECK(dist::naming_of("a@b") == naming::short_names);
  CHECK(dist::naming_of("a.b@c") == naming::short_names);
  CHECK(dist::naming_of("a@b.c") == naming::long_names);
  CHECK(dist::naming_of("a@127.0.0.1") == naming::long_names);
  CHECK(dist::naming_of("a@::1") == naming::long_names);
  CHECK(dist::fits("a@b", naming::any));
  CHECK(dist::fits("a@b.c", naming::any));
  CHECK(dist::fits("a@b", naming::short_names));
  CHECK_FALSE(dist::fits("a@b", naming::long_names));
  CHECK_FALSE(dist::fits("a@b.c", naming::short_names));
}

TEST_CASE("Latin-1 and UTF-8 convert into each other") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(dist::utf8_to_latin1(dist::latin1_to_utf8(all)) == all);
  CHECK(dist::latin1_to_utf8("\xE5") == "\xC3\xA5");
  CHECK(dist::utf8_to_latin1("\xC3\xA5") == "\xE5");
}

TEST_CASE("what Latin-1 cannot write is refused") {
  for (const char* bad :
       {"\xCE\xBB", "\xE2\x82\xAC", "\xC3", "\xC3x", "\x80", "\xC1\x81", "\xC4\x80", "\xF0\x9F\x98\x80"}) {
    INFO(bad);
    CHECK_FALSE(dist::utf8_to_latin1(bad));
  }
}
