// The process `global_name_server`: carries what peers, processes and the network say to the machine, and out again
// what it decides.
#pragma once

#include "directory.hpp"
#include "machine.hpp"

#include <ergo/etf/seeded_hash.hpp>
#include <ergo/otp/global.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <atomic>
#include <memory>
#include <set>
#include <utility>

namespace ergo::inline v0::otp::global_detail {

[[nodiscard]] inline atom server_name() { return "global_name_server"_atom; }

struct reference_less {
  bool operator()(const reference& left, const reference& right) const noexcept {
    return etf::compare(left, right) < 0;
  }
};

class name_server {
 public:
  name_server(process& self, global::options chosen) : name_server{self, std::move(chosen), nullptr} {}
  /// `begun` is true where there was a server on this node before, and is from now on.
  name_server(process& self, global::options chosen, const std::shared_ptr<std::atomic<bool>>& begun);

  result handle_call(process& self, const message& asked, const from& asker);
  void handle_cast(process& self, const message& received);
  void handle_info(process& self, const message& received);
  [[nodiscard]] term state() const;

 private:
  struct watch {  // a process that the machine watches
    std::uint64_t number;
  };
  struct question {  // whoever answers a call of the machine
    reference answered_as;
  };
  using interest = std::variant<watch, question>;
  struct open_call {
    std::uint64_t token;
    reference monitor;
  };

  void plain(process& self, const term& content);
  void ended(const reference& monitor);
  [[nodiscard]] bool take_answer(process& self, const term& content);
  [[nodiscard]] std::optional<term> serve_follower(process& self, const message& asked);
  void came(process& self, atom node);
  void went(process& self, const node_down& news);
  void leave(process& self);
  void meet_again(process& self, atom node);
  void end_returning(process& self);
  void dial(process& self, atom node);
  [[nodiscard]] bool is_left(const message& received) const;
  void carry_out(process& self);

  void on(process& self, const call_action& wanted);
  void on(process& self, const cast_action& wanted);
  void on(process& self, const info_action& wanted);
  void on(process& self, const send_action& wanted);
  void on(process& self, const reply_action& wanted);
  void on(process& self, const watch_action& wanted);
  void on(process& self, const unwatch_action& wanted);
  void on(process& self, const kill_action& wanted);
  void on(process& self, const connect_action& wanted);
  void on(process& self, const disconnect_action& wanted);
  void on(process& self, const timer_action& wanted);
  void on(process& self, const untimer_action& wanted);
  void fired(process& self, const term& token);
  void on(process& self, const name_action& wanted);
  void on(process& self, const warn_action& wanted);

  global::options options_;
  published_directory names_;
  machine brain_;
  boost::unordered_flat_map<reference, interest, etf::seeded_hash> monitors_;
  boost::unordered_flat_map<std::uint64_t, reference> watches_;
  boost::unordered_flat_map<reference, open_call, etf::seeded_hash> calls_;
  boost::unordered_flat_map<std::uint64_t, timer_ref> timers_;
  std::map<reference, pid, reference_less> followers_;  // who is told of names, by its monitor
  std::set<atom, node_less> dialled_;                   // nodes that are being connected to
  std::set<atom, node_less> leaving_;                   // nodes whose connection stood before this server did
  std::map<atom, unsigned, node_less> returning_;       // nodes that are met again, and how often that was tried
};

}  // namespace ergo::inline v0::otp::global_detail
