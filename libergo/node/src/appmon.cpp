#include "appmon.hpp"

#include "applications.hpp"
#include "shelf.hpp"

#include <ergo/calls.hpp>
#include <ergo/etf/seeded_hash.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <unordered_map>
#include <unordered_set>

namespace ergo::inline v0::detail {
namespace {

constexpr auto patience_per_process = std::chrono::milliseconds{200};
constexpr auto usual_pause = std::chrono::milliseconds{2000};
constexpr auto shortest_pause = std::chrono::milliseconds{100};
constexpr std::size_t most_orders = 1000;

term fact(const term& facts, atom item) {
  for (const auto& one : facts.items()) {
    if (one.elements()[0].is(item)) return one.elements()[1];
  }
  return {};
}

term label_of(const pid& who, const term& facts, const local_node& here) {
  const auto name = fact(facts, "registered_name"_atom).as_atom();
  if (name) return characters(name->text());
  const auto text = etf::to_text(term{who});
  return characters(who.node == here.identity() ? text : text + " " + std::string{who.node.name().text()});
}

// ----- one tree -----------------------------------------------------------------------------------------------------

/// A walk over the links from the root of an application, as appmon_info.erl does it: a process hangs below the one
/// that has started it, and whoever else is linked to it is drawn with a second line.
class tree_walk {
 public:
  tree_walk(process& self, const pid& root) : self_{self}, root_{root} {}

  task<term> run() {
    waiting_.push_back(root_);
    queued_.insert(root_);
    while (!waiting_.empty()) {
      const auto next = waiting_.front();
      waiting_.pop_front();
      auto looking = visit(next);
      co_await std::move(looking);
    }
    co_return answer();
  }

 private:
  task<> visit(pid who) {
    if (who.node != self_.node().identity()) {
      labels_.emplace(who, label_of(who, {}, self_.node()));
      order_.push_back(who);
      co_return;
    }
    const auto facts = co_await process_info(self_, who, patience_per_process);
    if (!facts) co_return;
    labels_.emplace(who, label_of(who, *facts, self_.node()));
    order_.push_back(who);
    if (const auto above = parents_.find(who); above != parents_.end()) lines_.emplace_back(above->second, who);
    const auto links = fact(*facts, "links"_atom);
    for (const auto& one : links.items()) {
      const auto other = one.as_pid();
      if (other && *other != self_.id() && !labels_.contains(*other)) {
        auto placing = place(*other, who);
        co_await std::move(placing);
      }
    }
  }

  task<> place(pid other, pid below) {
    if (other.node != self_.node().identity()) {
      second_lines_.emplace_back(below, other);
      if (queued_.insert(other).second) waiting_.push_back(other);
      co_return;
    }
    const auto facts = co_await process_info(self_, other, patience_per_process);
    if (!facts || fact(*facts, "registered_name"_atom).is("application_controller"_atom)) co_return;
    if (!is_child(*facts, below)) {
      second_lines_.emplace_back(below, other);
      co_return;
    }
    if (!queued_.insert(other).second) co_return;
    parents_.emplace(other, below);
    waiting_.push_back(other);
  }

  // Whether the nearest ancestor is `below`.
  [[nodiscard]] bool is_child(const term& facts, const pid& below) const {
    for (const auto& kept : fact(facts, "dictionary"_atom).items()) {
      if (!kept.is_tuple(2) || !kept.elements()[0].is("$ancestors"_atom) || kept.elements()[1].items().empty())
        continue;
      const auto& nearest = kept.elements()[1].items()[0];
      const auto named = nearest.as_atom();
      return named ? self_.node().whereis(*named) == below : nearest.as_pid() == below;
    }
    return false;
  }

  // {Root, [{Pid, Label}], [{Label, Label}], [{Label, Label}]}
  [[nodiscard]] term answer() const {
    std::vector<term> shown;
    for (const auto& who : order_) shown.push_back(etf::tuple(who, labels_.at(who)));
    if (shown.empty()) return etf::tuple(term{}, term{}, term{}, term{});
    return etf::tuple(labels_.at(root_), etf::make_list(shown), drawn(lines_), drawn(second_lines_));
  }

  using line = std::pair<pid, pid>;
  [[nodiscard]] term drawn(const std::vector<line>& lines) const {
    std::vector<term> shown;
    for (const auto& [above, below] : lines) {
      const auto upper = labels_.find(above);
      const auto lower = labels_.find(below);
      if (upper != labels_.end() && lower != labels_.end()) shown.push_back(etf::tuple(upper->second, lower->second));
    }
    return etf::make_list(shown);
  }

  process& self_;
  pid root_;
  std::deque<pid> waiting_;
  std::unordered_set<pid> queued_;
  std::unordered_map<pid, pid> parents_;
  std::unordered_map<pid, term> labels_;
  std::vector<pid> order_;
  std::vector<line> lines_;
  std::vector<line> second_lines_;
};

// ----- the process --------------------------------------------------------------------------------------------------

/// What a client has asked for, once and then again.
struct order {
  pid client;
  term command;
  term what;
  std::chrono::milliseconds pause = usual_pause;
  term last = "nil"_atom;
  std::optional<timer_ref> again{};
};

class app_monitor {
 public:
  app_monitor(process& self, const pid& client) : self_{self} { add_client(client); }

