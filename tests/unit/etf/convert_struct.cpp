// Described structs in each of their shapes.
#include "convert_fixture.hpp"

#include <map>

using namespace ergo;
using namespace ergo::etf::literals;
using ergo_test::refuses;
using ergo_test::term_of;
using ergo_test::travels;
using etf::errc;

namespace shapes {

struct deposit {
  std::string account;
  std::int64_t cents = 0;
  friend bool operator==(const deposit&, const deposit&) = default;
};
BOOST_DESCRIBE_STRUCT(deposit, (), (account, cents))

struct HTTPReply2 {
  std::uint16_t status = 0;
  friend bool operator==(const HTTPReply2&, const HTTPReply2&) = default;
};
BOOST_DESCRIBE_STRUCT(HTTPReply2, (), (status))

template <typename T>
struct GetValue {
  T value{};
  friend bool operator==(const GetValue&, const GetValue&) = default;
};
BOOST_DESCRIBE_STRUCT(GetValue<std::vector<int>>, (), (value))

struct ping {
  friend bool operator==(const ping&, const ping&) = default;
};
BOOST_DESCRIBE_STRUCT(ping, (), ())

struct renamed {
  int value = 0;
  static constexpr auto etf_shape = etf::as_record<"Other name">;
  friend bool operator==(const renamed&, const renamed&) = default;
};
BOOST_DESCRIBE_STRUCT(renamed, (), (value))

struct point {
  double x = 0;
  double y = 0;
  static constexpr auto etf_shape = etf::as_tuple;
  friend bool operator==(const point&, const point&) = default;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

struct user {
  std::string name;
  std::optional<int> age;
  bool default_ = false;
  static constexpr auto etf_shape = etf::as_map;
  friend bool operator==(const user&, const user&) = default;
};
BOOST_DESCRIBE_STRUCT(user, (), (name, age, default_))

struct order {
  int id = 0;
  std::optional<std::string> note;
  static constexpr auto etf_shape = etf::as_elixir_struct<"Shop.Order">;
  friend bool operator==(const order&, const order&) = default;
};
BOOST_DESCRIBE_STRUCT(order, (), (id, note))

struct document {
  std::string title;
  std::vector<point> outline;
  std::optional<int> pages;
  friend bool operator==(const document&, const document&) = default;
};
BOOST_DESCRIBE_STRUCT(document, (), (title, outline, pages))

struct options {
  bool quick = false;
  std::optional<int> level;
  std::string name;
  static constexpr auto etf_shape = etf::as_property_list;
  friend bool operator==(const options&, const options&) = default;
};
BOOST_DESCRIBE_STRUCT(options, (), (quick, level, name))

struct timed_deposit : deposit {
  int days = 0;
  friend bool operator==(const timed_deposit&, const timed_deposit&) = default;
};
BOOST_DESCRIBE_STRUCT(timed_deposit, (deposit), (days))

class sealed {
 public:
  sealed() = default;
  explicit sealed(int secret) : secret_{secret} {}
  friend bool operator==(const sealed&, const sealed&) = default;

