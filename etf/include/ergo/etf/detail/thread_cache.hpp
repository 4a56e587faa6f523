// Memory that a thread keeps from terms that have ended, for terms to come. Not for use by programs.
#pragma once

namespace ergo::inline v0::etf::detail {

/// Gives back what this thread keeps: for one that may have nothing to do for long. It keeps anew from then on.
void drain_thread_cache() noexcept;

/// Gives back half of what this thread keeps of each size, but for a little. Called now and then, it leaves what terms
/// to come soon take, and of what came once the less the longer ago that was.
void shrink_thread_cache() noexcept;

}  // namespace ergo::inline v0::etf::detail
