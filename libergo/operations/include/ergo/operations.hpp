// How a node is, over HTTP: metrics for Prometheus, health and readiness for whoever starts and replaces programs.
#pragma once

#include <ergo/node.hpp>

#include <prometheus/collectable.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0 {

/// What answers a request.
struct http_reply {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

/// Makes the reply to a GET of one path. `query` is what followed `?`, as it came. Calls `reply` exactly once, at once
/// or later, on any thread; runs on the server's thread and must not block it. `reply` may outlive the server.
using http_page = std::function<void(std::string_view query, std::function<void(http_reply)> reply)>;

struct operations_options {
  /// Where it listens: an IP address. It asks nobody who they are, so whoever can reach it reads everything.
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                        ///< 0: any that is free; `operations::port` tells
  std::size_t clients = 32;                      ///< connections at a time; the next one is closed at once
  duration patience = std::chrono::seconds{10};  ///< for a whole request, and for an answer to be taken
  duration hung = std::chrono::seconds{5};       ///< a core that runs nothing for so long although asked is not healthy
  /// Why the program is not ready for work; empty: it is. Without it a node that runs is ready. Runs on the server's
  /// thread.
  std::function<std::string()> not_ready;
  /// What `/metrics` shows after the node's own: registries of the program, for instance.
  std::vector<std::shared_ptr<prometheus::Collectable>> collected;
};

/// An HTTP server with a thread of its own, so that it answers when the node does not. Any thread. Must be destroyed
/// before the node.
///
/// - `/metrics`: what `node_collector` collects, and `operations_options::collected`, in Prometheus' text format;
/// - `/health`: 200 when every core of the runtime ran something for it within `operations_options::hung`, else 503
///   and which did not. Whoever restarts the program asks here;
/// - `/ready`: 200 when the node runs and the program says nothing else, else 503 and why. Whoever sends work asks
/// here.
///
/// GET and HEAD only. Nothing runs in it while nobody asks.
class operations {
 public:
  /// Errors: `badarg` with a sentence, for an address that is none or cannot be listened at.
  [[nodiscard]] static result<std::unique_ptr<operations>> start(node& of, operations_options options = {});
  ~operations();  ///< closes its connections; pages that have begun are not waited for
  operations(const operations&) = delete;
  operations& operator=(const operations&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  /// Adds or replaces the page of a path such as `/status`.
  void add(std::string path, http_page page);

 private:
  class server;
  explicit operations(std::unique_ptr<server> made);

  std::unique_ptr<server> server_;
};

}  // namespace ergo::inline v0
