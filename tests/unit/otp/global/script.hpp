// One machine, told things one by one, and what it asks for as text.
#pragma once

#include "global/machine.hpp"

#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace ergo::test {

using namespace std::chrono_literals;
using namespace otp::global_detail;

[[nodiscard]] inline pid process_of(std::string_view node, std::uint32_t id) {
  return {etf::node_id::make(atom::of(node), 1).value(), id, 0};
}

template <typename... Case>
struct overloaded : Case... {
  using Case::operator()...;
};

[[nodiscard]] inline term fun_of(std::string_view function) {
  return etf::external_fun("global"_atom, atom::of(function), 3);
}

/// The machine of the node `m@x`, whose own process is `<m@x.1.0>`. A peer's locker is process 9 of its node; the tag
/// of a peer's session is 70.
class script {
 public:
  explicit script(const machine_options& options = {}) : brain{process_of("m@x", 1), options} {}

  machine brain;

  /// What has been asked for since: `cast n@x {…}`, `info n@x {…}`, `send <…> {…}`, `call n@x {…}`, `reply …`, `kill
  /// …`, `connect n@x`, `disconnect n@x`. Calls, timers and watches are noted for the functions below.
  [[nodiscard]] std::vector<std::string> asked() {
    std::vector<std::string> texts;
    for (const auto& one : brain.take()) note(one, texts);
    return texts;
  }
  /// Lets what was asked for go unlooked at.
  void skip() { (void)asked(); }
  /// The timer that was set last goes off.
  void fire() { brain.fired(timer_); }
  /// Answers all calls that are open, and those that follow, with `given`.
  std::vector<std::string> answer_calls(const term& given) {
    auto texts = asked();
    while (!calls_.empty()) {
      const auto token = calls_.front();
      calls_.erase(calls_.begin());
      brain.answered(token, &given);
      const auto more = asked();
      texts.insert(texts.end(), more.begin(), more.end());
    }
    return texts;
  }
  /// Which names have come to somebody, or are nobody's, since: `one -> <0.1.0>`, `one lost`.
  [[nodiscard]] std::vector<std::string> changes() {
    skip();
    std::vector<std::string> texts;
    for (const auto& one : std::exchange(changes_, {}))
      texts.push_back(etf::to_text(one.name) + (one.process ? " -> " + etf::to_text(*one.process) : " lost"));
    return texts;
  }
  /// How many timers are running, if none of them has gone off.
  [[nodiscard]] int timers() {
    skip();
    return timers_;
  }
  [[nodiscard]] std::uint64_t last_watch() const noexcept { return watch_; }
  [[nodiscard]] std::int64_t last_delay() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(delay_).count();
  }

  /// The machine's answer to a call of a process.
  std::string call(const pid& from, const term& request) {
    brain.call(caller{from, term{5}}, request);
    const auto texts = asked();
    return texts.empty() ? "" : texts.back();
  }
  void set_lock(const pid& from, const term& requester) {
    (void)call(from, etf::tuple("set_lock"_atom, etf::tuple("global"_atom, requester)));
  }

  /// Our tag of the session that was begun last: that of the `init_connect` among what was asked for.
  std::int64_t node_up(std::string_view peer) {
    brain.node_up(atom::of(peer));
    for (const auto& one : brain.take()) {
      if (const auto* sent = std::get_if<cast_action>(&one))
        return *sent->content.elements()[1].elements()[1].as_integer();
    }
    return 0;
  }
  void init_connect(std::string_view peer, int version, int tag = 70) {
    const auto locker = etf::tuple("locker"_atom, "no_longer_a_pid"_atom, etf::list(), process_of(peer, 9));
    brain.cast(etf::tuple("init_connect"_atom, etf::tuple(version, tag), atom::of(peer), locker));
  }
  /// The peer's locker has, or has not, the lock; in the form of its version.
  void offer(std::string_view peer, int version, std::int64_t our_tag, bool set = true) {
    const auto locker = process_of(peer, 9);
    if (version >= 8) {
      brain.cast(etf::tuple("lock_set"_atom, locker, set, etf::list(), our_tag));
    } else if (version >= 6) {
      brain.cast(etf::tuple("lock_set"_atom, locker, set, etf::list()));
    } else {
      brain.info(etf::tuple("lock_set"_atom, locker, set, etf::list()));
    }
  }
  void exchange(std::string_view peer, std::int64_t our_tag, const term& names = etf::list()) {
    brain.cast(etf::tuple("exchange"_atom, atom::of(peer), names, etf::list(), our_tag));
  }
  void resolved(std::string_view peer, std::int64_t our_tag, const term& operations = etf::list(),
                const term& known = etf::list()) {
    brain.cast(etf::tuple("resolved"_atom, atom::of(peer), operations, known, "unused"_atom, etf::list(), our_tag));
  }
  /// Goes through a whole session with a peer that has these names.
  void join(std::string_view peer, int version = 8, const term& names = etf::list()) {
    const auto tag = node_up(peer);
    init_connect(peer, version);
    skip();
    offer(peer, version, tag);
    (void)answer_calls(true);
    exchange(peer, tag, names);
    skip();
    resolved(peer, tag);
    (void)answer_calls(true);
  }

 private:
  void note(const action& one, std::vector<std::string>& texts) {
    const auto line = [&](std::string what, const std::string& to, const term& content) {
      texts.push_back(std::move(what) + " " + to + " " + etf::to_text(content));
    };
    const auto name = [](atom node) { return std::string{node.text()}; };
    const auto asks = [&](const call_action& it) {
      calls_.push_back(it.token);
      line("call", name(it.node), it.request);
    };
    const auto waits = [&](const timer_action& it) {
      ++timers_;
      timer_ = it.token;
      delay_ = it.delay;
    };
    std::visit(overloaded{
                   asks,
                   waits,
                   [&](const untimer_action&) { --timers_; },
                   [&](const cast_action& it) { line("cast", name(it.node), it.content); },
                   [&](const info_action& it) { line("info", name(it.node), it.content); },
                   [&](const send_action& it) { line("send", etf::to_text(it.to), it.content); },
                   [&](const reply_action& it) { texts.push_back("reply " + etf::to_text(it.answer)); },
                   [&](const kill_action& it) { texts.push_back("kill " + etf::to_text(it.process)); },
                   [&](const connect_action& it) { texts.push_back("connect " + name(it.node)); },
                   [&](const disconnect_action& it) { texts.push_back("disconnect " + name(it.node)); },
                   [&](const watch_action& it) { watch_ = it.watch; },
                   [&](const name_action& it) { changes_.push_back(it); },
                   [](const unwatch_action&) {},
                   [](const warn_action&) {},
               },
               one);
  }

  std::vector<std::uint64_t> calls_;
  std::vector<name_action> changes_;
  int timers_ = 0;
  std::uint64_t timer_ = 0;
  std::uint64_t watch_ = 0;
  duration delay_{};
};

}  // namespace ergo::test
