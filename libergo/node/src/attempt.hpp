// One socket with a peer from its first byte to the end of its handshake: the thin coroutine that carries a machine's
// actions to the socket.
#pragma once

#include "tls_session.hpp"

#include <ergo/dist/acceptor.hpp>
#include <ergo/dist/connector.hpp>
#include <ergo/dist/name_pool.hpp>
#include <ergo/dist/peers.hpp>
#include <ergo/node_figures.hpp>
#include <ergo/node_options.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace ergo::inline v0::detail {

class connection;
struct attempt;

/// Who answers a handshake's questions. On the reactor of the attempts.
class handshake_host {
 public:
  virtual ~handshake_host() = default;
  /// What the table says of a name; `attempt::admitted` is set now or later.
  virtual void ask(attempt& by, const dist::handshake::ask& question) = 0;
  /// The peer says that a connection is up; `attempt::concluded` is set now or later.
  virtual void ask_alive(attempt& by) = 0;
  /// The peer has proven itself; as above.
  virtual void commit(attempt& by) = 0;
  /// A step of the handshake was made.
  virtual void progressed(attempt& by) = 0;
};

/// How a handshake ended.
using handshake_end = std::variant<dist::handshake_result, dist::handshake_failure>;

/// The state of one attempt; all on one reactor. Callers that fall silent may be many: what only those need who go on
/// is not in it until then.
struct attempt : std::enable_shared_from_this<attempt> {
  attempt(boost::asio::io_context& on, dist::attempt_id number, const node_limits& given);

  /// Ends what it waits for, with this reason.
  void cancel(dist::peer_errc reason);
  /// Wakes a handshake that waits for `admitted` or `concluded`.
  void answered();
  /// Why the handshake failed; null when it did not.
  [[nodiscard]] const dist::handshake_failure* failure() const {
    return std::get_if<dist::handshake_failure>(end.get());
  }
  /// What came of it when it did not.
  [[nodiscard]] dist::handshake_result& result() const { return std::get<dist::handshake_result>(*end); }
  /// Restarts the deadline of the step, within that of the whole.
  void new_step();
  void wake_everything();

  const dist::attempt_id id;
  const node_limits& limits;
  boost::asio::ip::tcp::socket socket;
  boost::asio::steady_timer deadline;
  boost::asio::cancellation_signal stop;
  std::chrono::steady_clock::time_point last_moment;
  std::array<std::byte, 64> input{};
  std::unique_ptr<tls_session> tls;  ///< null: in the clear
  std::string trouble;               ///< what failed in TLS
  bool heard = false;                ///< the peer has sent something

  std::string peer;                       ///< as dialled, as claimed or as given
  std::optional<dist::given_name> given;  ///< the name that the peer has from us
  bool incoming = false;
  bool settled = false;            ///< the handshake is over, one way or the other
  std::optional<refusal> refused;  ///< why a caller is sent away, where its handshake does not say
  bool timed_out = false;
  std::optional<dist::peer_errc> cancelled;
  std::optional<dist::handshake::admission> admitted;
  std::optional<dist::handshake::verdict> concluded;
  boost::asio::steady_timer* asking = nullptr;  ///< while the handshake waits for an answer to its question
  std::unique_ptr<handshake_end> end;
  std::optional<std::uint32_t> challenge;  ///< the one that is in the book
  connection* up = nullptr;                ///< after the handshake: who has the socket
};

/// Does the handshake of TLS over the attempt's socket; false when it failed, or the peer is not the one that is
/// called, for the reason in `attempt::trouble`. Never throws.
[[nodiscard]] boost::asio::awaitable<bool> secure(std::shared_ptr<attempt> over);

/// Runs a machine over the attempt's socket; `attempt::end` is how that ended. Deadlines and cancellation end it with
/// `timeout` and `closed`.
[[nodiscard]] boost::asio::awaitable<void> carry(std::shared_ptr<attempt> over, dist::connector machine,
                                                 handshake_host& host);
[[nodiscard]] boost::asio::awaitable<void> carry(std::shared_ptr<attempt> over, dist::acceptor machine,
                                                 handshake_host& host);

}  // namespace ergo::inline v0::detail
