// A node of ours as a process of its own, which tests may kill: a scope of pg whose members join, leave and end at
// random, as those of show_side.erl do. One command on each line of its input, one answer on each of its output.
#include <ergo/etf/text.hpp>
#include <ergo/kernel.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/otp/pg.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <iostream>
#include <random>
#include <sstream>

namespace {

using namespace ergo::literals;
using namespace std::chrono_literals;
using ergo::otp::pg;

constexpr std::array groups{0, 1, 2};
constexpr std::size_t most = 12;

const pg scope{"rooms"_atom};
std::atomic<bool> busy{false};
std::atomic<std::uint64_t> changes{0};

ergo::task<> seek(ergo::process& self, ergo::atom peer) {
  for (;;) {
    self.send(ergo::destination{"nobody"_atom, peer}, 1);
    co_await self.sleep(200ms);
  }
}

ergo::task<> member(ergo::process& self) { co_await self.sleep(ergo::forever); }

ergo::task<> churn(ergo::process& self) {
  std::mt19937_64 random{std::random_device{}()};
  std::vector<std::pair<int, ergo::pid>> joined;
  for (;;) {
    co_await self.sleep(std::chrono::milliseconds{5 + random() % 20});
    if (!busy) continue;
    ++changes;
    const auto what = random() % 4;
    if (what < 2 && joined.size() < most) {
      const auto group = groups[random() % groups.size()];
      const auto who = self.spawn(member);
      const std::span<const ergo::pid> one{&who, 1};
      const auto done = co_await scope.join(self, group, one);
      if (done) joined.emplace_back(group, who);
      continue;
    }
    if (joined.empty()) continue;
    const auto chosen = joined.begin() + static_cast<std::ptrdiff_t>(random() % joined.size());
    const auto [group, who] = *chosen;
    joined.erase(chosen);
    const std::span<const ergo::pid> one{&who, 1};
    if (what == 2) (void)co_await scope.leave(self, group, one);
    self.exit(who, "kill"_atom);
  }
}

std::string entry(int group, const ergo::pid& who) {
  return std::to_string(group) + "=" + std::string{who.node.name().text()} + "/" + std::to_string(who.id) + "/" +
         std::to_string(who.serial) + "/" + std::to_string(who.node.creation());
}

ergo::task<> list(ergo::process& self, bool all, std::promise<std::string>* out) {
  std::vector<std::string> found;
  for (const auto group : groups) {
    auto asked = all ? scope.members(self, group) : scope.local_members(self, group);
    const auto members = co_await asked;
    for (const auto& one : members.value_or(std::vector<ergo::pid>{})) found.push_back(entry(group, one));
  }
  std::ranges::sort(found);
  std::string text;
  for (const auto& one : found) text += (text.empty() ? "" : " ") + one;
  out->set_value(text);
}

std::string entries(ergo::node& on, bool all) {
  std::promise<std::string> out;
  if (!on.spawn(list, all, &out)) return "no process";
  return out.get_future().get();
}

/// Answers commands until the end of the input.
class controlled {
 public:
  explicit controlled(ergo::node& on) : node_{on}, services_{found()} {}

  std::string answer(const std::string& line) {
    std::istringstream words{line};
    std::string command;
    words >> command;
    if (command == "meet") return meet(words);
    if (command == "missing") return std::to_string(missing());
    if (command == "churn") return words >> command, busy = command == "true", "ok";
    if (command == "changes") return std::to_string(changes.load());
    if (command == "entries") return words >> command, entries(node_, command == "all");
    if (command == "crashes") return found() == services_ ? "[]" : "a service was started again";
    return "what?";
  }

 private:
  using services = std::array<std::optional<ergo::pid>, 2>;
  services found() { return {node_.whereis(scope.name()), node_.whereis("global_name_server"_atom)}; }

  std::string meet(std::istream& words) {
    for (std::string name; words >> name;) {
      peers_.push_back(name);
      if (!node_.spawn(seek, ergo::atom::of(name))) return "no process";
    }
    return "ok";
  }
  // An answer is behind everything that was sent before; a connection alone may still wait for the network.
  bool answers(const std::string& name) {
    const auto request = ergo::etf::tuple("is_auth"_atom, node_.name());
    const ergo::destination there{"net_kernel"_atom, ergo::atom::of(name)};
    const auto given = ergo::otp::call<ergo::term>(node_.local(), there, request, 4s);
    return given && given->is("yes"_atom);
  }
  std::ptrdiff_t missing() {
    return std::ranges::count_if(peers_, [&](const std::string& name) { return !answers(name); });
  }

  ergo::node& node_;
  services services_;
  std::vector<std::string> peers_;
};

}  // namespace

// Name, port of all nodes, seconds of silence after which a peer is down.
int main(int count, char** words) {
  if (count != 4) return 2;
  ergo::node_options options;
  options.name = words[1];
  options.cookie = "interop";
  options.epmd = ergo::epmd_mode::none;
  options.peer_port = static_cast<std::uint16_t>(std::stoul(words[2]));
  options.net_ticktime = std::chrono::seconds{std::stoul(words[3])};
  ergo::kernel::options services;
  services.pg_scopes = {scope.name()};
  const auto node = ergo::kernel::start(options, services);
  if (!node || !(*node)->spawn(churn)) {
    std::cout << "cannot start" << std::endl;
    return 1;
  }
  controlled by{**node};
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) std::cout << by.answer(line) << std::endl;
  return 0;
}
