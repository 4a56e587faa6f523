// The explicit stack of everything that walks terms: the first levels without an allocation, any depth with.
#pragma once

#include <cstddef>
#include <type_traits>
#include <vector>

namespace ergo::inline v0::etf {

/// A stack of small plain values. Throws `std::bad_alloc` when it outgrows its first levels and there is no memory.
template <typename Value, std::size_t Inline = 24>
class work_stack {
  static_assert(std::is_trivially_copyable_v<Value> && std::is_trivially_destructible_v<Value>);

 public:
  work_stack() noexcept {}  // NOLINT: the first levels stay uninitialised
  work_stack(const work_stack&) = delete;
  work_stack& operator=(const work_stack&) = delete;

  void push(const Value& value) {
    if (size_ == capacity_) grow();
    data_[size_++] = value;
  }
  /// Whether `push` needs no memory.
  [[nodiscard]] bool has_room() const noexcept { return size_ != capacity_; }
  void pop() noexcept { --size_; }
  [[nodiscard]] Value& top() noexcept { return data_[size_ - 1]; }
  [[nodiscard]] Value& operator[](std::size_t level) noexcept { return data_[level]; }
  [[nodiscard]] const Value& top() const noexcept { return data_[size_ - 1]; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  [[gnu::noinline]] void grow() {
    std::vector<Value> larger;
    larger.reserve(capacity_ * 2);
    larger.assign(data_, data_ + size_);
    larger.resize(capacity_ * 2);
    capacity_ *= 2;
    more_ = std::move(larger);
    data_ = more_.data();
  }

  alignas(Value) std::byte first_[Inline * sizeof(Value)];
  std::vector<Value> more_;
  Value* data_ = reinterpret_cast<Value*>(first_);
  std::size_t size_ = 0;
  std::size_t capacity_ = Inline;
};

}  // namespace ergo::inline v0::etf
