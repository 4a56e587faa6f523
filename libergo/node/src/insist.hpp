// What must happen, when there is no memory for it yet.
#pragma once

#include <chrono>
#include <new>
#include <thread>

namespace ergo::inline v0::detail {

/// Does `work` again until there is memory for it: for what has happened already, and would otherwise never be told.
/// Such work is small and changes nothing when it throws; a node that has no memory for it can do nothing else either.
template <typename Work>
auto insist(const Work& work) {
  constexpr std::chrono::milliseconds pause{1};
  for (;;) {
    try {
      return work();
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(pause);
    }
  }
}

/// Does `work` if there is memory for it, and says whether there was: for news that nobody waits for.
template <typename Work>
bool if_possible(const Work& work) {
  try {
    work();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace ergo::inline v0::detail
