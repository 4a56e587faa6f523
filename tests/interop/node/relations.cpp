// Links and monitors between an Erlang node and ours, counted: R10, R11 and R12, and R24 while a connection is full.
#include "harness.hpp"
#include "proxied.hpp"

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;
using ergo::test::rounds;
using pids = std::vector<ergo::pid>;

constexpr int crowd = 40;  // processes of each round

constexpr auto side = ERGO_SOURCE_DIR "/tests/interop/node/relations_side.erl";

ergo::term list_of(const pids& all) {
  const std::vector<ergo::term> items(all.begin(), all.end());
  return ergo::etf::make_list(items);
}

/// What relations_side:function(arguments) returns over there.
ergo::term ask(our_node& ours, ergo::atom there, std::string_view function, const std::vector<ergo::term>& arguments) {
  const auto command =
      tuple("apply"_atom, "relations_side"_atom, ergo::atom::of(function), ergo::etf::make_list(arguments));
  return ours.call(ergo::destination{"erl_server"_atom, there}, tuple("run"_atom, command), 60s);
}

// ----- those who end ------------------------------------------------------------------------------------------------

pids mortals_there(our_node& ours, ergo::atom there, int count) {
  pids all;
  const auto made = ask(ours, there, "mortals", {ergo::term{count}});
  for (const auto& one : made.items()) all.push_back(one.as_pid().value());
  return all;
}

ergo::task<> wait_for_end(ergo::process& self) {
  const auto told = co_await self.receive_any();
  self.exit(ergo::exit_reason{told.payload()});
}

pids mortals_here(ergo::node& on, int count) {
  pids all;
  for (int one = 0; one < count; ++one) all.push_back(on.spawn(wait_for_end).value());
  return all;
}

void end_here(ergo::node& on, const pids& all, const ergo::term& reason) {
  for (const auto& one : all) {
    if (reason.is("kill"_atom)) {
      on.runtime().exit(one, ergo::exit_reason{reason});
    } else {
      on.send(one, reason);
    }
  }
  eventually("ours have ended",
             [&] { return std::ranges::none_of(all, [&](const auto& one) { return on.runtime().alive(one); }); });
}

// ----- those who watch ----------------------------------------------------------------------------------------------

/// Monitors and links to all. Its call `counts` gives `{DOWNs, EXITs, most of one kind about one process, those with
/// another reason than the one that is right}`.
ergo::task<> watch(ergo::process& self, pids all, ergo::term right, std::shared_ptr<std::atomic<bool>> armed) {
  self.trap_exits(ergo::exits::trapped);
  for (const auto& one : all) {
    (void)self.monitor(one);
    self.link(one);
  }
  const ergo::destination there{"erl_server"_atom, all.front().node.name()};
  const ergo::term hello{"hello"_atom};
  const auto answer = co_await ergo::otp::call<ergo::term>(self, there, hello, 20s);  // behind the links, so they stand
  *armed = answer.has_value();
  std::unordered_map<ergo::pid, int> downs;
  std::unordered_map<ergo::pid, int> exits;
  std::int64_t down = 0;
  std::int64_t left = 0;
  std::int64_t most = 0;
  std::int64_t others = 0;
  for (;;) {
    const auto got = co_await self.receive_any();
    if (got.is_call()) {
      const auto counts = tuple(down, left, most, others);
      self.reply(got.from(), counts);
    } else if (const auto ended = got.as<ergo::down>()) {
      ++down;
      most = std::max<std::int64_t>(most, ++downs[ended->object.as_pid().value_or(ergo::pid{})]);
      if (!(ended->reason.value() == right)) ++others;
    } else if (const auto gone = got.as<ergo::exit_message>()) {
      ++left;
      most = std::max<std::int64_t>(most, ++exits[gone->from]);
      if (!(gone->reason.value() == right)) ++others;
    }
  }
}

ergo::pid watch_from_here(ergo::node& on, const pids& all, const ergo::term& reason) {
  const auto armed = std::make_shared<std::atomic<bool>>(false);
  const auto watcher = on.spawn(watch, all, reason, armed);
  expect(watcher.has_value(), "no watcher");
  eventually("the watcher is armed", [&] { return armed->load(); });
  return *watcher;
}

ergo::pid watch_from_there(our_node& ours, ergo::atom there, const pids& all, const pids& unlinked = {}) {
  const auto watcher = ask(ours, there, "watch", {list_of(all), list_of(unlinked)}).as_pid();
  expect(watcher.has_value(), "no watcher there");
  return *watcher;
}

