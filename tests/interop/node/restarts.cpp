// Starting and stopping whole nodes again and again in one program.
#include "harness.hpp"
#include "sockets.hpp"

#include <ergo/reactor.hpp>
#include <ergo_test/baseline.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

namespace ergo_interop {
namespace {

using ergo::test::open_descriptors;
using ergo::test::resident_bytes;
using ergo::test::running_threads;

/// A runtime with three nodes, one of which serves the port mapper; all three connect and call.
void one_life(std::uint16_t port) {
  ergo::runtime runtime{ergo::networked({.cores = 2})};
  std::vector<std::unique_ptr<ergo::node>> nodes;
  for (const char* const name : {"first", "second", "third"}) {
    auto options = options_for(name, port);
    options.on_event = [](const ergo::event&) {};
    auto started = ergo::node::start(runtime, options);
    expect(started.has_value(), "no node");
    nodes.push_back(*std::move(started));
    ergo::otp::start_options named;
    named.name = "echo"_atom;
    expect(ergo::otp::start<echo>(nodes.back()->local(), named).has_value(), "no server");
  }
  for (const auto& from : nodes) {
    for (const auto& to : nodes) {
      if (from == to) continue;
      const auto answer = ergo::otp::call<int>(from->local(), {"echo"_atom, to->name()}, 7, 10s);
      expect(answer.has_value() && *answer == 7, "no answer");
    }
  }
}

void a_thousand_lives(std::uint16_t port, scenario& figures) {
  constexpr int lives = 1000;
  for (int round = 0; round < 50; ++round) one_life(port);  // pools and tables have their size now
  const auto threads = running_threads();
  const auto descriptors = open_descriptors();
  const auto memory = resident_bytes();
  for (int round = 0; round < lives - 50; ++round) one_life(port);
  figures.ran(lives);
  expect(open_descriptors() == descriptors, "descriptors were left open");
  eventually("the threads are gone", [&] { return running_threads() <= threads; });
  const auto grown = (std::max(memory, resident_bytes()) - memory) / 1024;
  figures.measured({.name = "memory more", .value = static_cast<double>(grown), .unit = "KiB", .at_most = 4096});
  expect(grown < 4096, "memory grew by " + std::to_string(grown) + " KiB");
}

TEST_CASE("Three nodes start, meet and stop a thousand times and leave nothing behind", "[R56][installed]") {
  among_ourselves("1,000 lives of a runtime with three nodes, epmd embedded", [] {
    scenario figures{"R56", "lives of a runtime with three nodes, epmd embedded"};
    a_thousand_lives(free_port(), figures);
  });
  among_ourselves("1,000 lives of a runtime with three nodes, epmd outside", [] {
    scenario figures{"R56", "lives of a runtime with three nodes, epmd outside"};
    const auto port = free_port();
    const program mapper{{program_from("ERGO_PROGRAM_EPMD"), "-port", std::to_string(port)}};
    eventually("the port mapper answers", [&] { return names_at(port).has_value(); });
    a_thousand_lives(port, figures);
    eventually("no name is left", [&] { return names_at(port) && names_at(port)->empty(); });
  });
}

}  // namespace
}  // namespace ergo_interop
