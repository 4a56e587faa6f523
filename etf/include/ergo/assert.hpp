// ERGO_ASSERT: programming errors stop the program at the place where they are noticed. It is never used on what a
// peer sent: no byte from a socket may stop a node.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace ergo::inline v0::detail {

/// Ends the program after one line on standard error: the place, the condition and what it protects.
[[noreturn, gnu::cold, gnu::noinline]] inline void assertion_failed(const char* file, int line, const char* condition,
                                                                    const char* text) noexcept {
  std::fprintf(stderr, "%s:%d: assertion failed: %s (%s)\n", file, line, text, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace ergo::inline v0::detail

/// Checks a condition that only a mistake in this program can break, and aborts with `text` when it is broken.
/// Costs nothing (`condition` is compiled but not evaluated) unless ERGO_ASSERTIONS is 1, as in all builds of ours.
#if defined(ERGO_ASSERTIONS) && ERGO_ASSERTIONS
#define ERGO_ASSERT(condition, text)                   \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::ergo::detail::assertion_failed(__FILE__, __LINE__, #condition, (text)))
#else
#define ERGO_ASSERT(condition, text) (static_cast<void>(sizeof(static_cast<bool>(condition)) + sizeof(text)))
#endif
