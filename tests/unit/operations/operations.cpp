#include "http_client.hpp"

#include <ergo/runtime.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <stdexcept>
#include <thread>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;

TEST_CASE("A node whose cores work is healthy", "[operations]") {
  const auto node = start_alone({.cores = 2});
  const auto pages = serve(*node);
  const auto answer = get(*pages, "/health");
  CHECK(answer.result_int() == 200);
  CHECK(answer.body() == "healthy\n");
}

TEST_CASE("A core that runs nothing makes the node unhealthy until it works again", "[operations]") {
  const auto node = start_alone({.cores = 2, .spare_threads = 0});
  const auto pages = serve(*node, {.hung = 1s});
  std::promise<void> begun;
  std::promise<void> end;
  node->runtime().post(1, [&begun, until = end.get_future().share()] {
    begun.set_value();
    until.wait();
  });
  begun.get_future().wait();
  const auto answer = get(*pages, "/health");
  CHECK(answer.result_int() == 503);
  CHECK(answer.body() == "of 2 cores these ran nothing for 1000 ms: 1\n");
  end.set_value();
  std::promise<void> passed;
  node->runtime().post(1, [&passed] { passed.set_value(); });
  passed.get_future().wait();
  CHECK(get(*pages, "/health").result_int() == 200);
}

TEST_CASE("A node is ready when it runs and the program says nothing else", "[operations]") {
  const auto node = start_alone();
  std::atomic<bool> loaded{false};
  const auto pages = serve(*node, {.not_ready = [&loaded] { return loaded ? "" : "the table is being loaded"; }});
  const auto before = get(*pages, "/ready");
  CHECK(before.result_int() == 503);
  CHECK(before.body() == "the table is being loaded\n");
  loaded = true;
  CHECK(get(*pages, "/ready").result_int() == 200);
  node->stop();
  const auto after = get(*pages, "/ready");
  CHECK(after.result_int() == 503);
  CHECK(after.body() == "the node has stopped\n");
}

TEST_CASE("What the program adds is a page, also when it answers later from another thread", "[operations]") {
  const auto node = start_alone();
  const auto pages = serve(*node);
  std::promise<std::function<void(http_reply)>> asked;
  pages->add("/later", [&asked](std::string_view query, std::function<void(http_reply)> reply) {
    CHECK(query == "a=1&b=2");
    asked.set_value(std::move(reply));
  });
  std::thread answering{[&asked] {
    const auto reply = asked.get_future().get();
    http_reply made;
    made.status = 202;
    made.type = "application/json";
    made.body = "{}";
    reply(std::move(made));
  }};
  const auto answer = get(*pages, "/later?a=1&b=2");
  answering.join();
  CHECK(answer.result_int() == 202);
  CHECK(answer[http::field::content_type] == "application/json");
  CHECK(answer.body() == "{}");
}

TEST_CASE("A page that throws is an error of the server, and the connection goes on", "[operations]") {
  const auto node = start_alone();
  const auto pages = serve(*node, {.not_ready = []() -> std::string { throw std::runtime_error{"no idea"}; }});
  http_client client{pages->port()};
  const auto answer = client.ask("/ready");
  CHECK(answer.result_int() == 500);
  CHECK(answer.body() == "no idea\n");
  CHECK(client.ask("/health").result_int() == 200);
}

TEST_CASE("An answer that comes when the server is gone harms nobody", "[operations]") {
  const auto node = start_alone();
  auto pages = serve(*node);
  std::promise<std::function<void(http_reply)>> asked;
  pages->add("/later",
             [&asked](std::string_view, std::function<void(http_reply)> reply) { asked.set_value(std::move(reply)); });
  http_client client{pages->port()};
  client.send("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const auto reply = asked.get_future().get();
  pages.reset();
  CHECK(client.is_closed());
  reply({});
}

TEST_CASE("Where it cannot listen, it says so in a sentence", "[operations]") {
  const auto node = start_alone();
  const auto pages = serve(*node);
  const auto taken = operations::start(*node, {.port = pages->port()});
  REQUIRE_FALSE(taken);
  CHECK(taken.error() == errc::badarg);
  CHECK(taken.error().message().find("cannot listen at 127.0.0.1:" + std::to_string(pages->port())) !=
        std::string::npos);
  CHECK_FALSE(operations::start(*node, {.address = "localhost"}));
}
