// Bounded inflating of COMPRESSED terms.
#include "inflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <climits>
#include <cstring>

namespace ergo::inline v0::etf {

namespace {

constexpr std::size_t first_chunk = 64U << 10;
constexpr std::size_t ratio_counts_from = 1U << 20;

class stream {
 public:
  stream() noexcept { started_ = inflateInit(&z_) == Z_OK; }
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream() {
    if (started_) inflateEnd(&z_);
  }

  [[nodiscard]] bool started() const noexcept { return started_; }

  /// Inflates into `to`; moves both spans forward. Returns zlib's verdict.
  int step(std::span<const std::byte>& from, std::span<std::byte>& to) noexcept {
    z_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(from.data()));  // zlib does not write there
    z_.avail_in = static_cast<uInt>(std::min<std::size_t>(from.size(), UINT_MAX));
    z_.next_out = reinterpret_cast<Bytef*>(to.data());
    z_.avail_out = static_cast<uInt>(std::min<std::size_t>(to.size(), UINT_MAX));
    const auto offered = z_.avail_in;
    const auto room = z_.avail_out;
    const auto verdict = ::inflate(&z_, Z_NO_FLUSH);
    from = from.subspan(offered - z_.avail_in);
    to = to.subspan(room - z_.avail_out);
    return verdict;
  }

 private:
  z_stream z_{};
  bool started_ = false;
};

/// Whether so many bytes from so few would be a bomb.
bool is_bomb(std::size_t size, std::size_t deflated, const decode_limits& limits) noexcept {
  return size > ratio_counts_from && size / std::max<std::size_t>(limits.inflate_ratio, 1) > deflated;
}

}  // namespace

std::expected<inflated, errc> inflate(std::span<const std::byte> input, std::size_t announced,
                                      const decode_limits& limits) {
  if (announced > limits.inflated || is_bomb(announced, input.size(), limits)) return std::unexpected{errc::too_big};
  stream source;
  if (!source.started()) return std::unexpected{errc::bad_compression};
  inflated out;
  auto from = input;
  std::size_t capacity = 0;
  for (;;) {
    if (out.size == capacity) {
      // One byte more than announced, so that data which inflates to more is noticed.
      capacity = std::min(announced + 1, std::max(first_chunk, capacity * 2));
      auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
      if (out.size != 0) std::memcpy(larger.get(), out.bytes.get(), out.size);
      out.bytes = std::move(larger);
    }
    std::span<std::byte> to{out.bytes.get() + out.size, capacity - out.size};
    const auto before = from.size() + to.size();
    const auto verdict = source.step(from, to);
    out.size = capacity - to.size();
    out.consumed = input.size() - from.size();
    if (out.size > announced) return std::unexpected{errc::bad_compression};
    if (is_bomb(out.size, out.consumed, limits)) return std::unexpected{errc::too_big};
    if (verdict == Z_STREAM_END) break;
    if (verdict != Z_OK || before == from.size() + to.size()) return std::unexpected{errc::bad_compression};
  }
  if (out.size != announced) return std::unexpected{errc::bad_compression};
  return out;
}

}  // namespace ergo::inline v0::etf
