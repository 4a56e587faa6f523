// What the loss of a connection tells whom (promise A3).
#include "crossing.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <type_traits>
#include <vector>

using namespace ergo;
using namespace ergo::detail;

namespace {

const auto here = etf::node_id::make(atom::of("here@h"), 7).value();
const auto there = etf::node_id::make(atom::of("there@h"), 9).value();
const pid local{here, 1, 1};
const pid other_local{here, 2, 1};
const pid remote{there, 5, 1};
const reference ref{here, 3, {1, 2, 3}};
const reference their_ref{there, 5, {1, 2, 3, 4, 5}};

struct notices {
  explicit notices(std::vector<crossing::notice> given) : list{std::move(given)} {}
  notices(const notices&) = delete;
  notices& operator=(const notices&) = delete;
  ~notices() {
    for (const auto& one : list) release(one.envelope);
  }
  [[nodiscard]] std::size_t count(const pid& to, signal_kind kind) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(list, [&](const auto& one) { return one.to == to && one.envelope->kind == kind; }));
  }
  std::vector<crossing::notice> list;
};

}  // namespace

TEST_CASE("a linked process is told noconnection exactly once") {
  crossing table;
  table.linked(local, remote);
  table.linked(local, remote);
  const notices told{table.lost(there)};
  REQUIRE(told.list.size() == 1);
  CHECK(told.list[0].to == local);
  CHECK(told.list[0].envelope->kind == signal_kind::link_exit);
  CHECK(told.list[0].envelope->from == remote);
  CHECK(told.list[0].envelope->payload.is("noconnection"_atom));
  CHECK(table.lost(there).empty());
}

TEST_CASE("a link that broke, or that the peer took back, is not told") {
  crossing table;
  table.linked(local, remote);
  table.broken(local, remote);
  table.linked(other_local, remote);
  table.unlinked_by_peer(other_local, remote);
  CHECK(table.lost(there).empty());
}

TEST_CASE("an unlink under way is acknowledged by the loss") {
  crossing table;
  table.linked(local, remote);
  table.unlinking(local, remote, 17);
  const notices told{table.lost(there)};
  REQUIRE(told.count(local, signal_kind::unlink_ack) == 1);
  CHECK(told.list[0].envelope->payload == term{17});
}

TEST_CASE("an acknowledgement counts only for the unlink that is under way") {
  crossing table;
  table.linked(local, remote);
  table.unlinking(local, remote, 17);
  table.acknowledged(local, remote, 16);
  CHECK(table.links() == 1);
  table.acknowledged(local, remote, 17);
  CHECK(table.links() == 0);
}

TEST_CASE("a link that is made again while its unlink is under way is a link") {
  crossing table;
  table.linked(local, remote);
  table.unlinking(local, remote, 17);
  table.linked(local, remote);
  table.acknowledged(local, remote, 17);
  const notices told{table.lost(there)};
  CHECK(told.count(local, signal_kind::link_exit) == 1);
}

TEST_CASE("the peer's unlink does not end an unlink of ours") {
  crossing table;
  table.linked(local, remote);
  table.unlinking(local, remote, 17);
  table.unlinked_by_peer(local, remote);
  CHECK(table.links() == 1);
}

TEST_CASE("each monitor of ours gives one down, by pid or by name") {
  crossing table;
  table.watching(ref, {local, destination{remote}});
  const reference second{here, 3, {1, 2, 4}};
  table.watching(second, {local, destination{"srv"_atom, "there@h"_atom}});
  const notices told{table.lost(there)};
  REQUIRE(told.count(local, signal_kind::down) == 2);
  for (const auto& one : told.list) {
    CHECK(one.envelope->payload.is("noconnection"_atom));
    CHECK(one.envelope->from.node.name() == "there@h"_atom);
    CHECK(one.envelope->name == (one.envelope->tag == term{second} ? "srv"_atom : atom{}));
  }
}

