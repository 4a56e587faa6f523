// Supervision trees of ours that Erlang asks for, drives and watches.
#pragma once

#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/supervisor.hpp>

#include <memory>

namespace ergo_interop {

/// A worker of scripts.erl: its starts come out as `outcomes` (`good`, `ignore`, `{bad, Why}`) say, then well. Tells
/// `log` of its starts and of how it stops; `{die, Reason}` ends it.
class scripted {
 public:
  scripted(ergo::term id, std::shared_ptr<std::size_t> starts, ergo::term outcomes, ergo::pid log);

  ergo::otp::result init(ergo::process& self);
  ergo::otp::result handle_info(const ergo::term& message);
  void terminate(ergo::process& self, const ergo::exit_reason& reason);

 private:
  void tell(ergo::process& self, const ergo::term& line) const;

  ergo::term id_;
  std::shared_ptr<std::size_t> starts_;
  ergo::term outcomes_;
  ergo::pid log_;
};

/// The tree that a term of scripts.erl describes.
[[nodiscard]] ergo::otp::supervisor_spec tree_of(const ergo::term& intensity, const ergo::term& children,
                                                 ergo::pid log);

/// Call `{start_tree, {tree, Intensity, Children}, Log}` answers `{ok, Pid}` or `{error, Reason}`, `{stop_tree, Pid}`
/// tells a tree to end.
class trees {
 public:
  ergo::task<ergo::otp::result> handle_call(ergo::process& self, const ergo::term& request);
};

}  // namespace ergo_interop
