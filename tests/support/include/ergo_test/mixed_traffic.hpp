// The traffic of R01: pairs of processes with small messages and, now and then, a large one. For tests of whole nodes;
// interop/node/streams_side.erl says the same in Erlang.
#pragma once

#include <ergo/process.hpp>

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <string_view>

namespace ergo::test {

inline constexpr int mixed_pairs = 4;

/// Bytes that message `number` of a pair carries: of 100 messages 95 have at most 256, 4 at most 8 KiB, one at most
/// 200 KiB.
[[nodiscard]] inline std::size_t mixed_size(std::int64_t pair, std::int64_t number) {
  const auto mixed = static_cast<std::uint32_t>(number * 2'654'435'761 + pair * 40'503);
  const std::size_t limit = mixed % 100 < 95 ? 256 : mixed % 100 < 99 ? 8'192 : 204'800;
  return mixed / 100 % (limit + 1);
}

/// These bytes: a piece of a text that repeats itself after 251, which divides no size of a fragment.
[[nodiscard]] inline std::string_view mixed_bytes(std::int64_t pair, std::int64_t number) {
  static const std::string text = [] {
    std::string made(205'318, '\0');
    for (std::size_t at = 0; at < made.size(); ++at) made[at] = static_cast<char>(at % 251);
    return made;
  }();
  return std::string_view{text}.substr(static_cast<std::size_t>(number % 251), mixed_size(pair, number));
}

/// What came of the messages of all pairs of one direction.
struct mixed_tally {
  std::atomic<std::int64_t> received{0};
  std::atomic<std::int64_t> disordered{0};   ///< not above the one before: out of order, or twice
  std::atomic<std::int64_t> damaged{0};      ///< not what was sent
  std::atomic<std::int64_t> missing{0};      ///< left out
  std::atomic<std::int64_t> unexplained{0};  ///< times that some were left out without `down` before it
  std::atomic<int> ended{0};                 ///< pairs that have come to their end
  std::promise<void> finished;               ///< all have
  std::atomic<bool> stop{false};             ///< for the senders
};

/// Receives one pair's messages; `down` between them when a connection has ended, and `done` at their end.
inline task<> check_mixed(process& self, std::int64_t pair, std::shared_ptr<mixed_tally> tally) {
  std::int64_t last = 0;
  bool was_down = false;
  for (;;) {
    const auto got = co_await self.receive_any();
    const auto& what = got.payload();
    if (what.is(atom::of("done")) && ++tally->ended == mixed_pairs) tally->finished.set_value();
    if (what.is(atom::of("down"))) was_down = true;
    if (what.as_atom()) continue;
    const auto number = what.is_tuple(2) ? what.elements()[0].as_integer().value_or(0) : 0;
    if (number < 1 || what.elements()[1].bytes() != mixed_bytes(pair, number)) {
      ++tally->damaged;
      continue;
    }
    if (number <= last) ++tally->disordered;
    if (number > last + 1) {
      tally->missing += number - last - 1;
      if (!was_down) ++tally->unexplained;
    }
    last = number;
    was_down = false;
    ++tally->received;
  }
}

/// Sends one pair's messages and `done`, and lets others go first, or sleeps, after each hundred.
inline task<> send_mixed(process& self, destination to, std::int64_t pair, std::int64_t count, duration pause,
                         std::shared_ptr<mixed_tally> tally) {
  for (std::int64_t number = 1; number <= count && !tally->stop; ++number) {
    const auto content = etf::tuple(number, etf::binary(mixed_bytes(pair, number)));
    co_await self.send(to, content);
    if (number % 100 == 0) co_await self.sleep(pause);
  }
  const term done{atom::of("done")};
  co_await self.send(to, done);
}

/// The name of the process that checks a pair.
[[nodiscard]] inline atom mixed_name(std::int64_t pair) { return atom::of("mixed_" + std::to_string(pair)); }

}  // namespace ergo::test