  task<> serve() {
    for (;;) {
      const auto received = co_await self_.receive_any();
      if (const auto ended = received.as<exit_message>()) {
        lose(ended->from);
        if (clients_.empty()) co_return;
        continue;
      }
      const auto& told = received.payload();
      if (received.is_call()) {
        self_.reply(received.from(), "ok"_atom);
        if (etf::is_tagged(told, "register_client"_atom, 2)) add_client(told.elements()[1].as_pid().value_or(pid{}));
      } else if (received.is_cast()) {
        auto obeying = obey(told);
        co_await std::move(obeying);
      } else if (etf::is_tagged(told, "do_it"_atom, 2)) {
        auto repeating = repeat(told.elements()[1]);
        co_await std::move(repeating);
      }
    }
  }

 private:
  void add_client(const pid& client) {
    if (client == pid{} || !clients_.insert(client).second) return;
    self_.link(client);
  }

  void lose(const pid& client) {
    clients_.erase(client);
    for (auto& one : orders_) {
      if (one.client == client && one.again) (void)self_.cancel_timer(*one.again);
    }
    std::erase_if(orders_, [&](const order& one) { return one.client == client; });
  }

  // {From, Command, What, OnOff, Options}
  task<> obey(term told) {
    if (!told.is_tuple(5)) co_return;
    const auto parts = told.elements();
    const auto client = parts[0].as_pid();
    if (!client) co_return;
    const auto same = [&](const order& one) {
      return one.client == *client && one.command == parts[1] && one.what == parts[2];
    };
    const auto known = std::ranges::find_if(orders_, same);
    if (known != orders_.end()) {
      if (known->again) (void)self_.cancel_timer(*known->again);
      orders_.erase(known);
    }
    if (!parts[3].is("true"_atom) || orders_.size() >= most_orders) co_return;
    orders_.push_back({*client, parts[1], parts[2], pause_of(parts[4])});
    auto working = carry_out(orders_.size() - 1);
    co_await std::move(working);
  }

  task<> repeat(term key) {
    const auto found = std::ranges::find_if(orders_, [&](const order& one) { return key_of(one) == key; });
    if (found == orders_.end()) co_return;
    auto working = carry_out(static_cast<std::size_t>(found - orders_.begin()));
    co_await std::move(working);
  }

  // Nothing else is done meanwhile, so that the index stays good.
  task<> carry_out(std::size_t index) {
    const auto command = orders_[index].command;
    const auto what = orders_[index].what;
    auto finding = find_out(command, what);
    const auto found = co_await std::move(finding);
    auto& done = orders_[index];
    if (found != done.last) self_.send(done.client, etf::tuple("delivery"_atom, self_.id(), command, what, found));
    done.last = found;
    done.again = self_.send_after(done.pause, self_.id(), etf::tuple("do_it"_atom, key_of(done)));
  }

  task<term> find_out(term command, term what) {
    auto asking = running_applications(self_);
    const auto running = co_await std::move(asking);
    if (command.is("app_ctrl"_atom)) {
      std::vector<term> shown;
      for (const auto& one : running) shown.push_back(etf::tuple(one.root, one.described.elements()[0], one.described));
      co_return etf::make_list(shown);
    }
    if (command.is("app"_atom)) {
      const auto wanted =
          std::ranges::find_if(running, [&](const auto& one) { return one.described.elements()[0] == what; });
      if (wanted == running.end()) co_return etf::tuple(term{}, term{}, term{}, term{});
      tree_walk walk{self_, wanted->root};
      auto walking = walk.run();
      auto tree = co_await std::move(walking);
      co_return tree;
    }
    co_return etf::tuple(command, what);
  }

  static term key_of(const order& one) { return etf::tuple(one.command, one.what, one.client); }

  static std::chrono::milliseconds pause_of(const term& options) {
    for (const auto& one : options.items()) {
      if (!etf::is_tagged(one, "timeout"_atom, 2)) continue;
      const auto wanted = one.elements()[1].as_integer();
      if (wanted) return std::max(shortest_pause, std::chrono::milliseconds{*wanted});
    }
    return usual_pause;
  }

  process& self_;
  std::unordered_set<pid, etf::seeded_hash> clients_;
  std::vector<order> orders_;
};

task<> monitor_applications(process& self, pid client) {
  app_monitor here{self, client};
  auto serving = here.serve();
  co_await std::move(serving);
}

task<result<term>> start_monitor(process& self, pid client) {
  const spawn_options named{.name = "appmon_info"_atom, .trap_exits = true};
  const auto started = self.try_spawn(named, make_body(monitor_applications, client));
  if (started) co_return etf::tuple("ok"_atom, *started);
  const auto known = self.node().whereis(named.name);
  if (started.error() != errc::name_taken || !known) co_return std::unexpected{started.error()};
  const destination there{*known};
  auto joining = etf::tuple("register_client"_atom, client);
  const auto joined = co_await call(self, there, std::move(joining), std::chrono::seconds{5});
  if (!joined) co_return std::unexpected{joined.error()};
  co_return etf::tuple("ok"_atom, *known);
}

}  // namespace

void add_appmon_builtins(function_table& to) {
  shelf{to, "appmon_info", right::observe}.add(
      "start_link2", [](process& self, const term& /*starter*/, pid client, const term& /*options*/) {
        return start_monitor(self, client);
      });
}

}  // namespace ergo::inline v0::detail
