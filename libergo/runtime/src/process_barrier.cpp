// Linux has it since 4.14; a sandbox may refuse it.
#include "process_barrier.hpp"

#if __has_include(<linux/membarrier.h>)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace ergo::inline v0::detail {

#if __has_include(<linux/membarrier.h>)

bool process_barrier::available() noexcept {
  static const bool registered = ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
                                 ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
  return registered;
}

bool process_barrier::everywhere() noexcept {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0;
}

#else

bool process_barrier::available() noexcept { return false; }
bool process_barrier::everywhere() noexcept { return false; }

#endif

}  // namespace ergo::inline v0::detail
