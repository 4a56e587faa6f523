// Big-endian reading and writing of the few integers that the distribution protocol uses outside
// terms. The reader never goes past its end: it turns bad once and then returns zeros.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace ergo::inline v0::dist::detail {

template <std::unsigned_integral T>
[[nodiscard]] inline T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little) value = std::byteswap(value);
  return value;
}

template <std::unsigned_integral T>
inline void store(std::byte* to, T value) {
  if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little) value = std::byteswap(value);
  std::memcpy(to, &value, sizeof(T));
}

template <std::unsigned_integral T>
inline void put(std::vector<std::byte>& out, T value) {
  const auto at = out.size();
  out.resize(at + sizeof(T));
  store(out.data() + at, value);
}

inline void put_bytes(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

inline void put_text(std::vector<std::byte>& out, std::string_view text) {
  put_bytes(out, std::as_bytes(std::span{text}));
}

/// A cursor over received bytes.
class reader {
 public:
  explicit reader(std::span<const std::byte> bytes) : rest_{bytes} {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }
  /// True when everything was read and nothing was missing.
  [[nodiscard]] bool finished() const { return ok_ && rest_.empty(); }

  template <std::unsigned_integral T>
  T get() {
    const auto bytes = take(sizeof(T));
    return ok_ ? load<T>(bytes.data()) : T{};
  }

  std::span<const std::byte> take(std::size_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    const auto bytes = rest_.first(count);
    rest_ = rest_.subspan(count);
    return bytes;
  }

  std::string_view text(std::size_t count) {
    const auto bytes = take(count);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// Everything that is left.
  std::string_view text() { return text(rest_.size()); }

 private:
  std::span<const std::byte> rest_;
  bool ok_{true};
};

}  // namespace ergo::inline v0::dist::detail
