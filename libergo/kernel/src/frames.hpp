// How a peer and its origin cut their alternative connection into terms (peer.erl: `{packet, 4}`, encode_port_data).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ergo::inline v0::kernel::detail {

/// What the bytes between two terms look like.
enum class framing : std::uint8_t {
  lengths,  ///< a length of four bytes, then the term
  /// Length, term and checksum in half bytes, each between two pairs of set bits; bytes of any other shape are text
  /// that the program has printed.
  half_bytes,
};

/// `term`, which is in the external format, as it goes over the connection.
[[nodiscard]] std::string framed(framing how, std::string_view term);

/// Cuts what arrives into terms. A length beyond `limit`, or a wrong checksum, breaks it for good.
class frame_reader {
 public:
  frame_reader(framing how, std::size_t limit) noexcept : how_{how}, limit_{limit} {}

  void feed(std::string_view bytes);
  /// The bytes of the next term, or nothing until there are more.
  [[nodiscard]] std::optional<std::string> next();
  [[nodiscard]] bool broken() const noexcept { return broken_; }

 private:
  framing how_;
  std::size_t limit_;
  std::string unread_;
  std::size_t begin_ = 0;  // of what is unread
  std::optional<unsigned char> half_;
  bool broken_ = false;
};

}  // namespace ergo::inline v0::kernel::detail
