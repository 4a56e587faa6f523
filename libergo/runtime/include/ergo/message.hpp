// What a process receives: an envelope around a term, a call, a trapped exit, or the end of a monitored process.
#pragma once

#include <ergo/destination.hpp>
#include <ergo/detail/signal.hpp>
#include <ergo/etf/convert.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace ergo::inline v0 {

/// A monitored process or node has ended: Erlang's `{'DOWN', Ref, process, Object, Reason}`.
struct down {
  reference ref;       ///< what `monitor` returned
  term object;         ///< the pid, or `{Name, Node}` where the monitor was by name
  exit_reason reason;  ///< its exit reason; `noproc` if it was not there, `noconnection` if the connection was lost
};

/// A trapped exit signal: Erlang's `{'EXIT', From, Reason}`.
struct exit_message {
  pid from;
  exit_reason reason;
};

/// A node was connected, as `process::monitor_nodes` tells: `{nodeup, Node, #{node_type, connection_id}}`.
struct node_up {
  atom node;
  bool hidden = false;
  std::uint64_t connection = 0;  ///< distinguishes the connections that a node makes while it lives
};

/// A node that was watched has gone: `{nodedown, Node}` after `process::monitor_node`, and `{nodedown, Node,
/// #{node_type, connection_id, nodedown_reason}}` after `process::monitor_nodes`.
struct node_down {
  atom node;
  bool hidden = false;
  std::uint64_t connection = 0;  ///< that of its `node_up`; 0 after `monitor_node`, which tells nothing but the node
  term reason{};                 ///< such as `connection_closed`, `disconnect`, `net_tick_timeout`; `[]` if unknown
};

/// Who waits for the answer to a call: the opaque `From` of `gen_server`.
///
/// Copyable; may be kept, or sent to another process that answers. Converts to `{Pid, Tag}`.
struct caller {
  pid process;
  term tag;  ///< a reference, or `[alias | Ref]`; must be echoed bit-exactly

  [[nodiscard]] term to_term() const { return etf::tuple(process, tag); }
};

/// One message, owned by its receiver. Move-only; cheap to move.
class message {
 public:
  message() noexcept = default;
  explicit message(detail::signal* owned) noexcept : signal_{owned} {}
  message(message&& other) noexcept : signal_{std::exchange(other.signal_, nullptr)} {}
  message& operator=(message&& other) noexcept {
    std::swap(signal_, other.signal_);
    return *this;
  }
  ~message() {
    if (signal_ != nullptr) detail::release(signal_);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return signal_ != nullptr; }
  [[nodiscard]] detail::signal_kind kind() const noexcept { return signal_->kind; }
  [[nodiscard]] bool is_call() const noexcept { return signal_->kind == detail::signal_kind::call; }
  [[nodiscard]] bool is_cast() const noexcept { return signal_->kind == detail::signal_kind::cast; }
  [[nodiscard]] bool is_info() const noexcept { return !is_call() && !is_cast(); }

  /// The request of a call, the message of a cast, the message itself otherwise.
  [[nodiscard]] const term& payload() const noexcept { return signal_->payload; }
  /// The message as an Erlang process would see it: `{'$gen_call', From, Request}`, `{'DOWN', …}`, `{'EXIT', …}`.
  [[nodiscard]] term to_term() const;
  /// Who calls; meaningful if `is_call()`.
  [[nodiscard]] ergo::caller from() const { return {signal_->from, signal_->tag}; }
  /// The sender where it is known, for logs; no process otherwise.
  [[nodiscard]] const pid& sender() const noexcept { return signal_->from; }

  /// The message as a `T`, or empty: `down`, `exit_message`, `node_up`, `node_down`, or any type that a plain message's
  /// term converts to.
  template <typename T>
  [[nodiscard]] std::optional<T> as() const {
    if constexpr (std::same_as<T, down>) {
      return as_down();
    } else if constexpr (std::same_as<T, exit_message>) {
      return as_exit();
    } else if constexpr (std::same_as<T, node_up>) {
      return as_node_up();
    } else if constexpr (std::same_as<T, node_down>) {
      return as_node_down();
    } else {
      if (signal_->kind != detail::signal_kind::message && signal_->kind != detail::signal_kind::timer_message)
        return std::nullopt;
      auto converted = etf::from_term<T>(signal_->payload);
      if (!converted) return std::nullopt;
      return std::optional<T>{*std::move(converted)};
    }
  }

  /// Gives the envelope up to the caller, who releases it.
  [[nodiscard]] detail::signal* take() noexcept { return std::exchange(signal_, nullptr); }
  [[nodiscard]] const detail::signal* get() const noexcept { return signal_; }

 private:
  [[nodiscard]] std::optional<down> as_down() const;
  [[nodiscard]] std::optional<exit_message> as_exit() const;
  [[nodiscard]] std::optional<node_up> as_node_up() const;
  [[nodiscard]] std::optional<node_down> as_node_down() const;

  detail::signal* signal_ = nullptr;
};

}  // namespace ergo::inline v0
