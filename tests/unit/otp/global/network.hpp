// Some machines of `global` on a network in memory: connections that are made and lost, processes that end, a clock
// that moves only when nothing else can happen. Everything random comes from the run's seed.
#pragma once

#include "global/machine.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/testing/sim.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ergo::test {

using namespace std::chrono_literals;
using otp::global_detail::action;
using otp::global_detail::machine;

/// The cluster. Hosts are numbers from 0.
class network {
 public:
  network(testing::sim& world, std::size_t hosts);

  [[nodiscard]] std::size_t size() const noexcept { return hosts_.size(); }
  [[nodiscard]] bool running(std::size_t host) const { return hosts_[host].brain != nullptr; }
  [[nodiscard]] machine& at(std::size_t host) { return *hosts_[host].brain; }
  [[nodiscard]] atom name(std::size_t host) const { return hosts_[host].name; }
  [[nodiscard]] std::size_t pick(std::size_t bound) { return world_.pick(bound); }

  // Faults.
  void crash(std::size_t host);
  void start(std::size_t host);  ///< one that does not run; its next creation
  void cut(std::size_t left, std::size_t right);
  void block(std::size_t left, std::size_t right);  ///< cut, and no connection until `heal`
  void heal();
  void connect(std::size_t left, std::size_t right);
  [[nodiscard]] bool connected(std::size_t left, std::size_t right) const;

  // Processes of a host, besides the one that its machine speaks for.
  pid spawn(std::size_t host);
  void end(const pid& process);
  [[nodiscard]] bool alive(const pid& process) const;
  /// Asks the machine of the caller's own host; the answer is kept under the number that is returned.
  std::uint64_t ask(const pid& process, const term& request);
  /// Asks the machine of any host, as `gen_server:call`.
  std::uint64_t ask(const pid& process, std::size_t host, const term& request);
  [[nodiscard]] const term* answer(std::uint64_t question) const;
  /// Questions of processes that live and have had no answer.
  [[nodiscard]] std::vector<std::uint64_t> unanswered() const;

  /// One thing that can happen now, else the clock moves; false if nothing is left but memories of lost connections.
  bool step();
  void steps(std::size_t count);
  /// Steps until nothing is left; false if that never comes.
  bool quiet();
  /// Connects all that run with each other until they stay so; the sentence that says what went wrong.
  std::string unite();
  /// What does not hold in a cluster that is united and quiet; empty if all does.
  [[nodiscard]] std::string violations();

 private:
  using work = std::function<void()>;
  struct watcher {
    std::size_t host;
    std::uint64_t watch;
  };
  struct host {
    atom name;
    std::uint32_t creation = 0;
    pid self;
    std::unique_ptr<machine> brain;
    std::uint32_t last_process = 1;
    std::map<std::uint32_t, std::vector<watcher>> processes;  // those that live, and who watches them
    std::map<std::uint64_t, pid> watching;
    std::map<std::uint64_t, std::size_t> calling;
    std::multimap<duration, std::uint64_t> timers;
  };
  enum class side : std::uint8_t { down, up, losing };
  struct order {
    std::size_t host;
    std::uint32_t creation;
    action wanted;
  };
  struct question {
    pid asker;
    std::optional<term> answer;
  };

  [[nodiscard]] std::optional<std::size_t> index_of(atom name) const;
  [[nodiscard]] bool is_current(const pid& process) const;
  [[nodiscard]] std::deque<work>& way(std::size_t from, std::size_t to) { return ways_[from * size() + to]; }
  /// Where a host hears that it cannot reach a peer: before it hears of a connection that is made after all.
  [[nodiscard]] std::deque<work>& failures(std::size_t of, std::size_t peer) { return way(peer, of); }
  [[nodiscard]] side& view(std::size_t of, std::size_t peer) { return views_[of * size() + peer]; }
  void collect(std::size_t host);
  void carry_out();
  void run(std::size_t host, const action& wanted);
  void run_next(std::size_t from, std::size_t to);
  /// Sends over the connection, which is made if need be; false where there can be none.
  bool send(std::size_t from, std::size_t to, work what);
  bool try_connect(std::size_t left, std::size_t right);
  void finish_loss(std::size_t of, std::size_t peer);
  void lose(std::size_t of, std::size_t peer);
  void watch(std::size_t host, std::uint64_t number, const pid& process);
  void call(std::size_t host, std::uint64_t token, atom to, bool to_server, const term& request);
  void reply(std::size_t host, const caller& to, const term& given);
  void to_process(std::size_t host, const pid& process, work what);

  testing::sim& world_;
  std::vector<host> hosts_;
  std::vector<std::deque<work>> ways_;
  std::vector<side> views_;
  std::set<std::pair<std::size_t, std::size_t>> blocked_;
  std::deque<order> orders_;
  std::map<std::uint64_t, question> questions_;
  std::uint64_t last_question_ = 0;
  duration now_{};
};

/// `fun global:Function/3`.
[[nodiscard]] inline term method(std::string_view function) {
  return etf::external_fun("global"_atom, atom::of(function), 3);
}
[[nodiscard]] inline term registration(const term& name, const pid& process) {
  return etf::tuple("registrar"_atom, etf::tuple("register"_atom, name, process, method("random_exit_name")));
}
[[nodiscard]] inline term removal(const term& name) {
  return etf::tuple("registrar"_atom, etf::tuple("unregister"_atom, name));
}

}  // namespace ergo::test
