// The master of one running application: the group leader of its processes, who starts and ends it.
#pragma once

#include "application_directory.hpp"

#include <ergo/otp/proc_lib.hpp>

#include <memory>

namespace ergo::inline v0::otp::detail {

/// What a master is started with.
struct master_order {
  master_order(const pid& controller_of_it, const pid& starter_of_it, shared_spec spec_of_it,
               std::shared_ptr<application_directory> known)
      : controller{controller_of_it},
        starter{starter_of_it},
        spec{std::move(spec_of_it)},
        directory{std::move(known)} {}

  pid controller;
  pid starter;
  shared_spec spec;
  std::shared_ptr<application_directory> directory;
};

/// The process of a master, to be started by `proc_lib`; it fails with OTP's reason.
///
/// As OTP's application_master it obeys `{stop, Tag, From}`, answers `{get_child, Tag, From}` with `{Tag, {Root,
/// Module}}`, and passes requests of the I/O protocol on to the group leader of its starter.
[[nodiscard]] task<exit_reason> run_master(process& self, init_ack starter, master_order order);

/// Stops an application in order, and returns when its master has ended.
[[nodiscard]] task<> stop_master(process& self, pid master);

/// Asks the code of an application about new parameters: `ok`, `{error, Reason}`, or what else it gives.
[[nodiscard]] task<term> change_config(process& self, pid master, environment_changes changes);

}  // namespace ergo::inline v0::otp::detail
