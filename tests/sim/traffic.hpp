// Senders and receivers of numbers by every kind of signal, and what promises A1 and A2 allow of them.
#pragma once

#include "cluster.hpp"

#include <map>
#include <memory>
#include <optional>

namespace ergo::test {

struct sender_state {
  std::vector<std::uint64_t> session_of;  ///< by number: the session it was sent in, 0 where there was none
  bool ended = false;
};

/// What one receiver got, by sender and in order of arrival.
struct receiver_state {
  std::map<std::int64_t, std::vector<std::int64_t>> got;
  std::string wrong;
};

/// Sends {Who, 0}, {Who, 1} … to one process: as messages, casts, calls and exit signals, among links and monitors made
/// and taken back.
inline task<> send_numbers(process& self, sim* world, pid to, std::int64_t who, int count, sender_state* state) {
  self.trap_exits(exits::trapped);
  const std::string here{self.node().name().text()};
  const std::string there{to.node.name().text()};
  const destination target{to};
  const auto note = [&] {
    state->session_of.push_back(world->connected(here, there) ? world->sessions(here, there) : 0);
  };
  for (std::int64_t number = 0; number < count; ++number) {
    const auto content = etf::tuple(who, number);
    switch (world->pick(6)) {
      case 0: self.send_cast(target, content); break;
      case 1: self.exit(to, exit_reason{content}); break;
      case 2: {
        auto asked = call(self, target, content, 30ms);
        note();
        (void)co_await asked;
        continue;
      }
      case 3:
        world->pick(2) == 0 ? self.link(to) : self.unlink(to);
        if (const auto watch = self.monitor(target); world->pick(2) == 0) (void)self.demonitor(watch);
        [[fallthrough]];
      default: self.send(target, content);
    }
    note();
    if (world->pick(3) == 0) co_await self.sleep(std::chrono::microseconds{world->pick(2000)});
  }
  state->ended = true;
}

/// The content that a number came in; empty for what tells of the end of a link.
[[nodiscard]] inline std::optional<std::pair<std::int64_t, std::int64_t>> number_in(const message& got) {
  const auto ended = got.as<exit_message>();
  const auto content = ended ? ended->reason.value() : got.payload();
  if (!content.is_tuple(2)) return std::nullopt;
  const auto who = content.elements()[0].as_integer();
  const auto number = content.elements()[1].as_integer();
  if (!who || !number) return std::nullopt;
  return std::pair{*who, *number};
}

/// Receives everything, answers calls, and says at once what came twice or too late.
inline task<> take_numbers(process& self, receiver_state* state) {
  self.trap_exits(exits::trapped);
  for (;;) {
    auto received = co_await self.receive_any();
    const auto numbered = number_in(received);
    if (received.is_call()) self.reply(received.from(), received.payload());
    if (!numbered) continue;
    auto& got = state->got[numbered->first];
    if (!got.empty() && numbered->second <= got.back() && state->wrong.empty()) {
      state->wrong = "sender " + std::to_string(numbered->first) + ": after " + std::to_string(got.back()) + " came " +
                     std::to_string(numbered->second);
    }
    got.push_back(numbered->second);
  }
}

struct traffic {
  std::map<std::int64_t, std::unique_ptr<sender_state>> senders;
  std::vector<std::unique_ptr<receiver_state>> receivers;

  /// A sender on `on` with its own number.
  void send(sim& world, const std::string& on, const pid& to, int count) {
    const auto who = static_cast<std::int64_t>(senders.size()) + 1;
    auto& state = senders[who] = std::make_unique<sender_state>();
    world.spawn(on, send_numbers, &world, to, who, count, state.get());
  }
  [[nodiscard]] pid receive(sim& world, const std::string& on) {
    receivers.push_back(std::make_unique<receiver_state>());
    return world.spawn(on, {}, make_body(take_numbers, receivers.back().get()));
  }
  [[nodiscard]] std::size_t sent() const {
    std::size_t sum = 0;
    for (const auto& [who, state] : senders) sum += state->session_of.size();
    return sum;
  }
  [[nodiscard]] std::size_t received() const {
    std::size_t sum = 0;
    for (const auto& one : receivers) {
      for (const auto& [who, numbers] : one->got) sum += numbers.size();
    }
    return sum;
  }
  [[nodiscard]] std::string verdict() const;
};

/// Of each session the first numbers must have come: what is lost is the end of a session.
[[nodiscard]] inline std::string gaps(std::int64_t who, const sender_state& sent,
                                      const std::vector<std::int64_t>& got) {
  std::map<std::uint64_t, bool> lost_some;
  auto next = got.begin();
  for (std::size_t number = 0; number < sent.session_of.size(); ++number) {
    const auto session = sent.session_of[number];
    const bool arrived = next != got.end() && *next == static_cast<std::int64_t>(number);
    if (arrived) ++next;
    const auto which = "number " + std::to_string(number) + " of sender " + std::to_string(who);
    if (session == 0 && arrived) return which + " arrived without a connection";
    if (arrived && lost_some[session]) return which + " arrived although an earlier one of its session was lost";
    if (!arrived) lost_some[session] = true;
  }
  return next == got.end() ? "" : "sender " + std::to_string(who) + " was heard with what it never sent";
}

inline std::string traffic::verdict() const {
  for (const auto& one : receivers) {
    if (!one->wrong.empty()) return one->wrong;
    for (const auto& [who, numbers] : one->got) {
      if (auto wrong = gaps(who, *senders.at(who), numbers); !wrong.empty()) return wrong;
    }
  }
  return {};
}

/// Two receivers on each node, and from each node two senders to each receiver of the others.
[[nodiscard]] inline traffic start_traffic(sim& world, const std::vector<std::string>& names, int count) {
  traffic made;
  std::vector<pid> targets;
  for (const auto& name : names) {
    for (int copy = 0; copy < 2; ++copy) targets.push_back(made.receive(world, name));
  }
  for (const auto& name : names) {
    for (const auto& target : targets) {
      if (target.node.name().text() == name) continue;
      for (int copy = 0; copy < 2; ++copy) made.send(world, name, target, count);
    }
  }
  return made;
}

}  // namespace ergo::test
