// From a node's name to the way there, without a lock.
#pragma once

#include "connection.hpp"

#include <ergo/local_node.hpp>
#include <ergo/runtime.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ergo::inline v0::detail {

/// How a node has come to be known.
enum class acquaintance : std::uint8_t {
  called,  ///< something here wants to reach it, whether it exists or not
  proven,  ///< it is there, and has shown that it is of the cluster
};

/// All connections of a node, by the index of the peer's name. Connections are made at first use and stay.
class router final : public outbound {
 public:
  explicit router(connection_terms& terms);
  ~router() override;

  void deliver(const destination& to, signal* envelope) noexcept override;
  [[nodiscard]] bool busy(atom node, const pid& sender) const noexcept override;
  void wake_when_drained(atom node, const pid& waiting) noexcept override;
  void monitor_node(const pid& watcher, atom node) noexcept override;
  void demonitor_node(const pid& watcher, atom node) noexcept override;

  /// The node itself.
  [[nodiscard]] local_node& local() const noexcept { return terms_.local; }
  /// The connection to `peer`, or null when there was never one.
  [[nodiscard]] connection* find(atom peer) const noexcept;
  /// The connection to `peer`; null when that is no name of another node, the node has stopped, there is no memory for
  /// it, or there are too many names (`node_limits::names`, of which a quarter is for nodes that have called and shown
  /// the cookie).
  [[nodiscard]] connection* find_or_make(atom peer, acquaintance by = acquaintance::called) noexcept;
  /// What all connections hold and have moved; any thread.
  void write_to(node_figures& shown);
  /// Has the connection closed that holds most of what is not whole; any thread.
  void relieve();
  /// The names of the peers that are up, in one line; any thread.
  [[nodiscard]] std::string still_up();
  /// Ends all connections for good.
  void retire();

 private:
  void spawn_here(signal* request);

  struct chunk;
  static constexpr std::uint32_t chunk_size = 1024;
  static constexpr std::uint32_t most_chunks = 4'194'304 / chunk_size;

  [[nodiscard]] bool has_room(acquaintance by) const noexcept;

  connection_terms& terms_;
  std::unique_ptr<std::atomic<chunk*>[]> chunks_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<connection>> all_;
  unsigned next_core_ = 0;
  bool retired_ = false;
};

}  // namespace ergo::inline v0::detail
