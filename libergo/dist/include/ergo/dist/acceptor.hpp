// The accepting side of the handshake as a machine without a socket.
#pragma once

#include <ergo/dist/handshake.hpp>
#include <ergo/dist/handshake_input.hpp>

#include <optional>
#include <string>

namespace ergo::inline v0::dist {

/// Has an incoming connection prove who it is before anything believes its name (protocol §2.3,
/// side B). An old connection is given up only after the proof (`commit`), so that nobody can cut a
/// link by claiming a name.
///
/// One object per attempt. `resume` never fails: whatever the peer sends ends in an action. After
/// `done` or `failed` every further event is answered with `bad_event`.
class acceptor {
 public:
  explicit acceptor(handshake_config config);
  ~acceptor();
  acceptor(acceptor&&) = default;
  acceptor& operator=(acceptor&&) = default;

  /// Takes the answer to the last action and returns the next one.
  handshake::action resume(const handshake::event& event);

  /// What the machine waits for.
  [[nodiscard]] handshake_step step() const { return step_; }

 private:
  enum class phase : std::uint8_t { fresh, writing, reading, asking, ended };

  struct refusal {
    handshake_errc code;
    flags missing;
  };

  handshake::action start();
  handshake::action after_sent();
  handshake::action next_message();
  handshake::action on_message(bytes_view body);
  handshake::action on_name(bytes_view body);
  handshake::action judge_name();
  handshake::action on_admission(const handshake::admission& admission);
  handshake::action on_alive_answer(bytes_view body);
  handshake::action send_challenge();
  handshake::action on_complement(bytes_view body);
  handshake::action on_reply(bytes_view body);
  handshake::action on_commit(handshake::verdict verdict);
  handshake::action write(handshake_step next);
  handshake::action read(handshake_step next);
  handshake::action refuse(status_code status, handshake_errc code, flags missing = {});
  handshake::action end_refused();
  handshake::action fail(handshake_errc code, flags missing = {});
  void put_status(status_code code);

  handshake_config config_;
  std::string cookie_;
  handshake_result result_;
  handshake_input input_;
  byte_buffer output_;
  flags offered_;  // by the peer, as received
  name_form form_{name_form::new_form};
  std::uint32_t peer_challenge_{};
  phase phase_{phase::fresh};
  handshake_step step_{handshake_step::start};
  std::optional<refusal> refusal_;  // what to end with when the refusal is written
};

}  // namespace ergo::inline v0::dist
