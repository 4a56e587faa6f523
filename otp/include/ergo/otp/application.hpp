// Applications: named supervision trees that are started after what they depend on and stopped in reverse.
#pragma once

#include <ergo/otp/outside.hpp>
#include <ergo/otp/supervisor.hpp>

#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace ergo::inline v0::otp {

/// What the end of an application's root supervisor means for the others, as in OTP.
enum class start_type : std::uint8_t {
  permanent,  ///< all applications are stopped
  transient,  ///< the same, unless it ended `normal`
  temporary,  ///< it is reported
};

/// One application: its tree and what must run before it.
struct application_spec {
  atom name;
  supervisor_spec root;
  start_type type = start_type::temporary;
  std::vector<atom> applications{};  ///< names of others of the same set that are started before
  std::string description{};
  std::string version{};
  start_options options{};  ///< of the root supervisor: registered name, time limit
};

/// Positions in `set` such that every application comes after those it depends on, otherwise in the order given.
///
/// Fails with `not_found` (the missing name) or `badarg` (`{duplicate, Name}`, `{circular, Name}`).
[[nodiscard]] ergo::result<std::vector<std::size_t>> start_order(std::span<const application_spec> set);

/// The server that starts a set of applications in its `init` and stops them in reverse in its `terminate`.
///
/// A root that does not start stops those before it, and start fails with `{Name, Reason}`. When the start type of one
/// that ended says so, it stops the others and exits with `{application_terminated, Name, Reason}`. Calls, as terms:
/// `which_applications` gives `[{Name, Description, Version}]` of those that run, `{stop, Name}` and `{start, Name}`
/// answer `ok` or `{error, Reason}`, `{get_master, Name}` the pid of its root supervisor or `undefined`.
class application_controller {
 public:
  task<result> init(process& self, std::vector<application_spec> set);
  task<result> handle_call(process& self, const term& request);
  task<result> handle_info(process& self, const message& info);
  task<> terminate(process& self);
  [[nodiscard]] term state() const;

 private:
  struct running {
    application_spec spec;
    pid root{};
  };

  task<ergo::result<pid>> start_one(process& self, std::size_t index);
  task<> stop_one(process& self, std::size_t index);
  task<> stop_all(process& self);
  task<result> start_stopped(process& self, std::size_t index);
  [[nodiscard]] std::size_t find(atom name) const noexcept;

  std::vector<running> applications_;  // in start order
};

/// Starts a set of applications on a node and blocks until all run; returns their controller.
///
/// It is registered as `application_controller`, so a node has one. Not for threads of the runtime.
[[nodiscard]] ergo::result<pid> start_applications(local_node& on, std::vector<application_spec> set);

/// Stops a set of applications, last started first, and blocks until they have ended.
///
/// After `grace` the controller is killed, and what is left of its trees is `runtime::stop`'s. Fails with `noproc` when
/// the controller was gone already.
ergo::result<exit_reason> stop_applications(local_node& on, const pid& controller,
                                            duration grace = std::chrono::seconds{30});

}  // namespace ergo::inline v0::otp
