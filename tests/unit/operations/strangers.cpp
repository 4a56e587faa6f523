// Requests that a server of pages should not answer, or not for long.
#include "http_client.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <string>

using namespace ergo;
using namespace ergo_test;
using namespace std::chrono_literals;

TEST_CASE("Paths that are none are told what there is", "[operations]") {
  const auto node = start_alone();
  const auto pages = serve(*node);
  pages->add("/status", [](std::string_view, const std::function<void(http_reply)>& reply) { reply({}); });
  const auto answer = get(*pages, "/nothing");
  CHECK(answer.result_int() == 404);
  CHECK(answer.body() == "there are /health, /metrics, /ready, /status\n");
}

TEST_CASE("Only GET and HEAD are answered", "[operations]") {
  const auto node = start_alone();
  const auto pages = serve(*node);
  const auto refused = get(*pages, "/health", http::verb::delete_);
  CHECK(refused.result_int() == 405);
  CHECK(refused[http::field::allow] == "GET, HEAD");
  const auto head = get(*pages, "/health", http::verb::head);
  CHECK(head.result_int() == 200);
  CHECK(head[http::field::content_length] == "8");
  CHECK(head.body().empty());
}

TEST_CASE("A client too many is closed at once, and let in when another has gone", "[operations]") {
  const auto node = start_alone();
  const auto pages = serve(*node, {.clients = 2});
  http_client first{pages->port()};
  CHECK(first.ask("/health").result_int() == 200);
  {
    http_client second{pages->port()};
    CHECK(second.ask("/health").result_int() == 200);
    CHECK(http_client{pages->port()}.is_closed());
  }
  // The server may not have heard yet that the second one is gone.
  for (bool let_in = false; !let_in; let_in = http_client{pages->port()}.answers("/health")) {
  }
}

TEST_CASE("A request that does not end is not waited for, and one that is none closes", "[operations]") {
  const auto node = start_alone();
  const auto pages = serve(*node, {.patience = 50ms});
  const auto request = std::string{GENERATE("GET /health HTTP/1.1\r\nHost: x", "", "\r\n\r\n\r\nrubbish\r\n\r\n")};
  http_client client{pages->port()};
  client.send(request);
  CHECK(client.is_closed());
  // Whoever is slow to ask on a busy computer is closed, too.
  for (bool answered = false; !answered; answered = http_client{pages->port()}.answers("/health")) {
  }
}

TEST_CASE("A header of more than 8 KiB closes the connection", "[operations]") {
  const auto node = start_alone();
  const auto pages = serve(*node);
  http_client client{pages->port()};
  client.send("GET /health HTTP/1.1\r\nX: " + std::string(9'000, 'x'));
  CHECK(client.is_closed());
}
