#include "network.hpp"

namespace ergo::test {
namespace {

using namespace otp::global_detail;

constexpr duration never = std::chrono::minutes{30};  // memories of lost connections are kept longer

template <typename... Case>
struct overloaded : Case... {
  using Case::operator()...;
};

}  // namespace

network::network(testing::sim& world, std::size_t hosts)
    : world_{world}, hosts_(hosts), ways_(hosts * hosts), views_(hosts * hosts, side::down) {
  for (std::size_t index = 0; index < hosts; ++index) {
    hosts_[index].name = atom::of("n" + std::to_string(index) + "@host" + std::to_string(index % 2));
    start(index);
  }
}

std::optional<std::size_t> network::index_of(atom name) const {
  const auto found = std::ranges::find(hosts_, name, &host::name);
  if (found == hosts_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - hosts_.begin());
}

bool network::is_current(const pid& process) const {
  const auto on = index_of(process.node.name());
  return on && running(*on) && hosts_[*on].self.node == process.node;
}

// ----- hosts and connections

void network::start(std::size_t index) {
  auto& one = hosts_[index];
  ++one.creation;
  one.self = pid{etf::node_id::make(one.name, one.creation).value(), 1, 0};
  one.brain = std::make_unique<machine>(one.self, machine_options{.seed = world_.random()()});
  one.last_process = 1;
  one.processes[1] = {};
}

void network::crash(std::size_t index) {
  auto& one = hosts_[index];
  one.brain.reset();
  one.processes.clear();
  one.watching.clear();
  one.calling.clear();
  one.timers.clear();
  way(index, index).clear();
  for (std::size_t peer = 0; peer < size(); ++peer) {
    if (peer == index) continue;
    lose(peer, index);
    way(peer, index).clear();
    view(index, peer) = side::down;
  }
}

void network::cut(std::size_t left, std::size_t right) {
  lose(left, right);
  lose(right, left);
}

// What is under way may arrive or not; then the loss is noticed.
void network::lose(std::size_t of, std::size_t peer) {
  if (view(of, peer) != side::up) return;
  view(of, peer) = side::losing;
  auto& coming = way(peer, of);
  coming.resize(pick(coming.size() + 1));
  coming.emplace_back([this, of, peer] { finish_loss(of, peer); });
}

void network::finish_loss(std::size_t of, std::size_t peer) {
  view(of, peer) = side::down;
  auto& one = hosts_[of];
  for (const auto& [number, process] : std::map{one.watching}) {
    if (process.node.name() != hosts_[peer].name) continue;
    one.watching.erase(number);
    one.brain->down(number);
  }
  for (const auto& [token, callee] : std::map{one.calling}) {
    if (callee != peer) continue;
    one.calling.erase(token);
    one.brain->answered(token, nullptr);
  }
  for (auto& [process, watchers] : one.processes)
    std::erase_if(watchers, [&](const watcher& by) { return by.host == peer; });
  one.brain->node_down(hosts_[peer].name);
  collect(of);
}

void network::block(std::size_t left, std::size_t right) {
  blocked_.insert(std::minmax(left, right));
  cut(left, right);
}

void network::heal() { blocked_.clear(); }

bool network::connected(std::size_t left, std::size_t right) const {
  return views_[left * size() + right] == side::up && views_[right * size() + left] == side::up;
}

void network::connect(std::size_t left, std::size_t right) {
  (void)try_connect(left, right);
  carry_out();
}

// A side that has not noticed the loss of the old connection does so when a new one comes.
bool network::try_connect(std::size_t left, std::size_t right) {
  if (connected(left, right)) return true;
  if (!running(left) || !running(right) || blocked_.contains(std::minmax(left, right))) return false;
  cut(left, right);
  for (const auto& [of, peer] : {std::pair{left, right}, std::pair{right, left}}) {
    while (!way(peer, of).empty()) run_next(peer, of);
    view(of, peer) = side::up;
    way(peer, of).emplace_back([this, of, peer] {
      hosts_[of].brain->node_up(hosts_[peer].name);
      collect(of);
    });
  }
  return true;
}

void network::run_next(std::size_t from, std::size_t to) {
  const auto next = std::move(way(from, to).front());
  way(from, to).pop_front();
  next();
}

bool network::send(std::size_t from, std::size_t to, work what) {
  if (from != to && !try_connect(from, to)) return false;
  way(from, to).push_back(std::move(what));
  return true;
}

// ----- processes

pid network::spawn(std::size_t index) {
  auto& one = hosts_[index];
  one.processes[++one.last_process] = {};
  return {one.self.node, one.last_process, 0};
}

bool network::alive(const pid& process) const {
  return is_current(process) && hosts_[*index_of(process.node.name())].processes.contains(process.id);
}

void network::end(const pid& process) {
  if (!alive(process)) return;
  const auto on = *index_of(process.node.name());
  const auto gone = hosts_[on].processes.extract(process.id);
  for (const auto& [by, number] : gone.mapped()) {
    if (by != on && !connected(on, by)) continue;
    way(on, by).emplace_back([this, by, number] {
      if (hosts_[by].watching.erase(number) == 0) return;
      hosts_[by].brain->down(number);
      collect(by);
    });
  }
}

std::uint64_t network::ask(const pid& process, const term& request) {
  return ask(process, *index_of(process.node.name()), request);
}

std::uint64_t network::ask(const pid& process, std::size_t to, const term& request) {
  const auto number = ++last_question_;
  questions_[number] = {process, std::nullopt};
  const auto from = *index_of(process.node.name());
  (void)send(from, to, [this, to, process, number, request] {
    hosts_[to].brain->call(caller{process, term{number}}, request);
    collect(to);
  });
  carry_out();
  return number;
}

const term* network::answer(std::uint64_t asked) const {
  const auto& kept = questions_.at(asked).answer;
  return kept ? &*kept : nullptr;
}

std::vector<std::uint64_t> network::unanswered() const {
  std::vector<std::uint64_t> open;
  for (const auto& [number, asked] : questions_) {
    if (!asked.answer && alive(asked.asker)) open.push_back(number);
  }
  return open;
}

// ----- actions

void network::collect(std::size_t host) {
  for (auto& wanted : hosts_[host].brain->take()) orders_.push_back({host, hosts_[host].creation, std::move(wanted)});
}

void network::carry_out() {
  while (!orders_.empty()) {
    const auto next = std::move(orders_.front());
    orders_.pop_front();
    if (running(next.host) && hosts_[next.host].creation == next.creation) run(next.host, next.wanted);
  }
}

void network::run(std::size_t from, const action& wanted) {
  auto& one = hosts_[from];
  const auto tell = [&](atom node, const term& content, void (machine::*how)(const term&)) {
    const auto to = *index_of(node);
    (void)send(from, to, [this, to, content, how] {
      (hosts_[to].brain.get()->*how)(content);
      collect(to);
    });
  };
  std::visit(
      overloaded{
          [&](const call_action& it) {
            call(from, it.token, it.node, it.name == "global_name_server"_atom, it.request);
          },
          [&](const cast_action& it) { tell(it.node, it.content, &machine::cast); },
          [&](const info_action& it) {
            if (connected(from, *index_of(it.node))) tell(it.node, it.content, &machine::info);
          },
          [&](const send_action& it) {
            if (is_current(it.to) && it.to.id == 1) tell(it.to.node.name(), it.content, &machine::info);
          },
          [&](const reply_action& it) { reply(from, it.to, it.answer); },
          [&](const watch_action& it) { watch(from, it.watch, it.process); },
          [&](const unwatch_action& it) { one.watching.erase(it.watch); },
          [&](const kill_action& it) { to_process(from, it.process, [this, victim = it.process] { end(victim); }); },
          [&](const connect_action& it) {
            const auto to = *index_of(it.node);
            if (try_connect(from, to)) return;
            failures(from, to).emplace_back([this, from, node = it.node] {
              hosts_[from].brain->unreachable(node);
              collect(from);
            });
          },
          [&](const disconnect_action& it) { cut(from, *index_of(it.node)); },
          [&](const timer_action& it) { one.timers.emplace(now_ + it.delay, it.token); },
          [&](const untimer_action& it) {
            std::erase_if(one.timers, [&](const auto& timer) { return timer.second == it.token; });
          },
          [](const name_action&) {},
          [](const warn_action&) {},
      },
      wanted);
}

void network::to_process(std::size_t from, const pid& process, work what) {
  if (is_current(process)) (void)send(from, *index_of(process.node.name()), std::move(what));
}

void network::watch(std::size_t by, std::uint64_t number, const pid& process) {
  hosts_[by].watching.emplace(number, process);
  const auto gone = [this, by, number] {
    if (hosts_[by].watching.erase(number) == 0) return;
    hosts_[by].brain->down(number);
    collect(by);
  };
  const auto on = index_of(process.node.name());
  const bool sent = send(by, *on, [this, by, number, process, on = *on, gone] {
    if (alive(process)) return hosts_[on].processes[process.id].push_back({by, number});
    way(on, by).emplace_back(gone);
  });
  if (!sent) failures(by, *on).emplace_back(gone);
}

void network::call(std::size_t from, std::uint64_t token, atom node, bool to_server, const term& request) {
  const auto to = *index_of(node);
  const caller who{hosts_[from].self, term{token}};
  hosts_[from].calling.emplace(token, to);
  const bool sent = send(from, to, [this, to, who, to_server, request] {
    if (!to_server) return reply(to, who, etf::tuple("badrpc"_atom, "undef"_atom));
    hosts_[to].brain->call(who, request);
    collect(to);
  });
  if (sent) return;
  failures(from, to).emplace_back([this, from, token] {
    if (hosts_[from].calling.erase(token) == 0) return;
    hosts_[from].brain->answered(token, nullptr);
    collect(from);
  });
}

void network::reply(std::size_t from, const caller& to, const term& given) {
  const auto number = static_cast<std::uint64_t>(*to.tag.as_integer());
  const auto at = *index_of(to.process.node.name());
  const bool to_server = to.process.id == 1;
  to_process(from, to.process, [this, at, number, to_server, given] {
    if (!to_server) {
      questions_[number].answer = given;
    } else if (hosts_[at].calling.erase(number) != 0) {
      hosts_[at].brain->answered(number, &given);
      collect(at);
    }
  });
}

// ----- progress

bool network::step() {
  carry_out();
  std::vector<std::pair<std::size_t, std::size_t>> ready;
  for (std::size_t from = 0; from < size(); ++from) {
    for (std::size_t to = 0; to < size(); ++to) {
      if (!way(from, to).empty()) ready.emplace_back(from, to);
    }
  }
  if (!ready.empty()) {
    const auto [from, to] = ready[pick(ready.size())];
    run_next(from, to);
    carry_out();
    return true;
  }
  host* next = nullptr;
  for (auto& one : hosts_) {
    if (!one.timers.empty() && (next == nullptr || one.timers.begin()->first < next->timers.begin()->first))
      next = &one;
  }
  if (next == nullptr || next->timers.begin()->first > now_ + never) return false;
  now_ = std::max(now_, next->timers.begin()->first);
  const auto token = next->timers.begin()->second;
  next->timers.erase(next->timers.begin());
  next->brain->fired(token);
  collect(static_cast<std::size_t>(next - hosts_.data()));
  carry_out();
  return true;
}

void network::steps(std::size_t count) {
  while (count-- > 0 && step()) {
  }
}

bool network::quiet() {
  for (std::size_t count = 0; count < 300'000; ++count) {
    if (!step()) return true;
  }
  return false;
}

std::string network::unite() {
  heal();
  for (int round = 0; round < 30; ++round) {
    bool complete = true;
    for (std::size_t left = 0; left < size(); ++left) {
      for (std::size_t right = left + 1; right < size(); ++right) {
        complete = complete && (connected(left, right) || !running(left) || !running(right));
        connect(left, right);
      }
    }
    if (!quiet()) return "the cluster does not come to rest";
    if (complete) return {};
  }
  return "the cluster does not stay connected";
}

std::string network::violations() {
  std::optional<std::size_t> first;
  for (std::size_t index = 0; index < size(); ++index) {
    if (!running(index)) continue;
    if (!first) first = index;
    auto& one = at(index);
    const std::string who{name(index).text()};
    if (one.names().exchanged() != at(*first).names().exchanged())
      return who + " has " + etf::to_text(one.names().exchanged()) + ", " + std::string{name(*first).text()} + " has " +
             etf::to_text(at(*first).names().exchanged());
    if (!one.locks().all().empty()) return who + " has a lock left: " + etf::to_text(one.locks().all()[0].to_term());
    std::size_t running_peers = 0;
    for (std::size_t peer = 0; peer < size(); ++peer) {
      if (peer == index || !running(peer)) continue;
      ++running_peers;
      if (!one.who().known(name(peer))) return who + " does not know " + std::string{name(peer).text()};
    }
    if (one.who().nodes().size() != running_peers) return who + " knows a node that is not there";
    for (const auto& registered : one.names().names()) {
      if (!alive(*one.whereis(registered))) return who + " has a dead process as " + etf::to_text(registered);
    }
  }
  if (!unanswered().empty()) return "a question was never answered";
  return {};
}

}  // namespace ergo::test
