// Slots and serials: identifiers that stay within the width peers accept, and stale ones that match nobody.
#include "ergo_test/figures.hpp"
#include "fixture.hpp"

#include <extras.hpp>
#include <slots.hpp>

#include <map>
#include <set>

namespace ergo::test {
namespace {

using detail::slot_table;

TEST_CASE("a slot table hands out each slot once, never slot 0, and stops at its limit") {
  slot_table table{1000, 28};
  std::set<const process*> seen;
  std::vector<process*> all;
  for (int count = 0; count < 1000; ++count) {
    auto* const one = table.take();
    REQUIRE(one != nullptr);
    REQUIRE(one->slot != 0);
    REQUIRE(table.at(one->slot) == one);
    REQUIRE(seen.insert(one).second);
    all.push_back(one);
  }
  CHECK(table.take() == nullptr);
  CHECK(table.live() == 1000);
  table.give_back(all[500]);
  CHECK(table.live() == 999);
  CHECK(table.take() == all[500]);
  CHECK(table.at(5'000'000) == nullptr);
  CHECK(table.at(UINT32_MAX) == nullptr);
}

TEST_CASE("who waits for a slot table to be empty is told when the last one has left, or at the limit") {
  slot_table table{1000, 28};
  CHECK(table.wait_until_empty(0s));
  auto* const first = table.take();
  auto* const second = table.take();
  table.give_back(first);
  CHECK_FALSE(table.wait_until_empty(1ms));
  std::jthread leaver{[&] { table.give_back(second); }};
  CHECK(table.wait_until_empty(forever));
  CHECK(table.live() == 0);
}

TEST_CASE("a table with caches hands out each slot once and counts who lives, whoever takes and gives") {
  slot_table table{std::size_t{1} << 24, 28};
  detail::slot_cache giver;
  detail::slot_cache taker;
  table.add(giver);
  table.add(taker);
  std::set<process*> alive;
  const auto take = [&](process* one) {
    REQUIRE(one != nullptr);
    REQUIRE(table.at(one->slot) == one);
    REQUIRE(alive.insert(one).second);
  };
  std::uint32_t highest = 0;
  for (int round = 0; round < 20; ++round) {
    for (int count = 0; count < 1000; ++count) take(count % 3 == 0 ? table.take() : table.take(giver));
    CHECK(table.live() == 1000);
    for (auto* one : alive) one->slot % 5 == 0 ? table.give_back(one) : table.give_back(one, taker);
    alive.clear();
    CHECK(table.live() == 0);
    if (round == 10) highest = table.end();
  }
  CHECK(table.end() == highest);
  CHECK(table.wait_until_empty(0s));
}

TEST_CASE("a table with caches keeps its limit, but for what lies in the caches of others") {
  constexpr std::size_t limit = std::size_t{1} << 17;
  slot_table table{limit, 28};
  detail::slot_cache own;
  detail::slot_cache other;
  table.add(own);
  table.add(other);
  auto* const first = table.take(other);
  std::size_t count = 1;
  while (table.take(own) != nullptr) ++count;
  CHECK(count <= limit);
  CHECK(count > limit - 64);
  table.give_back(first, other);
  CHECK(table.take(own) == nullptr);
  CHECK(table.take(other) == first);
}

TEST_CASE("who waits for a table with caches to be empty is told by the worker that ends the last process") {
  slot_table table{std::size_t{1} << 24, 28};
  detail::slot_cache cache;
  table.add(cache);
  auto* const last = table.take(cache);
  std::jthread leaver{[&] { table.give_back(last, cache); }};
  CHECK(table.wait_until_empty(forever));
}

TEST_CASE("a slot that nobody has lived in yet is nobody's process") {
  slot_table table{std::size_t{1} << 24, 28};
  detail::slot_cache cache;
  table.add(cache);
  (void)table.take(cache);
  for (std::uint32_t slot = 1; slot < table.end(); ++slot) {
    CHECK(table.at(slot)->tenant.load() != detail::process_state::tenant_of(pid{{}, slot, 0}));
  }
}

TEST_CASE("narrow identifiers stay within 15 and 13 bits") {
  slot_table table{std::size_t{1} << 24, 15};
  std::uint32_t highest = 0;
  std::size_t count = 0;
  for (auto* one = table.take(); one != nullptr; one = table.take()) {
    highest = std::max(highest, one->slot);
    ++count;
  }
  CHECK(highest == 0x7FFF);
  CHECK(count == 0x7FFF);
  CHECK(table.next_serial(0x1FFF) == 0);
  CHECK(table.next_serial(5) == 6);
  const slot_table wide{10, 28};
  CHECK(wide.next_serial(0x1FFF) == 0x2000);
  CHECK(wide.next_serial(UINT32_MAX) == 0);
}

TEST_CASE("a narrow table waits long before it uses a slot again") {
  slot_table table{std::size_t{1} << 24, 15};
  std::vector<std::uint32_t> order;
  for (int count = 0; count < 3000; ++count) {
    auto* const one = table.take();
    order.push_back(one->slot);
    table.give_back(one);
  }
  // No slot comes again before a thousand others were used.
  std::map<std::uint32_t, std::size_t> last;
  std::size_t nearest = SIZE_MAX;
  for (std::size_t index = 0; index < order.size(); ++index) {
    if (const auto before = last.find(order[index]); before != last.end())
      nearest = std::min(nearest, index - before->second);
    last[order[index]] = index;
  }
  CHECK(nearest > 1000);
}

TEST_CASE(
    "with pids for OTP 23 serials wrap after 8,192 tenants of a slot, stale pids match nobody, and the wrap is "
    "reported",
    "[R57]") {
  scenario figures{"R57", "tenants of a slot whose serials wrap, narrow pids"};
  manual_world world{{.processes = 2, .compatibility = compatibility::otp23}};
  std::vector<pid> former;
  std::size_t alive_twins = 0;
  std::size_t strays = 0;
  const auto resident = world.spawn([](process& self) -> task<> { co_await self.sleep(forever); });
  world.run();
  for (int generation = 0; generation < 9000; ++generation) {
    const auto tenant = world.spawn(
        [](process& self, std::size_t* count) -> task<> {
          for (;;) {
            (void)co_await self.receive_any();
            ++*count;
          }
        },
        &strays);
    REQUIRE(tenant.id < (1U << 15));
    REQUIRE(tenant.serial < (1U << 13));
    REQUIRE(tenant.id != resident.id);
    // All former ones within the period of the serial: lookups of the last 50, and every 1000th of the older ones.
    const std::size_t period = 8191;
    for (std::size_t back = 1; back <= std::min<std::size_t>(former.size(), period); back += back < 50 ? 1 : 1000) {
      const auto& stale = former[former.size() - back];
      if (stale == tenant || world.alive(stale)) ++alive_twins;
      world.send(stale, "stale"_atom);
    }
    world.run();
    world.exit(tenant, "kill"_atom);
    world.run();
    former.push_back(tenant);
  }
  CHECK(alive_twins == 0);
  CHECK(strays == 0);
  figures.ran(static_cast<std::int64_t>(former.size()));
  figures.violated(static_cast<std::int64_t>(alive_twins + strays));
  CHECK(std::ranges::count_if(world.events(), [](const event& one) { return one.what == event::kind::limit; }) == 1);
  CHECK(world.alive(resident));
}

TEST_CASE("references of a slot go on counting through its tenants, narrow pids or not") {
  manual_world world{{.processes = 1, .compatibility = compatibility::otp23}};
  std::set<std::array<std::uint32_t, 5>> seen;
  std::size_t made = 0;
  for (int generation = 0; generation < 10'000; ++generation) {
    reference ref;
    world.spawn(
        [](process& self, reference* out) -> task<> {
          *out = self.make_ref();
          co_return;
        },
        &ref);
    world.run();
    seen.insert(ref.words);
    ++made;
  }
  CHECK(seen.size() == made);
}

struct wrap {
  std::set<std::array<std::uint32_t, 5>> seen;
  std::size_t made = 0;
  std::size_t marked = 0;   // plain references that look like those of calls
  std::size_t foreign = 0;  // references that lead to another process
  std::size_t answers = 0;  // calls that got their own answer
  std::size_t downs = 0;
  std::size_t unread = 0;
};

// Answers each call only when the next one has come, and that one's caller has given up by then.
task<> answer_one_late(process& self) {
  std::optional<caller> before;
  for (;;) {
    auto request = co_await self.receive_any();
    if (before) self.reply(*before, "stale"_atom);
    before.reset();
    if (request.payload().is("late"_atom)) {
      before = request.from();
    } else {
      self.reply(request.from(), request.payload());
    }
  }
}

task<> count_over_the_end(process& self, destination server, wrap* out) {
  for (int turn = 0; turn < 3; ++turn) {
    self.next_ref_ = detail::counter_mask - 20;
    for (int number = 0; number < 10; ++number) {
      const auto ref = self.make_ref();
      if (turn == 0) out->seen.insert(ref.words);
      ++out->made;
      out->marked += local_node::is_call(ref) ? 1 : 0;
      out->foreign += self.node().owner_of(ref) == self.id() ? 0 : 1;
      const auto other = self.spawn([](process& own) -> task<> { (void)co_await own.receive_any(); });
      const destination target{other};
      const auto watch = self.monitor(target);
      self.send(other, 1);
      auto ended = co_await self.receive<down>();
      out->downs += ended->ref == watch.ref ? 1 : 0;
      const term late{"late"_atom};
      (void)co_await call(self, server, late, 1ms);
      const term question{number};
      auto answer = co_await call(self, server, question, 1s);
      out->answers += answer && *answer == question ? 1 : 0;
    }
  }
  out->unread = self.unread();
}

TEST_CASE("references stay apart and lead to their process when the counter of a process wraps", "[R57]") {
  manual_world world;
  const auto server = world.spawn(answer_one_late);
  wrap got;
  const auto counting = world.spawn(count_over_the_end, destination{server}, &got);
  world.advance(10s);
  CHECK_FALSE(world.alive(counting));
  CHECK(got.made == 30);
  CHECK(got.seen.size() == 10);
  CHECK(got.marked == 0);
  CHECK(got.foreign == 0);
  CHECK(got.downs == 30);
  CHECK(got.answers == 30);
  CHECK(got.unread == 0);
}

}  // namespace
}  // namespace ergo::test
