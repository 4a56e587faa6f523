// Growth of encode buffers, and gathering of large binaries.
#include <ergo/etf/buffer.hpp>

#include <algorithm>
#include <stdexcept>

namespace ergo::inline v0::etf {

std::string buffer::to_string() const {
  std::string all;
  all.reserve(size());
  const std::string_view own{reinterpret_cast<const char*>(data_.get()), size_};
  std::size_t from = 0;
  for (const auto& next : pieces_) {
    all += own.substr(from, next.offset - from);
    all += next.bytes;
    from = next.offset;
  }
  all += own.substr(from);
  return all;
}

void buffer::gather(const term& binary) {
  const auto bytes = binary.bytes();
  if (bytes.empty()) return;
  pieces_.push_back({size_, binary, bytes});
  gathered_ += bytes.size();
}

void buffer::grow(std::size_t count) {
  if (count > SIZE_MAX / 4 - size_) throw std::bad_alloc{};
  const auto capacity = std::max({size_ + count, capacity_ * 2, std::size_t{256}});
  auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);
  if (size_ != 0) std::memcpy(larger.get(), data_.get(), size_);
  data_ = std::move(larger);
  capacity_ = capacity;
}

}  // namespace ergo::inline v0::etf
