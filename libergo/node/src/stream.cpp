// recv and sendmsg.
#include "stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace ergo::inline v0::detail {
namespace {

constexpr std::size_t most_parts = 64;

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

stream::stream(reactor& on, int descriptor) : use_{on}, socket_{on.context(), descriptor} {
  boost::system::error_code ignored;
  socket_.native_non_blocking(true, ignored);
}

transfer stream::read(std::span<std::byte> room) noexcept {
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

transfer stream::write(const etf::buffer& out, std::size_t sent) noexcept {
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

void stream::finish_writing() noexcept { ::shutdown(socket_.native_handle(), SHUT_WR); }

}  // namespace ergo::inline v0::detail