 private:
  int secret_ = 0;
  BOOST_DESCRIBE_CLASS(sealed, (), (), (), (secret_))
};

struct bank {
  std::vector<deposit> accounts;
  std::map<std::string, user> users;
  std::variant<ping, deposit, renamed> last;
  friend bool operator==(const bank&, const bank&) = default;
};
BOOST_DESCRIBE_STRUCT(bank, (), (accounts, users, last))

}  // namespace shapes

namespace lib {
struct foreign {
  int a = 0;
  friend bool operator==(const foreign&, const foreign&) = default;
};
BOOST_DESCRIBE_STRUCT(foreign, (), (a))
}  // namespace lib

template <>
inline constexpr auto ergo::etf::shape_of<shapes::document> = ergo::etf::as_binary_map;
template <>
inline constexpr auto ergo::etf::shape_of<lib::foreign> = ergo::etf::as_map;

using namespace shapes;

TEST_CASE("a struct is a record with its name in snake case as tag", "[etf][convert]") {
  travels(deposit{"bob", 500}, {"{deposit,<<\"bob\">>,500}", "{deposit,\"bob\",500}"});
  travels(HTTPReply2{404}, {"{http_reply2,404}"});
  travels(GetValue<std::vector<int>>{{1, 2}}, {"{get_value,[1,2]}"});
  travels(ping{}, {"{ping}"});
  travels(renamed{7}, {"{'Other name',7}"});
  refuses<deposit>({{"deposit", errc::wrong_type},
                    {"[deposit,\"bob\",500]", errc::wrong_type},
                    {"{deposit,\"bob\"}", errc::wrong_size},
                    {"{deposit,\"bob\",500,1}", errc::wrong_size},
                    {"{}", errc::wrong_size},
                    {"{withdraw,\"bob\",500}", errc::wrong_tag},
                    {"{\"deposit\",\"bob\",500}", errc::wrong_tag},
                    {"{deposit,bob,500}", errc::wrong_type, "account"},
                    {"{deposit,\"bob\",1.5}", errc::wrong_type, "cents"},
                    {"{deposit,\"bob\",9223372036854775808}", errc::out_of_range, "cents"}});
  refuses<ping>({{"ping", errc::wrong_type}, {"{pong}", errc::wrong_tag}, {"{ping,1}", errc::wrong_size}});
}

TEST_CASE("a bare tuple has no tag", "[etf][convert]") {
  travels(point{1, -2.5}, {"{1.0,-2.5}", "{1,-2.5}"});
  refuses<point>({{"{point,1.0,2.0}", errc::wrong_size},
                  {"{1.0}", errc::wrong_size},
                  {"{1.0,a}", errc::wrong_type, "y"},
                  {"[1.0,2.0]", errc::wrong_type}});
}

TEST_CASE("a map with atoms as keys ignores unknown keys and needs all fields that are not optional",
          "[etf][convert]") {
  travels(user{"ann", 30, true},
          {"#{age => 30,default => true,name => <<\"ann\">>}", "#{name=>\"ann\",age=>30,default=>true,more=>[],1=>2}"});
  travels(user{"ann", {}, false}, {"#{age => undefined,default => false,name => <<\"ann\">>}",
                                   "#{name=>\"ann\",default=>false}", "#{name=>\"ann\",age=>nil,default=>false}"});
  refuses<user>({{"#{age=>1,default=>true}", errc::missing_field, "name"},
                 {"#{name=>\"a\"}", errc::missing_field, "default"},
                 {"#{name=>\"a\",default=>1}", errc::wrong_type, "default"},
                 {"#{name=>\"a\",default=>true,age=>x}", errc::wrong_type, "age"},
                 {"#{<<\"name\">>=>\"a\",default=>true}", errc::missing_field, "name"},
                 {"[{name,\"a\"}]", errc::wrong_type},
                 {"{user,\"a\",1,true}", errc::wrong_type}});
  travels(lib::foreign{3}, {"#{a => 3}"});
}

TEST_CASE("an Elixir struct carries its module, which is checked", "[etf][convert]") {
  travels(order{7, "x"}, {"#{'__struct__' => 'Elixir.Shop.Order',id => 7,note => <<\"x\">>}"});
  travels(order{7, {}},
          {"#{'__struct__' => 'Elixir.Shop.Order',id => 7,note => nil}", "#{'__struct__'=>'Elixir.Shop.Order',id=>7}",
           "#{'__struct__'=>'Elixir.Shop.Order',id=>7,note=>undefined}"});
  refuses<order>({{"#{id=>7}", errc::missing_field, "__struct__"},
                  {"#{'__struct__'=>'Elixir.Shop.Item',id=>7}", errc::wrong_tag, "__struct__"},
                  {"#{'__struct__'=>\"Elixir.Shop.Order\",id=>7}", errc::wrong_tag, "__struct__"},
                  {"#{'__struct__'=>'Elixir.Shop.Order'}", errc::missing_field, "id"},
                  {"order", errc::wrong_type}});
  CHECK_FALSE(etf::matches<order>(term_of("#{'__struct__'=>'Elixir.Shop.Item',id=>7}")));
  CHECK_FALSE(etf::matches<order>(term_of("#{id=>7}")));
}

TEST_CASE("a map with binaries as keys is what JSON decoders make", "[etf][convert]") {
  travels(document{"t", {{1, 2}}, {}},
          {"#{<<\"outline\">> => [{1.0,2.0}],<<\"pages\">> => undefined,<<\"title\">> => <<\"t\">>}",
           "#{<<\"title\">>=><<\"t\">>,<<\"outline\">>=>[{1,2}],<<\"x\">>=>1}"});
  refuses<document>({{"#{title=>\"t\",outline=>[]}", errc::missing_field, "title"},
                     {"#{<<\"title\">>=>\"t\",<<\"outline\">>=>[{1,2},{1,x}]}", errc::wrong_type, "outline[1].y"},
                     {"[]", errc::wrong_type}});
}

TEST_CASE("a property list finds the first property of a name and takes a bare atom for true", "[etf][convert]") {
  travels(options{true, 3, "n"}, {"[{quick,true},{level,3},{name,<<\"n\">>}]", "[{name,\"n\"},quick,{level,3}]",
                                  "[{quick,true},{name,\"n\"},{level,3},{level,4},quick,{quick,false}]",
                                  "[x,{y,1},{name,1,2},1,{level,3},{name,\"n\"},quick]"});
  travels(options{false, {}, ""}, {"[{quick,false},{name,<<>>}]"});
  refuses<options>({{"[{quick,true}]", errc::missing_field, "name"},
                    {"[]", errc::missing_field, "quick"},
                    {"[{name,\"\"},quick|x]", errc::wrong_type},
                    {"[{name,\"\"},quick,{level,x}]", errc::wrong_type, "level"},
                    {"[name,quick]", errc::wrong_type, "name"},
                    {"#{name=>\"\",quick=>true}", errc::wrong_type}});
}

TEST_CASE("bases come before members", "[etf][convert]") {
  timed_deposit value;
  value.account = "bob";
  value.cents = 5;
  value.days = 30;
  travels(value, {"{timed_deposit,<<\"bob\">>,5,30}"});
}

TEST_CASE("private members that a class describes travel under their name without the underscore", "[etf][convert]") {
  travels(sealed{42}, {"{sealed,42}"});
  refuses<sealed>({{"{sealed,x}", errc::wrong_type, "secret"}});
}

TEST_CASE("structs, containers and variants nest", "[etf][convert]") {
  const bank value{{{"a", 1}, {"b", 2}}, {{"ann", {"ann", 3, true}}}, deposit{"c", 3}};
  travels(value, {"{bank,[{deposit,<<\"a\">>,1},{deposit,<<\"b\">>,2}],#{<<\"ann\">> => #{age => 3,default => "
                  "true,name => <<\"ann\">>}},{deposit,<<\"c\">>,3}}"});
  travels(bank{}, {"{bank,[],#{},{ping}}"});
  refuses<bank>({{"{bank,[{deposit,\"a\",1},{deposit,\"b\",x}],#{},{ping}}", errc::wrong_type, "accounts[1].cents"},
                 {"{bank,[x],#{},{ping}}", errc::wrong_type, "accounts[0]"},
                 {"{bank,[],#{\"u\"=>#{name=>\"n\"}},{ping}}", errc::missing_field, "users[0].default"},
                 {"{bank,[],#{1=>#{}},{ping}}", errc::wrong_type, "users[0].key"},
                 {"{bank,[],#{},{deposit,x,1}}", errc::wrong_type, "last"},
                 {"{bank,[],#{},pong}", errc::wrong_type, "last"}});
}

TEST_CASE("matches looks at tag, arity and the types of fields, not into containers", "[etf][convert]") {
  CHECK(etf::matches<deposit>(term_of("{deposit,\"bob\",1}")));
  CHECK_FALSE(etf::matches<deposit>(term_of("{deposit,\"bob\"}")));
  CHECK_FALSE(etf::matches<deposit>(term_of("{withdraw,\"bob\",1}")));
  CHECK_FALSE(etf::matches<deposit>(term_of("{deposit,bob,1}")));
  CHECK_FALSE(etf::matches<deposit>(term_of("deposit")));
  CHECK(etf::matches<bank>(term_of("{bank,[x],#{y=>z},{ping}}")));
  CHECK_FALSE(etf::matches<bank>(term_of("{bank,[x],#{y=>z},{pang}}")));
  CHECK_FALSE(etf::matches<user>(term_of("#{name=>\"a\"}")));
  CHECK_FALSE(etf::matches<options>(term_of("[quick]")));
  CHECK_FALSE(etf::matches<point>(term_of("{1,2,3}")));
}

namespace shapes {

struct never_written {
  int never_written_number = 0;
};
BOOST_DESCRIBE_STRUCT(never_written, (), (never_written_number))

struct never_read {
  int never_read_number = 0;
  static constexpr auto etf_shape = etf::as_map;
};
BOOST_DESCRIBE_STRUCT(never_read, (), (never_read_number))

// Never called: the atoms come from the initialisation of the names alone.
[[maybe_unused]] etf::term write_never(const never_written& value) { return etf::to_term(value); }
[[maybe_unused]] bool read_never(const etf::term& value) { return etf::from_term<never_read>(value).has_value(); }

}  // namespace shapes

TEST_CASE("the names that conversions need are atoms before main", "[etf][convert]") {
  CHECK(etf::atom::find("never_written").has_value());
  CHECK(etf::atom::find("never_read_number").has_value());
  CHECK_FALSE(etf::atom::find("never_written_number").has_value());  // a record needs no names of fields
}
