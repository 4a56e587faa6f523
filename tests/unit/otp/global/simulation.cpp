// Random runs of 3 to 6 machines: whatever happens, once it is over everybody agrees.
#include "network.hpp"

#include <catch2/catch_test_macros.hpp>

namespace ergo::test {
namespace {

using story = std::function<std::string(network&)>;

void check_seeds(const story& told) {
  const auto failed = testing::run_seeds({.first = 1, .count = 200}, [&](testing::sim& world) {
    network cluster{world, 3 + world.pick(4)};
    if (auto wrong = cluster.unite(); !wrong.empty()) return wrong;
    if (auto wrong = cluster.violations(); !wrong.empty()) return "at the start: " + wrong;
    if (auto wrong = told(cluster); !wrong.empty()) return wrong;
    for (std::size_t host = 0; host < cluster.size(); ++host) {
      if (!cluster.running(host)) cluster.start(host);
    }
    if (auto wrong = cluster.unite(); !wrong.empty()) return wrong;
    return cluster.violations();
  });
  if (failed) FAIL(failed->message());
  SUCCEED();
}

pid register_somewhere(network& cluster, const term& name, std::size_t host) {
  const auto process = cluster.spawn(host);
  cluster.ask(process, registration(name, process));
  return process;
}

// As in OTP a change that dies with its node may have reached some nodes only; it does no harm where the process was on
// that node too.
void unregister_own(network& cluster, std::size_t host) {
  const term name{static_cast<std::int64_t>(cluster.pick(5))};
  const auto owner = cluster.at(host).whereis(name);
  if (owner && owner->node.name() == cluster.name(host)) cluster.ask(cluster.spawn(host), removal(name));
}

void random_registrations(network& cluster, std::size_t count) {
  for (std::size_t number = 0; number < count; ++number) {
    const auto host = cluster.pick(cluster.size());
    if (!cluster.running(host)) continue;
    const term name{static_cast<std::int64_t>(cluster.pick(5))};
    const auto process = register_somewhere(cluster, name, host);
    unregister_own(cluster, host);
    cluster.steps(cluster.pick(60));
    if (cluster.pick(3) == 0) cluster.end(process);
  }
}

std::pair<std::size_t, std::size_t> two_of(network& cluster) {
  const auto left = cluster.pick(cluster.size());
  return {left, (left + 1 + cluster.pick(cluster.size() - 1)) % cluster.size()};
}

// Which of `parts` partitions each host is in; connections between different ones are blocked.
void split(network& cluster, std::size_t parts) {
  std::vector<std::size_t> part(cluster.size());
  for (auto& one : part) one = cluster.pick(parts);
  for (std::size_t left = 0; left < cluster.size(); ++left) {
    for (std::size_t right = left + 1; right < cluster.size(); ++right) {
      if (part[left] != part[right]) cluster.block(left, right);
      cluster.steps(cluster.pick(20));
    }
  }
}

}  // namespace

TEST_CASE("of processes that register one name at the same time exactly one gets it", "[global]") {
  check_seeds([](network& cluster) -> std::string {
    const term name{"one"_atom};
    std::vector<std::uint64_t> asked;
    for (std::size_t host = 0; host < cluster.size(); ++host) {
      const auto process = cluster.spawn(host);
      asked.push_back(cluster.ask(process, registration(name, process)));
    }
    if (!cluster.quiet()) return "registrations do not end";
    const auto got = std::ranges::count_if(asked, [&](auto question) {
      const auto* given = cluster.answer(question);
      return given != nullptr && given->is("yes"_atom);
    });
    if (got != 1) return std::to_string(got) + " registrations were answered yes";
    return cluster.violations();
  });
}

TEST_CASE("names are the same everywhere while processes register, unregister and end", "[global]") {
  check_seeds([](network& cluster) -> std::string {
    random_registrations(cluster, 20);
    if (!cluster.quiet()) return "registrations do not end";
    return cluster.violations();
  });
}

TEST_CASE("after a netsplit each name has one process, and it is the same everywhere", "[global]") {
  check_seeds([](network& cluster) -> std::string {
    random_registrations(cluster, 4);
    split(cluster, 2);
    random_registrations(cluster, 12);
    return {};
  });
}

TEST_CASE("after a split into three each name has one process", "[global]") {
  check_seeds([](network& cluster) -> std::string {
    random_registrations(cluster, 4);
    split(cluster, 3);
    random_registrations(cluster, 12);
    split(cluster, 3);
    cluster.heal();
    random_registrations(cluster, 4);
    return {};
  });
}

TEST_CASE("names of nodes that die together go, and their locks too", "[global]") {
  check_seeds([](network& cluster) -> std::string {
    random_registrations(cluster, 6);
    for (std::size_t host = 1; host < cluster.size(); ++host) {
      if (cluster.pick(2) == 0) cluster.crash(host);
      cluster.steps(cluster.pick(10));
    }
    random_registrations(cluster, 6);
    return {};
  });
}

TEST_CASE("lost connections, deaths and returns leave nobody behind", "[global]") {
  check_seeds([](network& cluster) -> std::string {
    for (int fault = 0; fault < 15; ++fault) {
      const auto [left, right] = two_of(cluster);
      switch (cluster.pick(5)) {
        case 0: cluster.block(left, right); break;
        case 1: cluster.heal(); break;
        case 2: cluster.running(left) ? cluster.crash(left) : cluster.start(left); break;
        case 3: cluster.connect(left, right); break;
        default: cluster.cut(left, right); break;
      }
      random_registrations(cluster, cluster.pick(3));
      cluster.steps(cluster.pick(200));
    }
    return {};
  });
}

}  // namespace ergo::test
