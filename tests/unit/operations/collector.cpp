#include "http_client.hpp"

#include <ergo/node_collector.hpp>
#include <ergo/process.hpp>

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <sstream>

using namespace ergo;
using namespace ergo_test;

namespace {

/// The value of the line that begins with `series`, as Prometheus would read it.
double value_of(const std::string& page, const std::string& series) {
  std::istringstream lines{page};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  FAIL("no " << series << " in\n" << page);
  return 0;
}

task<> wait_for_ever(process& self) {
  const auto none = co_await self.receive();
  (void)none;
}

task<> read_nothing(process& self) { co_await self.sleep(std::chrono::hours{1}); }

}  // namespace

TEST_CASE("A scrape tells what the node uses of what is bounded", "[operations]") {
  const auto node = start_alone({.cores = 2, .measure_slices = true});
  const auto pages = serve(*node);
  const auto before = get(*pages, "/metrics");
  CHECK(before.result_int() == 200);
  CHECK(before[http::field::content_type] == "text/plain; version=0.0.4; charset=utf-8");
  for (int i = 0; i < 5; ++i) REQUIRE(node->spawn(wait_for_ever));
  const auto& page = before.body();
  CHECK(value_of(get(*pages, "/metrics").body(), "ergo_processes") == value_of(page, "ergo_processes") + 5);
  CHECK(value_of(page, "ergo_processes_limit") == 1 << 24);
  CHECK(value_of(page, "ergo_atoms") > 0);
  CHECK(value_of(page, "ergo_atoms_limit") == 1 << 20);
  CHECK(value_of(page, "ergo_connections") == 0);
  CHECK(value_of(page, R"(ergo_core_available_seconds_total{core="1"})") > 0);
  CHECK(value_of(page, "process_open_fds") > 3);
  CHECK(value_of(page, "process_resident_memory_bytes") > 1'000'000);
  while (value_of(get(*pages, "/metrics").body(), "ergo_slice_cpu_seconds_count") == 0) {
  }
  const auto identity =
      R"(ergo_node_info{node="alone@localhost",creation=")" + std::to_string(node->creation()) + "\"}";
  CHECK(value_of(page, identity) == 1);
}

TEST_CASE("A scrape tells who was refused and why, and what full mailboxes did not take", "[operations]") {
  const auto node = start_alone();
  const auto pages = serve(*node);
  const auto shown = [&](const std::string& series) { return value_of(get(*pages, "/metrics").body(), series); };
  CHECK(shown(R"(ergo_callers_refused_total{reason="garbage"})") == 0);
  http_client stranger{node->port()};
  stranger.send(std::string_view{"\0\4oops", 6});
  CHECK(stranger.is_closed());
  while (shown(R"(ergo_callers_refused_total{reason="garbage"})") != 1) {
  }
  CHECK(shown("ergo_peers_let_in_total") == 0);
  while (shown("ergo_handshakes") != 0) {  // it is refused first, then over
  }
  CHECK(shown(R"(ergo_protocol_breaches_total{reason="frame"})") == 0);
  CHECK(shown(R"(ergo_peers_lost_total{reason="silent"})") == 0);
  CHECK(shown("ergo_received_bytes_total") == 0);
  const auto full = node->spawn(spawn_options{.mailbox_bound = 1}, make_body(read_nothing));
  REQUIRE(full);
  for (int i = 0; i < 4; ++i) node->send(*full, i);
  while (shown(R"(ergo_mailbox_refused_messages_total{fate="dropped"})") < 1) {
  }
  CHECK(shown(R"(ergo_mailbox_refused_messages_total{fate="rejected"})") == 0);
}

TEST_CASE("A registry of the program is on the same page", "[operations]") {
  const auto node = start_alone();
  const auto registry = std::make_shared<prometheus::Registry>();
  auto& orders = prometheus::BuildCounter().Name("orders_total").Help("Orders taken").Register(*registry).Add({});
  operations_options options;
  options.collected.push_back(registry);
  const auto pages = serve(*node, std::move(options));
  orders.Increment(3);
  CHECK(value_of(get(*pages, "/metrics").body(), "orders_total") == 3);
}

TEST_CASE("Each family has a name of its own, a type and a text of help", "[operations]") {
  const auto node = start_alone();
  const auto families = node_collector{*node}.Collect();
  for (const auto& family : families) {
    INFO(family.name);
    CHECK(std::ranges::count(families, family.name, &prometheus::MetricFamily::name) == 1);
    CHECK_FALSE(family.help.empty());
    CHECK((family.type == prometheus::MetricType::Counter) == family.name.ends_with("_total"));
  }
}