/// Waits until a watcher has been told `count` times of an end by either way, and ends it. It must not have been told
/// more, nor of one process twice, and `rest` says what else it must have seen.
void settle(our_node& ours, ergo::atom there, const ergo::pid& watcher, int count, const std::string& rest,
            scenario& figures) {
  const auto counts = [&] { return ours.call(watcher, "counts"_atom); };
  const auto all_told = [&] {
    const auto now = counts();
    return now.elements()[0].as_integer() >= count && now.elements()[1].as_integer() >= count;
  };
  eventually("all is told", all_told, 60s);
  (void)ask(ours, there, "mortals", {ergo::term{0}});  // what is told twice has come before this
  const auto wanted = "{" + std::to_string(count) + "," + std::to_string(count) + ",1," + rest + "}";
  const auto seen = ergo::etf::to_text(counts());
  figures.ran(2 * count);
  figures.violated(seen == wanted ? 0 : 1);
  expect_same(seen, wanted);
  if (watcher.node.name() == there) {
    ours->send(watcher, "stop"_atom);
  } else {
    ours->runtime().exit(watcher, ergo::exit_reason{"kill"_atom});
  }
}

// ----- R10, R11, R12 ------------------------------------------------------------------------------------------------

TEST_CASE("Each link and monitor between Erlang and ours is told once of each process that ends", "[R10]") {
  for_every_release("links and monitors of processes that end, both ways (R10)", [](const release& otp) {
    scenario figures{"R10", carried("links and monitors told of processes that end, Erlang and ours, both ways")};
    world in{otp};
    in.connect(true);
    in.peer().load(side);
    for (int round = 0; round < rounds(5, 100); ++round) {
      const auto order = round % 2 == 0 ? "kill"_atom : "boom"_atom;
      const auto reason = round % 2 == 0 ? "killed"_atom : "boom"_atom;
      const auto there = mortals_there(in.ours(), in.peer_atom(), crowd);
      const auto watcher_here = watch_from_here(in.node(), there, ergo::term{reason});
      (void)ask(in.ours(), in.peer_atom(), "end_all", {list_of(there), ergo::term{order}});
      settle(in.ours(), in.peer_atom(), watcher_here, crowd, "0", figures);
      const auto here = mortals_here(in.node(), crowd);
      const auto watcher_there = watch_from_there(in.ours(), in.peer_atom(), here);
      end_here(in.node(), here, ergo::term{order});
      settle(in.ours(), in.peer_atom(), watcher_there, crowd, "[" + std::string{reason.text()} + "]", figures);
    }
  });
}

TEST_CASE("Each link and monitor between Erlang and ours is told once that the connection is lost", "[R11]") {
  for_every_release("links and monitors of a connection that is reset, both ways (R11)", [](const release& otp) {
    scenario figures{"R11",
                     carried("links and monitors told of a connection that is reset, Erlang and ours, both ways")};
    proxied on{otp, proxied::dials::ours};
    on.peer.load(side);
    const auto there_name = parsed(atom_text(on.peer.name())).as_atom().value();
    for (int round = 0; round < rounds(3, 60); ++round) {
      const auto there = mortals_there(on.ours, there_name, crowd);
      const auto here = mortals_here(*on.ours, crowd);
      const auto watcher_here = watch_from_here(*on.ours, there, ergo::term{"noconnection"_atom});
      const auto watcher_there = watch_from_there(on.ours, there_name, here);
      on.proxy.end_all(ending::reset);
      eventually("both have seen it", [&] {
        return !on.ours->is_connected(on.peer.name()) &&
               on.peer.run("{connected, " + on.ours.quoted_name() + "}") == "false";
      });
      // They meet again, and those who were watched end: nobody is told of them any more.
      eventually("they meet again", [&] { return on.ours->connect(on.peer.name()).has_value(); });
      (void)ask(on.ours, there_name, "end_all", {list_of(there), ergo::term{"boom"_atom}});
      end_here(*on.ours, here, ergo::term{"boom"_atom});
      settle(on.ours, there_name, watcher_here, crowd, "0", figures);
      settle(on.ours, there_name, watcher_there, crowd, "[noconnection]", figures);
    }
  });
}

/// As content/1 in relations_side.erl.
ergo::term content_of(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size; ++at) bytes[at] = static_cast<char>(at % 251);
  return ergo::etf::adopt_binary(std::move(bytes));
}

