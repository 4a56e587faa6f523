// The connecting side of the handshake as a machine without a socket.
#pragma once

#include <ergo/dist/handshake.hpp>
#include <ergo/dist/handshake_input.hpp>

#include <string>

namespace ergo::inline v0::dist {

/// Proves to a dialled node who we are and has it prove the same (protocol §2.3, side A).
///
/// One object per attempt. `resume` never fails: whatever the peer sends ends in an action. After
/// `done` or `failed` every further event is answered with `bad_event`.
class connector {
 public:
  /// `peer` = the node that is dialled; a node that answers with another name is refused.
  /// `cookie` = the secret for this pair; it is wiped at the end.
  connector(handshake_config config, std::string peer, std::string cookie);
  ~connector();
  connector(connector&&) = default;
  connector& operator=(connector&&) = default;

  /// Takes the answer to the last action and returns the next one.
  handshake::action resume(const handshake::event& event);

  /// What the machine waits for.
  [[nodiscard]] handshake_step step() const { return step_; }

 private:
  enum class phase : std::uint8_t { fresh, writing, reading, asking, ended };

  handshake::action start();
  handshake::action after_sent();
  handshake::action next_message();
  handshake::action on_message(bytes_view body);
  handshake::action on_status(bytes_view body);
  handshake::action on_named(const status_message& status);
  handshake::action on_verdict(handshake::verdict verdict);
  handshake::action on_challenge(bytes_view body);
  handshake::action on_ack(bytes_view body);
  handshake::action write(handshake_step next);
  handshake::action read();
  handshake::action fail(handshake_errc code, flags missing = {});
  [[nodiscard]] bool wants_name() const;

  handshake_config config_;
  std::string cookie_;
  handshake_result result_;
  handshake_input input_;
  byte_buffer output_;
  digest our_proof_{};
  phase phase_{phase::fresh};
  handshake_step step_{handshake_step::start};
  bool give_up_{false};  // our answer to `alive` was `false`: end when it is written
};

}  // namespace ergo::inline v0::dist
