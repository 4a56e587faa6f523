// A TCP connection that is cut, reset, stalled, slow, late, deaf on one side, refused or made twice, as a test wants
// it: the faults that a loopback device does not have.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace ergo::test {

/// An IPv4 address of this computer, in host order, and a port.
struct endpoint {
  std::uint32_t address = 0x7F00'0001;
  std::uint16_t port = 0;  ///< 0: the system chooses
};

/// The way of bytes through a proxy.
enum class way : std::uint8_t {
  forward,   ///< from whoever connected to the target
  backward,  ///< from the target
};

/// How a proxy ends a connection, on both sides.
enum class ending : std::uint8_t {
  close,  ///< in order: what has passed is read, and then the end
  reset,  ///< with RST
};

/// Listens, connects to a target for each caller, and passes bytes on both ways.
///
/// Faults hold for the connections that there are and for those to come, until they are taken back; bytes are counted
/// from the beginning of each connection. One thread of its own; every member may be called by any thread.
class fault_proxy {
 public:
  /// Throws `std::system_error` when it cannot listen.
  fault_proxy(const endpoint& listens, const endpoint& target);
  ~fault_proxy();
  fault_proxy(const fault_proxy&) = delete;
  fault_proxy& operator=(const fault_proxy&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;

  /// Ends a connection when exactly `bytes` have passed one way; what came with them is dropped.
  void cut_after(way which, std::uint64_t bytes, ending how);
  /// Takes `cut_after` back, both ways.
  void cut_never();
  /// Passes nothing on any more; senders are held up when the sockets are full.
  void stall(way which);
  /// Takes all that comes this way, the end of the connection too, and tells nobody: a half-open connection. Whoever
  /// would have heard it may go on speaking, even to a peer that is gone.
  void lose(way which);
  /// Takes `stall` and `lose` back; what was lost stays lost.
  void resume(way which);
  /// Writes at most `bytes` at once, each in a segment of its own; 0: as many as there are.
  void dribble(way which, std::size_t bytes);
  /// Passes so many bytes of each connection on in a second, in a hundred steps; 0: as fast as they come. A wait of the
  /// proxy of up to 50 ms is caught up with.
  void rate(way which, std::uint64_t bytes_per_second);
  /// Passes bytes on so late; those that are on their way keep their time.
  void delay(way which, std::chrono::milliseconds by);
  /// Adds a random time up to `most` to what `delay` says, to whatever is read at once; bytes stay in order. The same
  /// seed gives the same times.
  void jitter(way which, std::chrono::milliseconds most, std::uint32_t seed = 1);

  /// New callers are refused by the system, as if nobody listened; the port stays taken, connections go on.
  void refuse();
  /// Takes `refuse` back.
  void accept();
  /// Connects twice to the target for each caller to come: what the caller says goes to both, what the second
  /// connection answers to nobody. It ends with the first, or when the target ends it.
  void duplicate();
  void duplicate_never();
  /// Ends the connections that there are.
  void end_all(ending how);

  /// Keeps no bytes for `passed` any more: for connections that live long.
  void keep_nothing();

  /// Connections so far.
  [[nodiscard]] std::size_t connections() const;
  /// Connections that there are.
  [[nodiscard]] std::size_t open() const;
  /// What the last connection has passed on, also when it has ended; empty after `keep_nothing`.
  [[nodiscard]] std::string passed(way which) const;
  /// How many writes that took.
  [[nodiscard]] std::size_t writes(way which) const;

 private:
  class engine;
  std::unique_ptr<engine> engine_;
};

}  // namespace ergo::test
