// Types of a program's own, faults with long paths, limits, and what a failure costs.
#include "convert_fixture.hpp"

#include <ergo_test/allocations.hpp>

#include <map>
#include <set>

using namespace ergo;
using namespace ergo::etf::literals;
using ergo_test::refuses;
using ergo_test::term_of;
using ergo_test::travels;
using etf::errc;

namespace own {

/// A value without a default constructor, with a form of its own: `{eur, 500}`.
class money {
 public:
  explicit money(std::int64_t cents) : cents_{cents} {}
  [[nodiscard]] std::int64_t cents() const { return cents_; }
  friend auto operator<=>(const money&, const money&) = default;

 private:
  std::int64_t cents_;
};

/// A template of the program's own.
template <typename T>
struct boxed {
  T value{};
  friend bool operator==(const boxed&, const boxed&) = default;
};

/// Described, but its converter goes first.
struct hidden {
  int value = 0;
  friend bool operator==(const hidden&, const hidden&) = default;
};
BOOST_DESCRIBE_STRUCT(hidden, (), (value))

struct write_only {};

struct invoice {
  boxed<std::string> number;
  std::vector<hidden> lines;
  friend bool operator==(const invoice&, const invoice&) = default;
};
BOOST_DESCRIBE_STRUCT(invoice, (), (number, lines))

/// A type that holds values of its own type.
struct tree {
  int value = 0;
  std::vector<tree> children;
  friend bool operator==(const tree&, const tree&) = default;
};
BOOST_DESCRIBE_STRUCT(tree, (), (value, children))

struct left;
struct right;
struct branch {
  std::vector<std::variant<left, right>> parts;
};
struct left : branch {
  static constexpr auto etf_shape = etf::as_tuple;
};
struct right : branch {
  static constexpr auto etf_shape = etf::as_tuple;
};
BOOST_DESCRIBE_STRUCT(branch, (), (parts))
BOOST_DESCRIBE_STRUCT(left, (branch), ())
BOOST_DESCRIBE_STRUCT(right, (branch), ())

struct undescribed {};

struct account {
  std::int64_t id = 0;
  bool open = false;
  std::optional<double> rate;
};
BOOST_DESCRIBE_STRUCT(account, (), (id, open, rate))

}  // namespace own

template <>
struct ergo::etf::converter<own::money> {
  [[nodiscard]] static term to_term(const own::money& value) { return tuple("eur"_atom, value.cents()); }
  [[nodiscard]] static std::expected<own::money, conversion_error> from_term(const term& value) {
    if (!is_tagged(value, "eur"_atom, 2)) return std::unexpected{errc::wrong_tag};
    auto cents = etf::from_term<std::int64_t>(value.elements()[1]);
    if (cents) return own::money{*cents};
    cents.error().add_field("cents");
    return std::unexpected{cents.error()};
  }
};

template <typename T>
struct ergo::etf::converter<own::boxed<T>> {
  [[nodiscard]] static term to_term(const own::boxed<T>& value) { return list(etf::to_term(value.value)); }
  [[nodiscard]] static std::expected<own::boxed<T>, conversion_error> from_term(const term& value) {
    auto inner = etf::from_term<std::array<T, 1>>(value);
    if (!inner) return std::unexpected{inner.error()};
    return own::boxed<T>{std::move((*inner)[0])};
  }
  [[nodiscard]] static bool matches(const term& value) noexcept { return etf::matches<std::array<T, 1>>(value); }
};

template <>
struct ergo::etf::converter<own::hidden> {
  [[nodiscard]] static term to_term(const own::hidden& value) { return term{value.value}; }
  [[nodiscard]] static std::expected<own::hidden, conversion_error> from_term(const term& value) {
    const auto number = value.as_integer();
    if (!number) return std::unexpected{errc::wrong_type};
    return own::hidden{static_cast<int>(*number)};
  }
};

template <>
struct ergo::etf::converter<own::write_only> {
  [[nodiscard]] static term to_term(const own::write_only&) { return term{"secret"_atom}; }
};

using namespace own;

TEST_CASE("a converter of the program's own goes before everything that is built in", "[etf][convert]") {
  travels(money{500}, {"{eur,500}"});
  travels(boxed<int>{5}, {"[5]"});
  travels(hidden{7}, {"7"});
  travels(invoice{{"n1"}, {{1}, {2}}}, {"{invoice,[<<\"n1\">>],[1,2]}"});
  travels(std::variant<hidden, boxed<std::string>>{boxed<std::string>{"s"}}, {"[<<\"s\">>]"});
  refuses<money>({{"{usd,5}", errc::wrong_tag}, {"{eur,x}", errc::wrong_type, "cents"}});
  refuses<invoice>({{"{invoice,[],[]}", errc::wrong_size, "number"},
                    {"{invoice,[<<>>],[1,a]}", errc::wrong_type, "lines[1]"},
                    {"{invoice,[a],[]}", errc::wrong_type, "number[0]"}});
  CHECK(etf::to_text(etf::to_term(std::vector<write_only>(2))) == "[secret,secret]");
  CHECK_FALSE(etf::matches<money>(term_of("{usd,5}")));
  CHECK_FALSE(etf::matches<write_only>(term_of("secret")));
}

