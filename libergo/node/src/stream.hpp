// A connected socket that is read and written directly, and asks the reactor only when it would have to wait.
#pragma once

#include "reactor_parker.hpp"
#include "tls_session.hpp"

#include <ergo/etf/buffer.hpp>

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <system_error>

namespace ergo::inline v0::detail {

/// What reading or writing came to.
struct transfer {
  enum class end : std::uint8_t {
    progress,  ///< `count` bytes, and perhaps more at once
    blocked,   ///< `count` bytes, and the rest has to wait
    closed,    ///< the peer has closed
    failed,    ///< `failure` says why
  };
  end how = end::progress;
  std::size_t count = 0;
  std::error_code failure = {};
};

/// A non-blocking stream socket on a reactor, in the clear or within TLS. Used by one thread at a time; handlers run on
/// the reactor.
class stream {
 public:
  /// Takes `descriptor` over, and the session whose handshake was done there.
  stream(reactor& on, int descriptor, std::unique_ptr<tls_session> within = nullptr);

  /// Reads what is there, up to `room`.
  [[nodiscard]] transfer read(std::span<std::byte> room) noexcept {
    return within_ == nullptr ? receive(room) : read_within(room);
  }
  /// Writes the bytes and pieces of `out` behind its first `sent` bytes, in one gather write after the other. Within
  /// TLS, what was not counted yet must stand there again the next time.
  [[nodiscard]] transfer write(const etf::buffer& out, std::size_t sent) noexcept {
    return within_ == nullptr ? send(out, sent) : write_within(out, sent);
  }
  /// Says that nothing more will be written.
  void finish_writing() noexcept;

  /// Calls `ready` once when there is something to read, or an error to find by reading. Not called after `close`.
  template <typename Handler>
  void when_readable(Handler ready) {
    socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [ready](const boost::system::error_code& failed) mutable {
                         if (failed != boost::asio::error::operation_aborted) ready();
                       });
  }
  /// The same for writing.
  template <typename Handler>
  void when_writable(Handler ready) {
    socket_.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                       [ready](const boost::system::error_code& failed) mutable {
                         if (failed != boost::asio::error::operation_aborted) ready();
                       });
  }

 private:
  [[nodiscard]] transfer receive(std::span<std::byte> room) noexcept;
  [[nodiscard]] transfer send(const etf::buffer& out, std::size_t sent) noexcept;
  [[nodiscard]] transfer read_within(std::span<std::byte> room) noexcept;
  [[nodiscard]] transfer open_records(std::span<std::byte> room) noexcept;
  [[nodiscard]] transfer write_within(const etf::buffer& out, std::size_t sent) noexcept;
  [[nodiscard]] transfer send_records() noexcept;
  [[nodiscard]] std::size_t seal(const etf::buffer& out, std::size_t from) noexcept;

  reactor_use use_;
  boost::asio::posix::stream_descriptor socket_;
  std::unique_ptr<tls_session> within_;
  std::size_t sealed_ = 0;  // bytes of the node in records that are not sent to the last byte
  bool drained_ = false;    // the socket held no more than was received last
};

}  // namespace ergo::inline v0::detail
