// Lengths, half bytes and checksums.
#include "frames.hpp"

#include <boost/crc.hpp>

namespace ergo::inline v0::kernel::detail {
namespace {

constexpr std::size_t word = 4;
constexpr unsigned mark = 0b1100'0011;  // set bits around a half byte

void append_word(std::string& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(value >> static_cast<unsigned>(shift));
}

std::uint32_t word_at(std::string_view bytes, std::size_t place) noexcept {
  std::uint32_t value = 0;
  for (const char one : bytes.substr(place, word)) value = value << 8U | static_cast<unsigned char>(one);
  return value;
}

std::uint32_t checksum_of(std::string_view bytes) {
  boost::crc_32_type sum;
  sum.process_bytes(bytes.data(), bytes.size());
  return sum.checksum();
}

std::string in_half_bytes(std::string_view bytes) {
  std::string halves(2 * bytes.size(), '\0');
  for (std::size_t place = 0; place < bytes.size(); ++place) {
    const auto value = static_cast<unsigned char>(bytes[place]);
    halves[2 * place] = static_cast<char>(mark | (value >> 4U) << 2U);
    halves[2 * place + 1] = static_cast<char>(mark | (value & 0xFU) << 2U);
  }
  return halves;
}

}  // namespace

std::string framed(framing how, std::string_view term) {
  std::string frame;
  frame.reserve(term.size() + 2 * word);
  append_word(frame, static_cast<std::uint32_t>(term.size()));
  frame += term;
  if (how == framing::lengths) return frame;
  append_word(frame, checksum_of(term));
  return in_half_bytes(frame);
}

void frame_reader::feed(std::string_view bytes) {
  unread_.erase(0, begin_);
  begin_ = 0;
  if (how_ == framing::lengths) {
    unread_ += bytes;
    return;
  }
  for (const char one : bytes) {
    const auto value = static_cast<unsigned char>(one);
    if ((value & mark) != mark) continue;  // text: the origin prints nothing here that concerns us
    const auto half = static_cast<unsigned char>(value >> 2U & 0xFU);
    if (half_) {
      unread_ += static_cast<char>(*half_ << 4U | half);
      half_.reset();
    } else {
      half_ = half;
    }
  }
}

std::optional<std::string> frame_reader::next() {
  const auto unread = std::string_view{unread_}.substr(begin_);
  if (broken_ || unread.size() < word) return std::nullopt;
  const std::size_t length = word_at(unread, 0);
  const auto behind = how_ == framing::lengths ? 0 : word;
  broken_ = length > limit_;
  if (broken_ || unread.size() < word + length + behind) return std::nullopt;
  std::string term{unread.substr(word, length)};
  broken_ = behind != 0 && word_at(unread, word + length) != checksum_of(term);
  if (broken_) return std::nullopt;
  begin_ += word + length + behind;
  return term;
}

}  // namespace ergo::inline v0::kernel::detail
