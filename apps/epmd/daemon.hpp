// Detaching from the terminal, and telling the starter when the server listens.
#pragma once

#include <cstddef>

namespace ergo::epmd_program {

/// The line to the process that was started: it ends, with success, when the server listens or has ended. Erlang's
/// port mapper returns at once, and a node that connects too early then fails; nobody notices that we wait.
class starter {
 public:
  starter() = default;
  explicit starter(int descriptor) : descriptor_{descriptor} {}
  starter(starter&& other) noexcept;
  starter& operator=(starter&&) = delete;
  ~starter() { release(); }

  /// Lets the starter end.
  void release();

 private:
  int descriptor_ = -1;
};

/// Becomes a daemon: two forks, own session, working directory root, umask 0, standard streams on the null device,
/// all other descriptors closed but the first `inherited` ones behind them. Returns in the daemon only; the calling
/// process ends there with 0, or 1 when it cannot fork.
[[nodiscard]] starter become_daemon(std::size_t inherited);

}  // namespace ergo::epmd_program
