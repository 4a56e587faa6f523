// A process that monitors nodes, and what promise A12 allows of what it sees.
#pragma once

#include "cluster.hpp"

#include <map>

namespace ergo::test {

/// What a process that monitors nodes sees of one other: whether it is up in the eyes of the test, and what was wrong.
struct sight {
  std::map<std::string, bool> up;
  int ups = 0;
  int downs = 0;
  int messages = 0;
  std::string wrong;

  void change(atom node, bool now) {
    auto& known = up[std::string{node.text()}];
    if (known == now) wrong = std::string{node.text()} + (now ? " came twice" : " went twice");
    known = now;
    ++(now ? ups : downs);
  }
};

// Its senders put the name of their node into each message.
inline task<> witness_nodes(process& self, sight* seen) {
  for (const auto node : self.monitor_nodes()) seen->change(node, true);
  for (;;) {
    const auto got = co_await self.receive<node_up, node_down, down, atom>();
    if (const auto* const came = got.get<node_up>()) {
      seen->change(came->node, true);
      const destination talker{"talker"_atom, came->node};
      if (self.node().connected().contains(came->node)) (void)self.monitor(talker);  // not over the next connection
    } else if (const auto* const gone = got.get<node_down>()) {
      seen->change(gone->node, false);
    } else if (const auto* const ended = got.get<down>()) {
      const auto from = std::string{ended->object.elements()[1].as_atom()->text()};
      if (ended->reason.is("noconnection"_atom) && !seen->up[from]) seen->wrong = from + " went before its monitors";
    } else {
      ++seen->messages;
      const auto from = std::string{got.get<atom>()->text()};
      if (!seen->up[from]) seen->wrong = "a message of " + from + " while it was down";
    }
  }
}

inline task<> talk_to_witness(process& self, atom node) {
  for (;;) {
    self.send(destination{"witness"_atom, node}, self.node().name());
    co_await self.sleep(2ms);
  }
}

}  // namespace ergo::test
