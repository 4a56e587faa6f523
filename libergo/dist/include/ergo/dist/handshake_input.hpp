// Cuts a byte stream into handshake messages, and holds no more memory than one message and one
// chunk, whatever length a peer announces.
#pragma once

#include <ergo/dist/handshake_message.hpp>

#include <cstddef>
#include <cstdint>

namespace ergo::inline v0::dist {

/// Collects chunks and gives back whole messages without their length.
class handshake_input {
 public:
  enum class outcome : std::uint8_t { need_more, message, too_long };

  struct next_message {
    outcome what;
    bytes_view body;  ///< Valid until the next `feed` or `take_rest`.
  };

  handshake_input(length_prefix prefix, std::size_t max_message) : prefix_{prefix}, max_message_{max_message} {}

  /// Appends a chunk.
  void feed(bytes_view chunk);
  /// The next whole message, if there is one.
  [[nodiscard]] next_message next();
  /// What lies behind the last message; leaves the input empty.
  [[nodiscard]] byte_buffer take_rest();
  /// Bytes held, for memory accounting.
  [[nodiscard]] std::size_t held() const { return buffer_.size(); }

 private:
  length_prefix prefix_;
  std::size_t max_message_;
  byte_buffer buffer_;
  std::size_t read_{};  // everything before this was given out
};

}  // namespace ergo::inline v0::dist
