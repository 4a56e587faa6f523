// The way to one peer: a queue that any thread fills and one core empties, and, while the peer is up, a socket.
// Decisions about connecting are made by the connection table; what packets mean is the business of signal_reader and
// signal_writer.
#pragma once

#include "carried.hpp"
#include "functions.hpp"
#include "send_accounts.hpp"
#include "shared_bytes.hpp"
#include "signal_chain.hpp"
#include "signal_reader.hpp"
#include "signal_writer.hpp"
#include "stream.hpp"

#include <ergo/detail/core_api.hpp>
#include <ergo/dist/liveness.hpp>
#include <ergo/dist/packet.hpp>
#include <ergo/dist/peers.hpp>
#include <ergo/node_figures.hpp>
#include <ergo/node_options.hpp>

#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

namespace ergo::inline v0::detail {

class connection;

/// Who makes connections, seen by them. Called on the connection's core.
class connection_owner : public limit_watch {
 public:
  /// Signals wait for the peer. Answered by `attach` or `refuse`.
  virtual void wanted(connection& by) = 0;
  /// The session is over; everything that had arrived was delivered and everybody was told.
  virtual void lost(connection& by, dist::attempt_id session, const dist::peer_reason& reason) = 0;
  /// The peer has broken the protocol; `lost` follows.
  virtual void broke(const connection& by, breach how, std::string_view text) = 0;
  /// The session was closed before the peer had taken everything: so many bytes are lost.
  virtual void cut_short(const connection& by, std::size_t bytes) = 0;
  /// Messages that are not whole yet take more than `node_limits::all_open_bytes`: who has most of them is to
  /// `relieve`.
  virtual void crowded() = 0;
};

/// What all connections of a node share.
struct connection_terms {
  local_node& local;
  connection_owner& owner;
  tracer& trace;
  std::shared_ptr<function_table> functions;
  node_limits limits;
  dist::liveness_options liveness;
  dist::packet_writer_options packets = {};
  pid speaker = {};  ///< stands for senders that are no process; set before the first connection
  shared_bytes queued = {};
  shared_bytes unfinished = {};         ///< of packets and messages of which a part is missing
  std::atomic<bool> relieving = false;  ///< whether somebody was told to `relieve` and has not done so yet
};

/// A socket whose handshake is done.
struct established_link {
  dist::attempt_id id{};
  int descriptor = -1;  ///< owned by the receiver of this
  etf::node_id peer;
  dist::flags negotiated;
  dist::byte_buffer leftover;                  ///< bytes received behind the handshake
  std::unique_ptr<tls_session> tls = nullptr;  ///< null: in the clear
};

/// What has passed over a connection in all its sessions. One writer; whoever reads may be a little late.
struct traffic {
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};
  std::atomic<std::uint64_t> packets_in{0};
  std::atomic<std::uint64_t> packets_out{0};
  std::atomic<std::uint64_t> ticks_in{0};
  std::atomic<std::uint64_t> ticks_out{0};
  [[nodiscard]] connection_counters read() const noexcept;
};

/// Where a connection runs between.
struct socket_ends {
  sockaddr_storage local{};
  sockaddr_storage remote{};
};

/// One peer by name. Never freed while its runtime lives; sessions come and go. It is a schedulable of its home core:
/// public members are for any thread, everything private happens in its slices.
class connection final : public schedulable {
 public:
  connection(connection_terms& terms, atom peer, reactor& reactor, core* home);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Queues `envelope` (owned from now on); connects if necessary.
  void accept(const destination& to, signal* envelope) noexcept;
  void watch_node(const pid& watcher) noexcept { request_watch(watcher, watch_flag); }
  void unwatch_node(const pid& watcher) noexcept { request_watch(watcher, unwatch_flag); }
  /// Whether `sender` has to wait: for what all have queued here, or for its own large messages.
  [[nodiscard]] bool busy(const pid& sender) const noexcept { return is_full(sender, allowance()); }
  void wake_when_drained(const pid& waiting) noexcept;

  void attach(established_link link);            ///< the peer is up over this socket
  void refuse(const dist::peer_reason& reason);  ///< the peer cannot be reached: what waits is answered
  /// End the session; what is queued is written first when we end it of our own will.
  void close(dist::peer_errc reason);
  void relieve();  ///< closes it, if the node still holds too much of what is not whole
  /// The session of this id is up for everybody from now on; `attach` or `retract` follows.
  void announce(dist::attempt_id id) noexcept;
  void retract() noexcept;
  /// What is queued from now on is not for the session that is up, which is about to be closed, but for the next one.
  /// Returns that session's id, or none when none is up.
  dist::attempt_id separate() noexcept;
  void retire();  ///< the node has stopped: no more signals
  /// Which node of this name it is; a new one is charged to what the peer may make. Any thread.
  [[nodiscard]] std::expected<etf::node_id, etf::error> incarnation(std::uint32_t creation);

  [[nodiscard]] atom peer() const noexcept { return peer_; }
  /// What has passed since the session began, or over the last one.
  [[nodiscard]] connection_counters counters() const;
  /// What has passed in all sessions.
  [[nodiscard]] connection_counters total() const noexcept { return traffic_.read(); }
  /// Bytes that are queued or encoded, and written to no socket yet; those on accounts of their senders are not
  /// counted.
  [[nodiscard]] std::size_t waiting() const noexcept {
    return queued_.load(std::memory_order_relaxed) + unsent_.load(std::memory_order_relaxed);
  }
  /// Bytes of packets and messages of which a part is missing, as far as they are counted.
  [[nodiscard]] std::size_t unfinished() const noexcept { return unfinished_.told(); }
  [[nodiscard]] bool is_up() const noexcept { return up_.load(std::memory_order_relaxed); }
  /// The session that is up; none between sessions.
  [[nodiscard]] dist::attempt_id announced() const noexcept { return announced_.load(std::memory_order_relaxed); }
  /// Whether a session is up that nobody has separated from.
  [[nodiscard]] bool is_staying() const noexcept {
    const auto session = announced();
    return session != dist::attempt_id::none && separated_.load(std::memory_order_acquire) != session;
  }
  [[nodiscard]] socket_ends ends();  ///< of the last session
  [[nodiscard]] std::size_t unsent() const noexcept { return unsent_.load(std::memory_order_relaxed); }