TEST_CASE("a monitor is taken out once") {
  crossing table;
  table.watching(ref, {local, destination{remote}});
  const auto made = table.watched_no_more(ref);
  REQUIRE(made);
  CHECK(made->watcher == local);
  CHECK_FALSE(table.watched_no_more(ref));
  CHECK(table.lost(there).empty());
}

TEST_CASE("a monitor of the peer's ends with the connection") {
  crossing table;
  table.watched(their_ref, {remote, local, "srv"_atom});
  const notices told{table.lost(there)};
  REQUIRE(told.count(local, signal_kind::demonitor) == 1);
  CHECK(told.list[0].envelope->from == remote);
  CHECK(told.list[0].envelope->tag == term{their_ref});
  CHECK_FALSE(table.unwatched(their_ref));
}

TEST_CASE("a watched node is reported as often as it was watched") {
  crossing table;
  table.watch_node(local);
  table.watch_node(local);
  table.watch_node(other_local);
  table.unwatch_node(other_local);
  table.unwatch_node(other_local);
  const notices told{table.lost(there)};
  CHECK(told.count(local, signal_kind::node_down) == 2);
  CHECK(told.count(other_local, signal_kind::node_down) == 0);
  CHECK(told.list[0].envelope->payload.is("there@h"_atom));
}

TEST_CASE("what cannot be delivered is answered as if the connection had been lost") {
  const auto answer = [](signal_kind kind, term payload) {
    auto* const envelope = make_signal(kind, local, std::move(payload));
    if (kind == signal_kind::monitor) envelope->tag = term{ref};
    return undeliverable(destination{remote}, envelope);
  };
  for (const auto kind : {signal_kind::message, signal_kind::cast, signal_kind::call, signal_kind::reply,
                          signal_kind::link_exit, signal_kind::exit, signal_kind::demonitor, signal_kind::down,
                          signal_kind::group_leader, signal_kind::unlink_ack}) {
    CHECK(answer(kind, term{}).envelope == nullptr);
  }
  const auto link = answer(signal_kind::link, term{});
  REQUIRE(link.envelope != nullptr);
  CHECK(link.to == local);
  CHECK(link.envelope->kind == signal_kind::link_exit);
  CHECK(link.envelope->from == remote);
  CHECK(link.envelope->payload.is("noconnection"_atom));
  const auto monitor = answer(signal_kind::monitor, term{});
  REQUIRE(monitor.envelope != nullptr);
  CHECK(monitor.envelope->kind == signal_kind::down);
  CHECK(monitor.envelope->tag == term{ref});
  const auto unlink = answer(signal_kind::unlink, term{5});
  REQUIRE(unlink.envelope != nullptr);
  CHECK(unlink.envelope->kind == signal_kind::unlink_ack);
  CHECK(unlink.envelope->payload == term{5});
  for (const auto& one : {link, monitor, unlink}) release(one.envelope);
}

TEST_CASE("links whose ends are made to collide are spread over the table", "[S23]") {
  constexpr std::uint32_t count = 4'096;
  std::vector<std::size_t> low(count);
  std::vector<std::size_t> high(count);
  std::vector<std::size_t> plain(count);
  crossing table;
  for (std::uint32_t number = 1; number <= count; ++number) {
    // All of them are one to `std::hash`.
    const crossing::pair ends{local, pid{etf::node_id::from_index(number), 7, (number << 8) ^ 0x5A5A5A}};
    ++plain[std::hash<pid>{}(ends.remote) % count];
    const std::uint64_t value = crossing::pair_hash{}(ends);
    ++low[value % count];
    ++high[value >> 52];
    table.linked(ends.local, ends.remote);
  }
  CHECK(std::ranges::max(plain) == count);
  CHECK(std::ranges::max(low) <= 16);
  CHECK(std::ranges::max(high) <= 16);
  CHECK(table.links() == count);
  CHECK(crossing::pair_hash{}({local, remote}) != crossing::pair_hash{}({remote, local}));
  STATIC_CHECK(std::is_same_v<crossing::table<reference, int>::hasher, etf::seeded_hash>);
}
