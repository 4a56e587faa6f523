// Memory that a thread keeps from terms that have ended, for terms to come. Not for use by programs.
#pragma once

namespace ergo::inline v0::etf::detail {

/// Gives back what this thread keeps: for one that may have nothing to do for long. It keeps anew from then on.
void drain_thread_cache() noexcept;

}  // namespace ergo::inline v0::etf::detail