 private:
  struct session;
  struct refusal {
    dist::peer_reason reason;
  };
  struct closing {
    dist::peer_errc reason;
  };
  struct relief {};
  struct retirement {};
  using command = std::variant<established_link, refusal, closing, relief, retirement>;
  enum class bell : std::uint8_t { readable = 1, writable = 2, tick = 4, command = 8, drained = 16, unsent = 32 };

  static constexpr std::size_t batch = 64U << 10;  // bytes gathered before a write
  static constexpr std::uint8_t watch_flag = 0x40;
  static constexpr std::uint8_t unwatch_flag = 0x20;
  static constexpr std::uint8_t fence_flag = 0x10;
  static constexpr std::uint8_t own_account_flag = 0x08;

  slice_end run_slice(worker& on) override;
  slice_end run_claimed();
  void before_wait(core& /*on*/) override {}

  void ring(bell why) noexcept;
  void ring(bell why, dist::attempt_id session) noexcept;
  void give(command told);
  void request_watch(const pid& watcher, std::uint8_t flag) noexcept;
  void limit_flood(const pid& sender, std::size_t bytes) noexcept;
  [[nodiscard]] bool is_full(const pid& sender, std::size_t limit) const noexcept;
  [[nodiscard]] std::size_t allowance() const noexcept;
  [[nodiscard]] bool nothing_waits() const noexcept;
  bool write_at_once(const destination& to, signal* envelope, std::size_t size) noexcept;

  [[nodiscard]] static bool connects(const signal& packed) noexcept;
  [[nodiscard]] static bool is_own(const signal& packed) noexcept;
  [[nodiscard]] bool take_own(signal* packed);
  [[nodiscard]] bool awaits_session(const signal& packed) const noexcept;
  [[nodiscard]] bool has_outgoing() const noexcept;
  [[nodiscard]] bool has_work() const noexcept;
  void fail(signal* packed);
  std::uint8_t collect();
  void take_rest() noexcept;
  void obey(command told);
  void begin(established_link& link);
  void end_before_begin(established_link& link);
  slice_end offline_slice();
  slice_end online_slice(std::uint8_t bells);
  void encode_backlog();
  void encode_batch();
  void write_signal(signal* packed);
  bool write_packet(const outgoing& what, pid sender, std::size_t size, std::size_t counted);
  void write_fragment();
  void account(const signal& packed) noexcept;
  transfer write_out() noexcept;
  void flush();
  void receive(std::size_t bytes, std::size_t packets);
  [[nodiscard]] std::size_t take_packets(std::size_t most);
  void take_packet(dist::bytes_view body);
  void check_liveness();
  void arm_timer();
  void wait_to_read();
  void wait_to_write();
  void begin_closing(dist::peer_errc reason);
  void go_on_closing(std::uint8_t bells);
  void lose(const dist::peer_reason& reason);
  void break_protocol(breach how, std::string_view text);
  void fail_backlog();
  void fail_backlog_of(session& ended);
  void publish_unsent() noexcept;
  void wake_waiters();
  void tell_shares();
  void make_room();
  [[nodiscard]] dist::send_queue queue_state() const noexcept;
  [[nodiscard]] peer_quota quota() const;

  connection_terms& terms_;
  const atom peer_;
  reactor& reactor_;
  etf::atom_budget budget_;
  const std::shared_ptr<std::atomic<std::size_t>> spawned_ = std::make_shared<std::atomic<std::size_t>>(0);

  // Any thread.
  alignas(64) std::atomic<std::size_t> queued_{0};  // sizes of signals that are not encoded yet and not in the accounts
  std::atomic<std::size_t> unsent_{0};              // encoded bytes that are not written yet
  std::atomic<std::uint8_t> bells_{0};
  std::atomic<std::uint64_t> current_{0};  // number of the session, for handlers of earlier ones
  std::atomic<dist::attempt_id> announced_{dist::attempt_id::none};  // the session that is up, begun already or not
  std::atomic<dist::attempt_id> separated_{dist::attempt_id::none};  // the last one that somebody disconnected
  std::atomic<bool> up_{false};
  std::atomic<bool> claimed_{false};  // somebody is at what only one may touch at a time: a slice, or a sender
  std::atomic<bool> has_waiters_{false};
  signal bell_{};
  send_accounts accounts_;
  mutable std::mutex mutex_;
  std::vector<command> commands_;
  std::vector<pid> waiters_;
  socket_ends ends_;
  share_of_bytes queued_share_;
  share_of_bytes unfinished_;
  connection_counters before_;  // the session; what `traffic_` was when it began
  traffic traffic_;

  // The slices.
  crossing table_;
  signal_chain backlog_;         // what waits for the peer or for room
  std::size_t taken_sizes_ = 0;  // sizes encoded in this slice
  bool asked_ = false;           // a connection was asked for
  bool retired_ = false;
  std::unique_ptr<session> session_;
};

}  // namespace ergo::inline v0::detail
