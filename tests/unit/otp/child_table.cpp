// The children of a supervisor by order, id and process.
#include "child_table.hpp"

#include "support.hpp"

using namespace ergo;
using otp::strategy;
using otp::detail::child_table;

namespace {

child_table::position add(child_table& to, const term& id, bool significant = false) {
  otp::child_spec spec;
  spec.id = id;
  spec.significant = significant;
  return to.add(std::move(spec));
}

pid some_pid(std::uint32_t serial) { return pid{.node = etf::node_id{}, .id = 1, .serial = serial}; }

}  // namespace

TEST_CASE("the strategy says which children are started again together") {
  child_table table;
  const auto a = add(table, "a"_atom);
  const auto b = add(table, "b"_atom);
  const auto c = add(table, "c"_atom);
  using positions = std::vector<child_table::position>;
  CHECK(table.together(b, strategy::one_for_one) == positions{b});
  CHECK(table.together(b, strategy::simple_one_for_one) == positions{b});
  CHECK(table.together(b, strategy::rest_for_one) == positions{b, c});
  CHECK(table.together(b, strategy::one_for_all) == positions{a, b, c});
  table.erase(b);
  CHECK(table.together(a, strategy::rest_for_one) == positions{a, c});
  const auto again = add(table, "b"_atom);
  CHECK(table.together(a, strategy::one_for_all) == positions{a, c, again});
}

TEST_CASE("a child is found by id always, and by its process while it runs") {
  child_table table;
  const auto whole = add(table, 1);
  const auto broken = add(table, 1.0);
  CHECK(table.find(term{1}) == whole);
  CHECK(table.find(term{1.0}) == broken);
  CHECK(!table.find(some_pid(7)));
  table.set_running(whole, some_pid(7));
  CHECK(table.find(some_pid(7)) == whole);
  table.set_restarting(whole);
  CHECK(!table.find(some_pid(7)));
  table.set_running(whole, some_pid(8));
  table.set_running(broken, some_pid(9));
  table.set_stopped(broken);
  CHECK(!table.find(some_pid(9)));
  table.erase(whole);
  CHECK(!table.find(some_pid(8)));
  CHECK(!table.find(term{1}));
}

TEST_CASE("significant children are left as long as one runs or is being restarted") {
  child_table table;
  const auto one = add(table, "one"_atom, true);
  const auto two = add(table, "two"_atom, true);
  const auto other = add(table, "other"_atom);
  CHECK(!table.has_significant());
  table.set_running(other, some_pid(1));
  CHECK(!table.has_significant());
  table.set_running(one, some_pid(2));
  table.set_running(two, some_pid(3));
  table.set_stopped(one);
  table.set_stopped(one);
  CHECK(table.has_significant());
  table.set_restarting(two);
  CHECK(table.has_significant());
  table.set_running(two, some_pid(4));
  table.erase(two);
  CHECK(!table.has_significant());
}
