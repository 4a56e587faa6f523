// Every policy of a full mailbox in turn, and its counts.
#pragma once

#include "fixture.hpp"

namespace ergo::test {

using enum overflow;

[[nodiscard]] inline std::string name_of(overflow policy) {
  switch (policy) {
    case drop_newest: return "drop_newest";
    case fail_sender: return "fail_sender";
    case drop_oldest: return "drop_oldest";
    case block_thread: return "block_thread";
    case redirect: return "redirect";
  }
  return "?";
}

[[nodiscard]] inline overflow each_policy() {
  return GENERATE(drop_newest, fail_sender, drop_oldest, block_thread, redirect);
}

[[nodiscard]] inline std::uint64_t sum(const mailbox_counts& of) {
  return of.accepted + of.dropped + of.rejected + of.redirected;
}

}  // namespace ergo::test
