// The process below an application's master that runs the application's code and keeps its root: the one that OTP
// calls X, which is there so that the master can serve its group while an application starts or stops.
#pragma once

#include "application_directory.hpp"

#include <ergo/process.hpp>

namespace ergo::inline v0::otp::detail {

/// What a keeper is started with.
struct keeper_order {
  keeper_order(const pid& master_of_it, term tag_of_it, shared_spec spec_of_it)
      : master{master_of_it}, tag{std::move(tag_of_it)}, spec{std::move(spec_of_it)} {}

  pid master;
  term tag;  // of what it tells its master: `{Tag, {ok, Root} | {error, Reason}}`
  shared_spec spec;
};

/// The process of a keeper. It traps exits, and obeys `{Master, terminate}` and `{Master, config_change, Tag, From,
/// {Changed, Added, Removed}}`.
[[nodiscard]] task<exit_reason> keep_application(process& self, keeper_order order);

}  // namespace ergo::inline v0::otp::detail
