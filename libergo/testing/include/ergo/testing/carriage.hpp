// How signals travel between two simulated nodes: as envelopes, or through a codec of the test's choice.
#pragma once

#include <ergo/local_node.hpp>

#include <functional>
#include <memory>
#include <string>

namespace ergo::inline v0::testing {

/// What travels from one node to another: an envelope with its destination, or the bytes that stand for it.
struct packet {
  detail::signal* envelope = nullptr;  ///< owned; null where `bytes` say it all
  destination to{pid{}};               ///< of `envelope`
  std::string bytes;

  packet() = default;
  packet(packet&& other) noexcept
      : envelope{std::exchange(other.envelope, nullptr)}, to{other.to}, bytes{std::move(other.bytes)} {}
  packet& operator=(packet&& other) noexcept {
    std::swap(envelope, other.envelope);
    std::swap(to, other.to);
    bytes.swap(other.bytes);
    return *this;
  }
  ~packet() {
    if (envelope != nullptr) detail::release(envelope);
  }
};

/// One end of one connection: makes packets of signals, signals of packets, and remembers who must be told of its loss.
///
/// Made anew for each connection. Used by the simulator's thread only.
class carriage {
 public:
  virtual ~carriage() = default;

  /// Makes packets of a signal (owned from now on) and gives each to `send`, in order; answers what cannot be sent.
  virtual void write(const destination& to, detail::signal* envelope, const std::function<void(packet)>& send) = 0;
  /// Acts on a packet of the other end. What it answers by itself goes to `send`. Returns what was wrong with the
  /// packet, which ends the connection; empty if nothing was.
  virtual std::string read(packet received, const std::function<void(packet)>& send) = 0;
  /// The connection is lost: tells every process of this node whose link, monitor or call went over it.
  virtual void lost() = 0;
  /// Links, monitors and calls that it remembers, for `sim::remembered`.
  [[nodiscard]] virtual std::size_t remembered() const { return 0; }
};

/// Makes the end of a connection that `local` has to the node `peer`.
using carriage_factory = std::function<std::unique_ptr<carriage>(local_node& local, etf::node_id peer)>;

/// Envelopes as they are: fast, and no protocol in between.
[[nodiscard]] std::unique_ptr<carriage> make_envelope_carriage(local_node& local, etf::node_id peer);

}  // namespace ergo::inline v0::testing
