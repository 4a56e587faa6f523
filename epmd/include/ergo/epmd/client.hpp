// Asking a port mapper, and being registered at one, on Asio: every operation takes a completion token, has a
// deadline and ends with a value or an error that says what to do.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "ergo/epmd/error.hpp"
#include "ergo/epmd/message.hpp"

namespace ergo::inline v0::epmd {

/// What an operation ends with.
template <typename T>
using answer = std::expected<T, error>;

/// How long a client waits, and where it asks.
struct client_options {
  std::uint16_t port = default_port;
  /// For one whole operation: name resolution, connection and answer.
  std::chrono::milliseconds timeout{10'000};
  /// How long a registration is tried again while the name is taken: when a node restarts quickly, the port mapper
  /// may not have noticed the end of its old connection yet (erlang/otp issue 11083).
  std::chrono::milliseconds duplicate_patience{1'000};
};

/// A node and the address at which its port mapper answered, where the node is reached, too.
struct located_node {
  node_record node;
  boost::asio::ip::address address;
  friend bool operator==(const located_node&, const located_node&) = default;
};

/// A name that is ours while this object lives. Move-only; empty when default-made or moved from. Used on the
/// executor of the client that made it.
class registration {
 public:
  registration() = default;
  registration(registration&&) noexcept = default;
  registration& operator=(registration&& other) noexcept;
  /// Gives the name back.
  ~registration();

  /// True while the connection is open, as far as is known: only `async_lost` watches it.
  [[nodiscard]] bool is_open() const noexcept;
  /// The creation the port mapper chose. A node that registers again keeps its first one.
  [[nodiscard]] std::uint32_t creation() const noexcept;
  /// The registered node; empty for an empty registration.
  [[nodiscard]] const node_record& node() const noexcept;
  /// The name is free for others as soon as the port mapper sees it. May be repeated.
  void close();

  /// Completes when the name is lost, with the reason, as `void(error)`: connection_lost (register again, or become
  /// the port mapper), stopped (closed here; an empty registration says so at
  /// once), cancelled. One at a time.
  template <boost::asio::completion_token_for<void(error)> Token>
  auto async_lost(Token&& token) {
    return boost::asio::async_initiate<Token, void(error)>(
        [](auto handler, std::shared_ptr<state> held) { watch(std::move(handler), std::move(held)); }, token, state_);
  }

 private:
  friend struct registrar;
  struct state;
  explicit registration(std::shared_ptr<state> held) noexcept : state_{std::move(held)} {}
  static void watch(boost::asio::any_completion_handler<void(error)> handler, std::shared_ptr<state> held);

  std::shared_ptr<state> state_;
};

/// A port mapper's client: a value of an executor and options; operations do not need it to live on.
///
/// Completion signature: `void(answer<T>)`. Handlers run on their associated executor, else on the client's, never
/// inside the call. An executor of several threads must be a strand. Cancellation slots are honoured.
/// `host` is a name or an address; empty means this host's loopback, IPv4 first.
/// Errors of all operations: cannot_resolve, cannot_connect, closed_early (the port mapper does not obey or has no
/// place), bad_answer, timed_out, cancelled; and those of `check_name` where a name is sent.
class client {
 public:
  explicit client(boost::asio::any_io_executor executor, client_options options = {})
      : executor_{std::move(executor)}, options_{options} {}

  /// Registers a node at this host's port mapper and keeps the connection. Further errors: extra_too_long;
  /// name_taken, also after `duplicate_patience`.
  template <boost::asio::completion_token_for<void(answer<registration>)> Token>
  auto async_register(const node_record& node, Token&& token) {
    return boost::asio::async_initiate<Token, void(answer<registration>)>(
        [](auto handler, const client& self, node_record own) {
          self.start_register(std::move(handler), std::move(own));
        },
        token, *this, node);
  }

  /// Where the node called `name` listens on `host`. Further error: not_found.
  template <boost::asio::completion_token_for<void(answer<located_node>)> Token>
  auto async_lookup(std::string_view host, std::string_view name, Token&& token) {
    return boost::asio::async_initiate<Token, void(answer<located_node>)>(
        [](auto handler, const client& self, std::string at, std::string who) {
          self.start_lookup(std::move(handler), std::move(at), std::move(who));
        },
        token, *this, std::string{host}, std::string{name});
  }

  /// All names on `host`; see `names_in`.
  template <boost::asio::completion_token_for<void(answer<listing>)> Token>
  auto async_names(std::string_view host, Token&& token) {
    return async_list(host, opcode::names, std::forward<Token>(token));
  }

  /// All names, those of gone nodes included. Local hosts only.
  template <boost::asio::completion_token_for<void(answer<listing>)> Token>
  auto async_dump(std::string_view host, Token&& token) {
    return async_list(host, opcode::dump, std::forward<Token>(token));
  }

  /// Asks the port mapper to end. Local hosts only.
  template <boost::asio::completion_token_for<void(answer<kill_answer>)> Token>
  auto async_kill(std::string_view host, Token&& token) {
    return boost::asio::async_initiate<Token, void(answer<kill_answer>)>(
        [](auto handler, const client& self, std::string at) { self.start_kill(std::move(handler), std::move(at)); },
        token, *this, std::string{host});
  }

  /// Asks the port mapper to drop a name. Local hosts only; closed_early without relaxed command check.
  template <boost::asio::completion_token_for<void(answer<stop_answer>)> Token>
  auto async_stop(std::string_view host, std::string_view name, Token&& token) {
    return boost::asio::async_initiate<Token, void(answer<stop_answer>)>(
        [](auto handler, const client& self, std::string at, std::string who) {
          self.start_stop(std::move(handler), std::move(at), std::move(who));
        },
        token, *this, std::string{host}, std::string{name});
  }

 private:
  template <typename T>
  using handler_of = boost::asio::any_completion_handler<void(answer<T>)>;

  template <typename Token>
  auto async_list(std::string_view host, opcode which, Token&& token) {
    return boost::asio::async_initiate<Token, void(answer<listing>)>(
        [](auto handler, const client& self, std::string at, opcode asked) {
          self.start_list(std::move(handler), std::move(at), asked);
        },
        token, *this, std::string{host}, which);
  }

  void start_register(handler_of<registration> handler, node_record node) const;
  void start_lookup(handler_of<located_node> handler, std::string host, std::string name) const;
  void start_list(handler_of<listing> handler, std::string host, opcode which) const;
  void start_kill(handler_of<kill_answer> handler, std::string host) const;
  void start_stop(handler_of<stop_answer> handler, std::string host, std::string name) const;

  boost::asio::any_io_executor executor_;
  client_options options_;
};

}  // namespace ergo::inline v0::epmd