TEST_CASE("what can be converted is known when the program is compiled", "[etf][convert]") {
  STATIC_REQUIRE(etf::convertible<money>);
  STATIC_REQUIRE(etf::convertible<invoice>);
  STATIC_REQUIRE(etf::convertible<tree>);
  STATIC_REQUIRE(etf::convertible<std::vector<std::map<std::string, std::optional<tree>>>>);
  STATIC_REQUIRE(etf::convertible<std::variant<int, std::tuple<tree, boxed<int>>>>);
  STATIC_REQUIRE(etf::convertible<std::expected<void, etf::atom>>);
  STATIC_REQUIRE(etf::convertible_to_term<write_only> && !etf::convertible_from_term<write_only>);
  STATIC_REQUIRE(!etf::convertible_to_term<undescribed> && !etf::convertible_from_term<undescribed>);
  STATIC_REQUIRE(!etf::convertible_to_term<std::vector<undescribed>>);
  STATIC_REQUIRE(!etf::convertible_to_term<std::map<int, undescribed>>);
  STATIC_REQUIRE(!etf::convertible_from_term<std::tuple<int, undescribed>>);
  STATIC_REQUIRE(!etf::convertible_from_term<std::optional<undescribed>>);
  STATIC_REQUIRE(!etf::convertible_to_term<std::variant<int, undescribed>>);
  STATIC_REQUIRE(!etf::convertible_to_term<std::expected<undescribed, int>>);
  STATIC_REQUIRE(!etf::convertible_to_term<int*> && !etf::convertible_to_term<std::multimap<int, int>>);
}

TEST_CASE("recursive types are read down to the limit of depth", "[etf][convert]") {
  travels(tree{1, {{2, {}}, {3, {{4, {}}}}}}, {"{tree,1,[{tree,2,[]},{tree,3,[{tree,4,[]}]}]}"});
  const auto chain = [](int levels) {
    auto made = etf::to_term(tree{levels, {}});
    for (int level = levels - 1; level > 0; --level) made = etf::tuple("tree"_atom, level, etf::list(made));
    return made;
  };
  CHECK(etf::from_term<tree>(chain(100)).has_value());
  CHECK(etf::from_term<tree>(chain(3), {.depth = 5}).has_value());
  const auto refused = etf::from_term<tree>(chain(3), {.depth = 4});
  REQUIRE(!refused);
  CHECK(refused.error().code == errc::too_deep);
  CHECK(refused.error().path() == "children[0].children[0].value");
  const auto hostile = etf::from_term<tree>(chain(1'000'000));
  REQUIRE(!hostile);
  CHECK(hostile.error().code == errc::too_deep);
}

TEST_CASE("a long path keeps its outer steps", "[etf][convert]") {
  const auto deep = etf::from_term<tree>(term_of("{tree,1,[{tree,2,[{tree,3,[{tree,4,[{tree,5,[{tree,x,[]}]}]}]}]}]}"));
  REQUIRE(!deep);
  CHECK(deep.error().path() == "children[0].children[0].children[0].children[0]...");
  const auto less = etf::from_term<tree>(term_of("{tree,1,[{tree,2,[]},{tree,3,[{tree,4,[{tree,x,[]}]}]}]}"));
  CHECK(less.error().path() == "children[1].children[0].children[0].value");
}

TEST_CASE("a peer cannot make a variant try for ever", "[etf][convert]") {
  auto made = etf::tuple("x"_atom);
  for (int level = 0; level < 60; ++level) made = etf::tuple(etf::list(made));
  const auto refused = etf::from_term<left>(made);
  REQUIRE(!refused);
  CHECK(refused.error().code == errc::too_big);
}

TEST_CASE("an error says where and what", "[etf][convert]") {
  const auto wrong = etf::from_term<std::vector<tree>>(term_of("[{tree,1,[]},{tree,1,x}]"));
  REQUIRE(!wrong);
  CHECK(wrong.error().message() == "[1].children: " + std::string{etf::describe(errc::wrong_type)});
  CHECK(etf::conversion_error{errc::wrong_tag}.message() == etf::describe(errc::wrong_tag));
  CHECK(etf::conversion_error{errc::wrong_tag}.path().empty());
  CHECK(wrong.error() == etf::from_term<std::vector<tree>>(term_of("[{tree,1,[]},{tree,1,y}]")).error());
  CHECK_FALSE(wrong.error() == etf::from_term<std::vector<tree>>(term_of("[{tree,1,y}]")).error());
}

TEST_CASE("a failed conversion allocates nothing for its error", "[etf][convert]") {
  const std::vector<etf::term> terms{term_of("{account,1,true,x}"),
                                     term_of("{account,a,true,1.0}"),
                                     term_of("{other,1,true,1.0}"),
                                     term_of("{account,1}"),
                                     term_of("[]"),
                                     term_of("{account,9999999999999999999999999999,true,1.0}")};
  const auto texts = term_of("{deposit,bob,1}");
  for (const auto& term : terms) CHECK(!etf::from_term<account>(term));  // what is made once, is made now
  std::size_t failures = 0;
  const auto before = ergo::test::allocations();
  for (int round = 0; round < 10; ++round) {
    for (const auto& term : terms) {
      if (!etf::from_term<account>(term)) ++failures;
    }
    if (!etf::from_term<std::map<int, int>>(texts)) ++failures;
    if (!etf::from_term<std::variant<account, bool>>(texts)) ++failures;
  }
  const auto after = ergo::test::allocations();
  CHECK(after == before);
  CHECK(failures == 10 * (terms.size() + 2));
}
