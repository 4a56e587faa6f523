// Memory that runs out in the client: each allocation in turn fails, and whoever asked is told all the same.
#include <catch2/catch_test_macros.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ergo/epmd/client.hpp"
#include "ergo_test/allocations.hpp"
#include "support.hpp"

using namespace ergo::epmd;
using namespace ergo::test;
using namespace std::chrono_literals;

namespace {

// Longer than what strings hold without memory.
const std::string name = "a-node-with-a-long-name";

/// What became of an operation.
enum class outcome { answered, not_begun, failed, thrown_at_the_loop, forgotten };

/// Runs the context's work to its end; false when something was thrown at it.
bool run_to_the_end(boost::asio::io_context& io) {
  bool quiet = true;
  for (;;) {
    try {
      io.run();
      return quiet;
    } catch (const std::exception&) {
      quiet = false;
    }
  }
}

/// Begins an operation on a context of this thread, and runs it to its end, with its `nth` allocation failing.
template <typename Answer, typename Begin>
outcome without_memory(std::uint16_t port, std::size_t nth, const Begin& begin) {
  boost::asio::io_context io{1};
  client one{io.get_executor(), {.port = port, .timeout = 60s, .duplicate_patience = 0ms}};
  const auto strand = boost::asio::make_strand(io);  // so that the answer takes a way of its own to the handler
  std::optional<Answer> got;
  fail_allocation(nth);
  try {
    begin(one, boost::asio::bind_executor(strand, [&got](Answer done) { got = std::move(done); }));
  } catch (const std::bad_alloc&) {
    fail_allocation(0);
    return run_to_the_end(io) && !got ? outcome::not_begun : outcome::thrown_at_the_loop;
  }
  const bool quiet = run_to_the_end(io);
  fail_allocation(0);
  if (!quiet) return outcome::thrown_at_the_loop;
  if (!got) return outcome::forgotten;
  return got->has_value() ? outcome::answered : outcome::failed;
}

/// Each allocation fails in turn, until there are no more: it does not begin, it fails, or it succeeds all the same.
template <typename Answer, typename Begin>
void check_each_failing(std::uint16_t port, const Begin& begin) {
  std::vector<outcome> all;
  for (std::size_t nth = 1; nth < 100; ++nth) all.push_back(without_memory<Answer>(port, nth, begin));
  CHECK(std::ranges::count(all, outcome::not_begun) >= 1);
  CHECK(std::ranges::count(all, outcome::failed) >= 1);
  CHECK(std::ranges::count(all, outcome::thrown_at_the_loop) == 0);
  CHECK(std::ranges::count(all, outcome::forgotten) == 0);
  CHECK(std::ranges::count(all.end() - 20, all.end(), outcome::answered) == 20);
}

}  // namespace

TEST_CASE("Whoever asks a port mapper without memory is told so, and at once", "[R50]") {
  running_server server;
  const auto port = server.port();
  raw_client node{port};
  REQUIRE(node.enlist(name));
  const auto start = steady_clock::now();
  check_each_failing<answer<located_node>>(
      port, [](client& one, auto handler) { one.async_lookup("", name, std::move(handler)); });
  check_each_failing<answer<listing>>(port, [](client& one, auto handler) { one.async_names("", std::move(handler)); });
  // Nothing is left behind that waits for the deadline of a minute.
  CHECK(steady_clock::now() - start < 50s);
}

TEST_CASE("Whoever registers without memory is told so, and has no name then", "[R50]") {
  running_server server;
  const auto port = server.port();
  int number = 0;
  check_each_failing<answer<registration>>(port, [&](client& one, auto handler) {
    one.async_register({.name = name + std::to_string(++number), .port = 5}, std::move(handler));
  });
  CHECK(eventually([&] { return server.clients() == 0; }));
}
