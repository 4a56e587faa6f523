// The processes that Erlang nodes send log events to: what arrives becomes an event of ours, and no more than was said.
#include "support.hpp"

#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <string>
#include <vector>

using namespace ergo;
using namespace ergo::test;

namespace {

/// A node with only the loggers, and the log lines that it reported.
class logging_node {
 public:
  explicit logging_node(const kernel::log_options& logs) {
    kernel::options services;
    services.global = false;
    services.user.enabled = false;
    services.io_functions = false;
    services.logs = logs;
    runtime_options runtime;
    runtime.on_event = [this](const event& happened) {
      if (happened.what != event::kind::log) return;
      const std::scoped_lock lock{mutex_};
      lines_.push_back(happened);
    };
    auto started = kernel::start(alone(), services, runtime);
    REQUIRE(started);
    node_ = std::move(*started);
  }
  ~logging_node() { node_.reset(); }
  logging_node(const logging_node&) = delete;
  logging_node& operator=(const logging_node&) = delete;

  void send(atom to, std::string_view message) { node_->send(to, *etf::parse(message)); }
  [[nodiscard]] std::vector<event> lines() {
    const std::scoped_lock lock{mutex_};
    return lines_;
  }
  [[nodiscard]] std::size_t count(std::string_view text) {
    const auto all = lines();
    return static_cast<std::size_t>(std::ranges::count(all, text, &event::text));
  }
  /// All but what supervisors say of their children.
  [[nodiscard]] std::vector<std::string> texts() {
    std::vector<std::string> all;
    for (const auto& one : lines()) {
      if (one.text != "progress") all.push_back(one.text);
    }
    std::ranges::sort(all);
    return all;
  }
  node* operator->() { return node_.get(); }

 private:
  std::mutex mutex_;
  std::vector<event> lines_;
  std::unique_ptr<node> node_;
};

}  // namespace

TEST_CASE("log events of other nodes become ours, and what is none ends nothing") {
  logging_node on{{}};
  const auto proxy = on->whereis("logger_proxy"_atom);
  const auto old = on->whereis("error_logger"_atom);
  REQUIRE(proxy);
  REQUIRE(old);
  on.send("logger_proxy"_atom, "{log, error, \"~p fell\", [bob], #{mfa => {m,f,1}}}");
  for (const auto* const nonsense : {"nonsense", "{log, error}", "{log, error, \"x\", [], none}", "[]"}) {
    on.send("logger_proxy"_atom, nonsense);
    on.send("error_logger"_atom, nonsense);
  }
  on.send("logger_proxy"_atom, "{log, debug, \"last\", #{}}");
  on.send("error_logger"_atom, "{notify, {warning_msg, gl, {p, \"careful, ~w\", [bob]}}}");
  CHECK(eventually([&] { return on.count("last") == 1 && on.count("careful, bob") == 1; }));
  CHECK(on.count("bob fell") == 1);
  CHECK(on.texts() == std::vector<std::string>{"bob fell", "careful, bob", "last"});
  CHECK(on->whereis("logger_proxy"_atom) == proxy);
  CHECK(on->whereis("error_logger"_atom) == old);
}

TEST_CASE("more events than the limit are dropped, and counted in one event") {
  kernel::log_options limited;
  limited.per_second = 2;
  logging_node on{limited};
  for (int count = 0; count < 50; ++count) on.send("logger_proxy"_atom, "{log, info, \"many\", #{}}");
  const auto is_report = [](const event& one) { return one.text == "log events of other nodes were dropped"; };
  CHECK(eventually([&] { return std::ranges::any_of(on.lines(), is_report); }));
  const auto all = on.lines();
  std::int64_t dropped = 0;
  for (const auto& one : all) {
    if (is_report(one)) dropped += one.fields.at(0).second.as_integer().value_or(0);
  }
  const auto passed = static_cast<std::int64_t>(on.count("many"));
  CHECK(dropped > 0);
  CHECK(passed + dropped <= 50);
  CHECK(passed >= 2);
}

TEST_CASE("events that wait are bounded: what comes while too many do is lost, and costs no memory") {
  kernel::options services;
  services.global = false;
  services.user.enabled = false;
  services.logs.per_second = 0;
  services.logs.waiting = 10;
  std::promise<void> writing;
  std::promise<void> go_on;
  const auto allowed = go_on.get_future().share();
  std::atomic<int> logged{0};
  std::atomic<bool> last{false};
  runtime_options slow;
  slow.on_event = [&](const event& happened) {
    if (happened.text == "last") last = true;
    if (happened.text == "many" && ++logged == 1) {
      writing.set_value();
      allowed.wait();
    }
  };
  const auto started = kernel::start(alone(), services, slow);
  REQUIRE(started);
  const auto say = [&](std::string_view text) { (*started)->send({"logger_proxy"_atom}, *etf::parse(text)); };
  say("{log, info, \"many\", #{}}");
  REQUIRE(writing.get_future().wait_for(patience) == std::future_status::ready);
  for (int count = 0; count < 1'000; ++count) say("{log, info, \"many\", #{}}");
  go_on.set_value();
  CHECK(eventually([&] { return logged >= 11; }));
  say("{log, info, \"last\", #{}}");
  CHECK(eventually([&] { return last.load(); }));
  CHECK(logged == 11);
}

TEST_CASE("without a limit every event arrives") {
  kernel::log_options unlimited;
  unlimited.per_second = 0;
  logging_node on{unlimited};
  for (int count = 0; count < 2'000; ++count) on.send("logger_proxy"_atom, "{log, info, \"many\", #{}}");
  CHECK(eventually([&] { return on.count("many") == 2'000; }));
}

TEST_CASE("a node without loggers has none of their names") {
  kernel::log_options off;
  off.enabled = false;
  logging_node on{off};
  CHECK(!on->whereis("logger_proxy"_atom));
  CHECK(!on->whereis("error_logger"_atom));
}
