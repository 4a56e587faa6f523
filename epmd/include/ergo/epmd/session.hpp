// One client connection of the port mapper as a state machine: bytes and events in, decisions out. It knows no
// socket and no clock; the server in server.hpp, the tests and the fuzzer drive the same object.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "ergo/epmd/directory.hpp"
#include "ergo/epmd/error.hpp"
#include "ergo/epmd/message.hpp"

namespace ergo::inline v0::epmd {

/// Where a peer is. Local: from 127.0.0.0/8, ::1 (also IPv4-mapped), or from the very address it connected to.
enum class locality : std::uint8_t { local, remote };

/// `relaxed` lets local peers kill a port mapper that holds names, and drop names of others.
enum class command_check : std::uint8_t { strict, relaxed };

/// What a session knows of its connection and its server.
struct session_terms {
  owner_id id{};
  int descriptor = -1;  ///< shown by DUMP
  locality peer = locality::remote;
  command_check check = command_check::strict;
  std::uint16_t epmd_port = default_port;  ///< told in NAMES and DUMP
};

/// What a session did, for a log. `registered` and `unregistered` come in pairs for each name.
enum class happening : std::uint8_t {
  nothing,
  registered,    ///< `name` lives from now on
  refused,       ///< a registration was answered with result 1, because of `problem`
  unregistered,  ///< `name` is free again
  answered,      ///< a query, kill or stop was answered
  failed,        ///< the connection ended without an answer, because of `problem`
  killed,        ///< the server was told to end
};

/// A happening with its details.
struct session_report {
  happening what = happening::nothing;
  errc problem = errc::ok;
  std::optional<opcode> asked;  ///< what was asked, when that is known
  std::string name;             ///< of the node in question, if any; as the peer sent it
  std::uint32_t creation = 0;   ///< the counter of the registration
  std::uint16_t port = 0;       ///< where the node listens
};

/// The life of one connection: one request, one answer; then the server closes, or the connection stays and *is* the
/// registration. The driver performs the returned action and reports back with the next event.
class session {
 public:
  enum class phase : std::uint8_t {
    reading,     ///< waits for the request
    answering,   ///< a reply is on its way; the connection is closed behind it
    granting,    ///< a positive ALIVE2 answer is on its way
    refusing,    ///< a negative ALIVE2 answer is on its way
    registered,  ///< silent until the client goes
    lingering,   ///< refused; the client is expected to close
    closed,
  };

  /// Bytes came; never empty.
  struct received {
    std::string_view bytes;
  };
  /// The peer closed, or the connection failed.
  struct ended {};
  /// The reply of the last action was handed to the system completely.
  struct reply_sent {};
  /// The session is to end now, for a reason of the server: timed_out, displaced or stopped.
  struct dismissed {
    errc reason = errc::stopped;
  };
  using event = std::variant<received, ended, reply_sent, dismissed>;

  /// What the driver does next.
  enum class step : std::uint8_t {
    read,   ///< wait for bytes
    send,   ///< send `reply`, then report `reply_sent`, or `ended` when that fails
    close,  ///< close the connection; the session is over
    kill,   ///< close this connection and stop the whole server
  };
  struct action {
    step next = step::close;
    std::string reply;
    std::optional<owner_id> evicted;  ///< STOP: this connection lost its registration and is to be closed too
    session_report report;
    std::optional<session_report> second_report;  ///< of the evicted registration
  };

  explicit session(session_terms terms) : terms_{terms} {}

  /// Takes the next event. `now` (seconds since 1970) seeds the creation of a new name. Where memory runs out, this
  /// session is over, as after a failure, because of `no_memory`; nothing is thrown.
  [[nodiscard]] action resume(const event& what, directory& names, std::uint32_t now);

  [[nodiscard]] phase where() const noexcept { return phase_; }
  [[nodiscard]] owner_id id() const noexcept { return terms_.id; }
  /// True while the connection is subject to the deadline and may be displaced: all but registrations.
  [[nodiscard]] bool is_transient() const noexcept { return phase_ != phase::registered && phase_ != phase::closed; }
  /// Bytes of the request so far.
  [[nodiscard]] std::size_t received_bytes() const noexcept { return reader_.received(); }

 private:
  action decide(const event& what, directory& names, std::uint32_t now);
  action give_up(directory& names) noexcept;
  action on_bytes(std::string_view bytes, directory& names, std::uint32_t now);
  action on_reply_sent(directory& names);
  action end(errc reason, directory& names);
  action fail(errc problem, std::optional<opcode> asked = {});
  action answer(opcode asked, std::string reply);

  action serve(const alive2_request& asked, directory& names, std::uint32_t now);
  action serve(const port_please2_request& asked, directory& names, std::uint32_t now);
  action serve(const names_request& asked, directory& names, std::uint32_t now);
  action serve(const dump_request& asked, directory& names, std::uint32_t now);
  action serve(const kill_request& asked, directory& names, std::uint32_t now);
  action serve(const stop_request& asked, directory& names, std::uint32_t now);

  session_terms terms_;
  phase phase_ = phase::reading;
  bool kills_ = false;  // the step behind the reply is `kill`
  request_reader reader_;
};

}  // namespace ergo::inline v0::epmd
