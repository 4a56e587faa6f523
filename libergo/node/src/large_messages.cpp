// Whose turn it is.
#include "large_messages.hpp"

#include <ergo/assert.hpp>

#include <utility>

namespace ergo::inline v0::detail {

large_messages::~large_messages() { ERGO_ASSERT(empty(), "large messages were left behind"); }

void large_messages::add(const pid& sender, dist::fragmenter message, std::size_t counted) {
  auto& queue = open_.size() < at_a_time ? open_ : pending_;
  queue.push_back({{sender, counted, {}}, std::move(message)});
  try {
    senders_.emplace(sender, &queue.back());
  } catch (...) {
    queue.pop_back();
    throw;
  }
}

void large_messages::wait(const pid& sender, signal* packed) noexcept {
  senders_.find(sender)->second->state.waiting.push_back(packed);
}

std::optional<large_messages::over> large_messages::next(etf::buffer& out, dist::packet_writer& writer) {
  auto& turn = open_.front();
  turn.message.next(out, writer);
  if (turn.message.left() > 0) {
    open_.splice(open_.end(), open_, open_.begin());
    return std::nullopt;
  }
  auto ended = take(open_);
  if (!pending_.empty()) open_.splice(open_.end(), pending_, pending_.begin());
  return ended;
}

std::optional<large_messages::over> large_messages::drop() noexcept {
  if (empty()) return std::nullopt;
  auto ended = take(open_);
  if (open_.empty()) open_.swap(pending_);
  return ended;
}

large_messages::over large_messages::take(entries& from) noexcept {
  auto ended = std::move(from.front().state);
  from.pop_front();
  senders_.erase(ended.sender);
  return ended;
}

}  // namespace ergo::inline v0::detail
