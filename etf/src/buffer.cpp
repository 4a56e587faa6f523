// Growth of encode buffers, and gathering of large binaries.
#include <ergo/etf/buffer.hpp>

#include "memory.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace ergo::inline v0::etf {

void detail::buffer_memory::operator()(std::byte* memory) const noexcept { give_back(memory, pool); }

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

void buffer::gather(const term& owner, std::string_view part) {
  if (part.empty()) return;
  pieces_.push_back({size_, owner, part});
  gathered_ += part.size();
}

void buffer::move_behind(std::size_t offset, std::size_t old, std::size_t count) {
  if (count > old) static_cast<void>(reserve(count - old));
  auto* const at = data_.get() + offset;
  std::memmove(at + count, at + old, size_ - offset - old);
  size_ = size_ - old + count;
  for (auto moved = pieces_.rbegin(); moved != pieces_.rend() && moved->offset >= offset; ++moved)
    moved->offset = moved->offset + count - old;
}

buffer buffer::split(const mark& from) {
  buffer taken;
  if (from.size == 0 && from.pieces == 0) {
    std::swap(taken, *this);
    std::swap(taken.atoms_, atoms_);
    return taken;
  }
  taken.append({reinterpret_cast<const char*>(data_.get()) + from.size, size_ - from.size});
  const auto first = pieces_.begin() + static_cast<std::ptrdiff_t>(from.pieces);
  taken.pieces_.assign(first, pieces_.end());
  for (auto& moved : taken.pieces_) moved.offset -= from.size;
  taken.gathered_ = gathered_ - from.gathered;
  rewind(from);
  return taken;
}

void buffer::grow(std::size_t count) {
  if (count > SIZE_MAX / 4 - size_) throw std::bad_alloc{};
  constexpr std::size_t small = 64U << 10;  // below, copying again and again costs more than memory that is left over
  const auto usual = std::max<std::size_t>(capacity_ * (capacity_ < small ? 4 : 2), 256);
  auto capacity = std::max(size_ + count, usual);
  std::uint32_t pool = 0;
  auto* const memory = static_cast<std::byte*>(detail::take_block(capacity, pool));
  std::unique_ptr<std::byte[], detail::buffer_memory> larger{memory, detail::buffer_memory{pool}};
  if (size_ != 0) std::memcpy(larger.get(), data_.get(), size_);
  data_ = std::move(larger);
  capacity_ = capacity;
}

}  // namespace ergo::inline v0::etf