TEST_CASE("Exit reasons of 10 MiB pass between Erlang and ours whole, to links and monitors", "[R12]") {
  for_every_release("exit reasons of 10 MiB, both ways (R12)", [](const release& otp) {
    scenario figures{"R12", carried("links and monitors told of ends with 10 MiB, Erlang and ours, both ways")};
    constexpr std::size_t size = 10U << 20;
    constexpr int few = 2;
    figures.may_keep(std::int64_t{48} << 20);
    world in{otp};
    in.connect(false);
    in.peer().load(side);
    const auto reason = tuple("large"_atom, content_of(size));
    for (int round = 0; round < rounds(1, 10); ++round) {
      const auto there = mortals_there(in.ours(), in.peer_atom(), few);
      const auto watcher_here = watch_from_here(in.node(), there, reason);
      (void)ask(in.ours(), in.peer_atom(), "end_large", {list_of(there), ergo::term{size}});
      settle(in.ours(), in.peer_atom(), watcher_here, few, "0", figures);
      const auto here = mortals_here(in.node(), few);
      const auto watcher_there = watch_from_there(in.ours(), in.peer_atom(), here);
      end_here(in.node(), here, reason);
      settle(in.ours(), in.peer_atom(), watcher_there, few, "[{large," + std::to_string(size) + ",true}]", figures);
    }
  });
}

// ----- R24 ----------------------------------------------------------------------------------------------------------

/// Writes until the connection is full, and says so.
ergo::task<> fill(ergo::process& self, ergo::destination to, std::shared_ptr<std::promise<void>> full) {
  const auto content = ergo::etf::binary(std::string(100'000, 'x'));
  while (self.try_send(to, content)) {
  }
  full->set_value();
  co_return;
}

void fill_up(proxied& on, ergo::atom there) {
  on.proxy.stall(way::forward);
  const auto full = std::make_shared<std::promise<void>>();
  expect(on.ours->spawn(fill, ergo::destination{"nobody"_atom, there}, full).has_value(), "no flood");
  expect(full->get_future().wait_for(20s) == std::future_status::ready, "it is never full");
}

ergo::task<> started_from_there(ergo::process& self) { (void)co_await self.receive_any(); }

TEST_CASE("No exit, DOWN, spawn reply or acknowledgement of ours is lost for Erlang while the connection is full",
          "[R24]") {
  for_every_release("exits, downs, spawn replies while the connection is full (R24)", [](const release& otp) {
    scenario figures{"R24", carried("exits, downs, acknowledgements, spawn replies while full, ours to Erlang")};
    figures.may_keep(std::int64_t{48} << 20);  // the proxy remembers what has passed
    const auto acknowledged = std::make_shared<std::atomic<int>>(0);
    const auto unlinked = std::make_shared<std::atomic<int>>(0);
    proxied on{otp, proxied::dials::ours, [acknowledged, unlinked](std::string_view line) {
                 if (line.find(" UNLINK_ID_ACK ") != std::string_view::npos) ++*acknowledged;
                 if (line.find(" UNLINK_ID ") != std::string_view::npos) ++*unlinked;
               }};
    on.peer.load(side);
    expect(on.ours->provide("m", "wait", started_from_there).has_value(), "no function");
    const auto there = parsed(atom_text(on.peer.name())).as_atom().value();
    for (int round = 0; round < rounds(1, 10); ++round) {
      const auto here = mortals_here(*on.ours, 4 * crowd);
      const auto friends = mortals_here(*on.ours, crowd);
      const auto watcher = watch_from_there(on.ours, there, here, friends);
      fill_up(on, there);
      // Erlang hears nothing of ours now, but it can still speak.
      const auto heard = [&] { return on.ours->counters(on.peer.name()).value().packets_in; };
      const auto before = heard();
      on.peer.run("{set, c, {apply, relations_side, spawn_there, [" + on.ours.quoted_name() + ", {m, wait}, " +
                  std::to_string(crowd) + "]}}");
      on.peer.run("{send, watcher, unlink}");
      eventually("they have asked for processes and taken links back", [&] { return heard() >= before + 2 * crowd; });
      end_here(*on.ours, friends, ergo::term{"boom"_atom});
      end_here(*on.ours, here, ergo::term{"boom"_atom});
      expect_same(on.peer.run("{call, {var, c}, count}"), "0");
      on.proxy.resume(way::forward);
      settle(on.ours, there, watcher, 4 * crowd, "[boom]", figures);
      eventually("all are spawned", [&] { return on.peer.run("{call, {var, c}, count}") == std::to_string(crowd); });
      figures.ran(crowd);
    }
    figures.ran(*unlinked);
    figures.violated(std::abs(*unlinked - *acknowledged));
    expect(*acknowledged == *unlinked, std::to_string(*acknowledged) + " of " + std::to_string(*unlinked));
    expect(*unlinked == crowd * rounds(1, 10) || std::stoi(otp.number) < 25, "links were not taken back by id");
    expect(on.up.count() == 1, "the connection was lost");
  });
}

}  // namespace
}  // namespace ergo_interop
