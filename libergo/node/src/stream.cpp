// recv and sendmsg, and what TLS puts between them and the node.
#include "stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

constexpr std::size_t most_parts = 64;
constexpr std::size_t sealed_at_once = 64U << 10;  // bytes that become records before these are sent

/// The parts of a buffer behind `sent`, in order.
class part_list {
 public:
  part_list(const etf::buffer& out, std::size_t sent) : skip_{sent} {
    const auto bytes = out.bytes();
    std::size_t at = 0;
    for (const auto& piece : out.pieces()) {
      if (!add(bytes.data() + at, piece.offset - at) || !add(piece.bytes.data(), piece.bytes.size())) return;
      at = piece.offset;
    }
    (void)add(bytes.data() + at, bytes.size() - at);
  }

  [[nodiscard]] iovec* data() noexcept { return parts_.data(); }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::span<const iovec> all() const noexcept { return std::span{parts_}.first(count_); }
  [[nodiscard]] std::size_t bytes() const noexcept { return total_; }

 private:
  bool add(const void* data, std::size_t size) {
    const auto skipped = std::min(size, skip_);
    skip_ -= skipped;
    if (size == skipped) return true;
    if (count_ == most_parts) return false;
    parts_[count_++] = {const_cast<char*>(static_cast<const char*>(data)) + skipped, size - skipped};
    total_ += size - skipped;
    return true;
  }

  std::array<iovec, most_parts> parts_;
  std::size_t count_ = 0;
  std::size_t total_ = 0;
  std::size_t skip_;
};

bool would_block(int code) noexcept { return code == EAGAIN || code == ENOBUFS || code == ENOMEM; }

}  // namespace

stream::stream(reactor& on, int descriptor, std::unique_ptr<tls_session> within) try
    : use_{on}, socket_{on.context(), descriptor}, within_{std::move(within)} {
  boost::system::error_code ignored;
  socket_.native_non_blocking(true, ignored);
} catch (...) {
  ::close(descriptor);  // Asio takes it over or throws; the rest does not throw
}

transfer stream::receive(std::span<std::byte> room) noexcept {
  for (;;) {
    const auto count = ::recv(socket_.native_handle(), room.data(), room.size(), 0);
    if (count > 0) {
      const auto size = static_cast<std::size_t>(count);
      return {size < room.size() ? transfer::end::blocked : transfer::end::progress, size};
    }
    if (count == 0) return {transfer::end::closed};
    if (errno == EINTR) continue;
    if (would_block(errno)) return {transfer::end::blocked};
    return {transfer::end::failed, 0, {errno, std::generic_category()}};
  }
}

transfer stream::send(const etf::buffer& out, std::size_t sent) noexcept {
  transfer done;
  while (sent + done.count < out.size()) {
    part_list parts{out, sent + done.count};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.count();
    const auto count = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (would_block(errno)) {
        done.how = transfer::end::blocked;
      } else {
        done.how = transfer::end::failed;
        done.failure = {errno, std::generic_category()};
      }
      return done;
    }
    done.count += static_cast<std::size_t>(count);
    if (static_cast<std::size_t>(count) < parts.bytes()) {
      done.how = transfer::end::blocked;
      return done;
    }
  }
  return done;
}

void stream::finish_writing() noexcept {
  if (within_ != nullptr) {
    within_->close();
    (void)send_records();  // a socket that is full as ever gets the end of the stream alone, which says the same
  }
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

// ----- within TLS ---------------------------------------------------------------------------------------------------

transfer stream::read_within(std::span<std::byte> room) noexcept {
  const auto done = open_records(room);
  (void)send_records();  // answers to changes of keys, or the reason of a failure; what is left goes with the next
  return done;
}

transfer stream::open_records(std::span<std::byte> room) noexcept {
  using end = tls_session::end;
  std::size_t count = 0;
  while (count < room.size()) {
    if (within_->has_unread()) {
      const auto step = within_->read(room.subspan(count));
      count += step.count;
      if (step.how == end::progress) continue;
      if (step.how != end::wanting) {
        if (count != 0) break;  // the next call meets the end again
        if (step.how == end::closed) return {transfer::end::closed};
        return {transfer::end::failed, 0, within_->failure()};
      }
    }
    if (std::exchange(drained_, false)) return {transfer::end::blocked, count};
    (void)send_records();
    const auto raw = receive(within_->room());
    if (raw.count == 0) {
      if (count != 0 && raw.how != transfer::end::blocked) break;
      return {raw.how, count, raw.failure};
    }
    within_->received(raw.count);
    drained_ = raw.how == transfer::end::blocked;
  }
  return {transfer::end::progress, count};
}

// Bytes count as written when the records that hold them are: a record cannot be taken back, and must not be sent
// twice.
transfer stream::write_within(const etf::buffer& out, std::size_t sent) noexcept {
  transfer done;
  for (;;) {
    const auto records = send_records();
    if (records.how != transfer::end::progress) {
      done.how = records.how;
      done.failure = records.failure;
      return done;
    }
    done.count += std::exchange(sealed_, 0);
    if (sent + done.count == out.size()) return done;
    sealed_ = seal(out, sent + done.count);
    if (sealed_ != 0) continue;
    done.how = transfer::end::failed;
    done.failure = within_->failure();
    return done;
  }
}

transfer stream::send_records() noexcept {
  for (auto left = within_->outgoing(); !left.empty(); left = within_->outgoing()) {
    const auto count = ::send(socket_.native_handle(), left.data(), left.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      within_->sent(static_cast<std::size_t>(count));
      continue;
    }
    if (errno == EINTR) continue;
    if (would_block(errno)) return {transfer::end::blocked};
    return {transfer::end::failed, 0, {errno, std::generic_category()}};
  }
  return {};
}

// Some bytes from `from` on, or 0 when TLS has failed.
std::size_t stream::seal(const etf::buffer& out, std::size_t from) noexcept {
  std::size_t count = 0;
  const part_list parts{out, from};
  for (const auto& part : parts.all()) {
    const std::span whole{static_cast<const std::byte*>(part.iov_base), part.iov_len};
    const auto taken = whole.first(std::min(whole.size(), sealed_at_once - count));
    if (!within_->write(taken)) return 0;
    count += taken.size();
  }
  return within_->finish_record() ? count : 0;
}

}  // namespace ergo::inline v0::detail
