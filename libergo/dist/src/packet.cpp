// Cutting packets out of the byte stream.
#include <ergo/dist/packet.hpp>

#include "bytes.hpp"

#include <algorithm>
#include <cstring>

namespace ergo::inline v0::dist {
namespace {

constexpr std::size_t length_size = 4;
constexpr std::byte pass_through_tag{112};
constexpr std::byte term_version{131};

}  // namespace

std::span<std::byte> receive_buffer::prepare() {
  make_room();
  return {data_ + end_, capacity_ - end_};
}

void receive_buffer::feed(bytes_view bytes) {
  while (!bytes.empty()) {
    const auto room = prepare();
    const auto count = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), count);
    commit(count);
    bytes = bytes.subspan(count);
  }
}

receive_buffer::packet receive_buffer::next() {
  if (unread() < length_size) return {outcome::need_more, {}};
  const auto length = detail::load<std::uint32_t>(data_ + read_);
  if (length > options_.max_packet) return {outcome::too_long, {}};
  if (unread() - length_size < length) return {outcome::need_more, {}};
  const bytes_view body{data_ + read_ + length_size, length};
  read_ += length_size + length;
  return {length == 0 ? outcome::tick : outcome::packet, body};
}

const std::shared_ptr<const void>* receive_buffer::owner_of(bytes_view body) {
  if (body.size() < capacity_ / 2) return nullptr;
  lent_ = true;
  return &owner_;
}

// Bytes of the first packet not given out, its length field included, as far as its length is known and allowed.
std::size_t receive_buffer::announced() const {
  if (unread() < length_size) return length_size;
  const auto length = detail::load<std::uint32_t>(data_ + read_);
  return length_size + std::min(length, options_.max_packet);
}

// Room that is worth a read of its own.
std::size_t receive_buffer::least_room() const {
  return std::clamp(options_.block / 16, std::size_t{1}, std::size_t{4096});
}

// Taking a share and giving it back orders our writes behind the last reads of those who gave theirs back.
bool receive_buffer::sole_owner() const {
  if (!lent_) return true;
  const std::shared_ptr<const void> share = owner_;
  return share.use_count() == 2;
}

void receive_buffer::renew(std::size_t capacity) {
  auto fresh = std::make_shared_for_overwrite<std::byte[]>(capacity);
  std::byte* data = fresh.get();
  const std::size_t kept = unread();
  if (kept > 0) std::memcpy(data, data_ + read_, kept);
  owner_ = std::move(fresh);
  data_ = data;
  capacity_ = capacity;
  read_ = 0;
  end_ = kept;
  lent_ = false;
}

void receive_buffer::make_room() {
  const std::size_t need = announced();
  const std::size_t room = capacity_ - end_;
  const bool oversized = unread() == 0 && capacity_ > std::max(options_.block, least_room());
  if (!oversized) {
    if (room >= least_room()) return;
    const bool nearly_complete = unread() >= least_room() && need - std::min(need, unread()) <= room;
    if (room > 0 && nearly_complete) return;
  }
  // What was announced, but never more than a few times of what has arrived.
  const std::size_t wanted = std::min(need, std::max(options_.eager, 4 * unread()));
  const std::size_t target = std::max({options_.block, wanted, unread() + least_room()});
  if (oversized || capacity_ < target || !sole_owner()) return renew(target);
  std::memmove(data_, data_ + read_, unread());
  end_ = unread();
  read_ = 0;
  lent_ = false;
}

bytes_view pass_through(bytes_view body) {
  if (body.size() < 3 || body[0] != pass_through_tag || body[1] != term_version) return {};
  return body.subspan(2);
}

}  // namespace ergo::inline v0::dist
