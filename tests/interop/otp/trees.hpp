// Supervision trees of ours that Erlang asks for, drives and watches.
#pragma once

#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/start_functions.hpp>
#include <ergo/otp/supervisor.hpp>

#include <memory>

namespace ergo_interop {

/// A worker of scripts.erl: its starts come out as `outcomes` (`good`, `ignore`, `deaf`, `{bad, Why}`) say, then well.
/// One with the id `{Id, any}` is called `{Id, n}` when it is the nth. Tells `log` of its starts and of how it stops;
/// `{die, Reason}` ends it, and `{who, From, Ref}` asks for its id.
class scripted {
 public:
  scripted(ergo::term id, std::shared_ptr<std::size_t> starts, ergo::term outcomes, ergo::pid log);

  ergo::otp::result init(ergo::process& self);
  ergo::otp::result handle_info(ergo::process& self, const ergo::term& message);
  ergo::task<> terminate(ergo::process& self, const ergo::exit_reason& reason);

 private:
  void tell(ergo::process& self, const ergo::term& line) const;

  ergo::term id_;
  std::shared_ptr<std::size_t> starts_;
  ergo::term outcomes_;
  ergo::pid log_;
  bool deaf_ = false;
  bool told_to_die_ = false;
};

/// `scripts:start_worker/4`, for child specifications that Erlang writes.
[[nodiscard]] std::shared_ptr<const ergo::otp::start_functions> script_functions();

/// Call `{start_tree, {tree, Flags, Children}, Log}` answers `{ok, Pid}` or `{error, Reason}`, `{stop_tree, Pid}` tells
/// a tree to end.
class trees {
 public:
  ergo::task<ergo::otp::result> handle_call(ergo::process& self, const ergo::term& request);
};

}  // namespace ergo_interop
