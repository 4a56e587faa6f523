// The C++ twin of the gen_server in twins.erl.
#pragma once

#include <ergo/node_options.hpp>
#include <ergo/otp/gen_server.hpp>

namespace ergo_interop {

/// Does what it is told by the same words as its twin, and keeps the same state.
class twin {
 public:
  ergo::otp::result init(ergo::process& self, const ergo::term& diary, const ergo::term& how);
  ergo::otp::result handle_call(ergo::process& self, const ergo::term& what, const ergo::otp::from& caller);
  ergo::otp::result handle_cast(ergo::process& self, const ergo::term& what);
  ergo::otp::result handle_info(ergo::process& self, const ergo::term& what);
  ergo::otp::result handle_continue(ergo::process& self, const ergo::term& what);
  void terminate(ergo::process& self, const ergo::exit_reason& reason);
  ergo::otp::result code_change(const ergo::term& old_version, const ergo::term& state, const ergo::term& extra);

 private:
  ergo::otp::result act(ergo::process& self, const ergo::term& what, const ergo::otp::from* caller);
  void note(ergo::process& self, const ergo::term& line) const;

  std::int64_t count_ = 0;
  ergo::term diary_;
  ergo::term last_;
  BOOST_DESCRIBE_CLASS(twin, (), (), (), (count_, diary_, last_))
};

/// A visible node: `proc_lib` and `sys` of OTP ask those only what a process was started as.
[[nodiscard]] ergo::node_options visible_at(std::uint16_t epmd_port);

/// Call `{start, {Diary, Init}}`, or with a group leader behind it, starts a twin under the name `twin` and answers
/// what `gen_server:start` does; `{latch | bells, Pid}` starts what watched.hpp knows, and answers `{ok, Pid}`.
class twins {
 public:
  ergo::task<ergo::otp::result> handle_call(ergo::process& self, const ergo::term& request);
};

}  // namespace ergo_interop
