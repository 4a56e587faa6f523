// Which sanitizer watches this test program: for tests that count memory, or repeat something as often as time allows.
#pragma once

namespace ergo::test {

/// Whether AddressSanitizer watches: freed memory is kept for a while, and figures about memory mean nothing.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool address_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool address_sanitized = true;
#else
inline constexpr bool address_sanitized = false;
#endif
#else
inline constexpr bool address_sanitized = false;
#endif

/// Whether ThreadSanitizer watches: everything takes five to twenty times as long.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool thread_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool thread_sanitized = true;
#else
inline constexpr bool thread_sanitized = false;
#endif
#else
inline constexpr bool thread_sanitized = false;
#endif

inline constexpr bool sanitized = address_sanitized || thread_sanitized;

/// Whether a chain of coroutines takes stack for each of its links: under AddressSanitizer GCC makes no tail call of a
/// symmetric transfer. Chains are kept short then.
#if defined(__GNUC__) && !defined(__clang__)
inline constexpr bool chains_take_stack = address_sanitized;
#else
inline constexpr bool chains_take_stack = false;
#endif

}  // namespace ergo::test
