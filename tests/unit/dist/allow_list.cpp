// Node name patterns.
#include <ergo/dist/allow_list.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using ergo::dist::allow_list;
using ergo::dist::matches_glob;

TEST_CASE("a pattern matches as a shell's would") {
  struct row {
    const char* pattern;
    const char* text;
    bool matches;
  };
  for (const row& r : {row{"", "", true}, row{"", "a", false}, row{"a", "a", true}, row{"a", "ab", false},
                       row{"*", "", true}, row{"*", "abc", true}, row{"a*", "a", true}, row{"a*c", "abbbc", true},
                       row{"a*c", "abbbcd", false}, row{"*c", "abcabc", true}, row{"?", "", false}, row{"?", "x", true},
                       row{"a?c", "abc", true}, row{"a?c", "ac", false}, row{"**a**", "bab", true},
                       row{"*a*b*", "xxaxxbxx", true}, row{"*a*b*", "xxbxxaxx", false}, row{"a*", "ba", false}}) {
    INFO(r.pattern << " against " << r.text);
    CHECK(matches_glob(r.pattern, r.text) == r.matches);
  }
}

TEST_CASE("a hostile name against a hostile pattern is decided in a moment") {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  CHECK_FALSE(matches_glob(pattern + "b", std::string(100'000, 'a')));
}

TEST_CASE("an empty list permits everybody") {
  CHECK(allow_list{}.permits("a@b"));
  CHECK(allow_list{}.empty());
}

TEST_CASE("a list permits names, hosts and patterns, and nobody else") {
  const allow_list list{{"db@one", "*@10.0.0.*", "two"}};
  CHECK_FALSE(list.empty());
  CHECK(list.permits("db@one"));
  CHECK(list.permits("anything@10.0.0.7"));
  CHECK(list.permits("x@two"));
  CHECK_FALSE(list.permits("x@one"));
  CHECK_FALSE(list.permits("db@one.example"));
  CHECK_FALSE(list.permits("x@twoo"));
  CHECK_FALSE(list.permits("two@x"));
}
