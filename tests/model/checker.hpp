// Atomics and plain variables that relacy watches, and a run of its scheduler. To be included after everything else:
// relacy redefines names of the standard library, and not all of that can be taken back.
#pragma once

#include <atomic>
#include <cstdint>
#include <iostream>

#include <relacy/relacy.hpp>

#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno

namespace ergo::model {

[[nodiscard]] constexpr rl::memory_order as_relacy(std::memory_order order) {
  switch (order) {
    case std::memory_order::relaxed: return rl::mo_relaxed;
    case std::memory_order::consume: return rl::mo_consume;
    case std::memory_order::acquire: return rl::mo_acquire;
    case std::memory_order::release: return rl::mo_release;
    case std::memory_order::acq_rel: return rl::mo_acq_rel;
    default: return rl::mo_seq_cst;
  }
}

/// The orders that the piece under test asks for.
struct as_written {
  static constexpr rl::memory_order of(std::memory_order order) { return as_relacy(order); }
};
/// None of them: a piece that needs any must then be found wrong, or the test proves nothing.
struct without_orders {
  static constexpr rl::memory_order of(std::memory_order /*order*/) { return rl::mo_relaxed; }
};
/// Either, for pieces that are no templates.
struct switched {
  static inline bool forgotten = false;
  static rl::memory_order of(std::memory_order order) { return forgotten ? rl::mo_relaxed : as_relacy(order); }
};
/// While one of these lives, `switched` forgets the orders.
struct orders_forgotten {
  orders_forgotten() { switched::forgotten = true; }
  ~orders_forgotten() { switched::forgotten = false; }
  orders_forgotten(const orders_forgotten&) = delete;
  orders_forgotten& operator=(const orders_forgotten&) = delete;
};

template <typename T, typename Orders>
class watched_atomic {
 public:
  watched_atomic() = default;
  watched_atomic(T initial) { value_.store(initial, rl::mo_relaxed, $); }  // NOLINT(google-explicit-constructor)

  [[nodiscard]] T load(std::memory_order order) const { return value_.load(Orders::of(order), $); }
  void store(T value, std::memory_order order) { value_.store(value, Orders::of(order), $); }
  T exchange(T value, std::memory_order order) { return value_.exchange(value, Orders::of(order), $); }
  bool compare_exchange_strong(T& expected, T value, std::memory_order success, std::memory_order failure) {
    return value_.compare_exchange(rl::bool_t<false>{}, expected, value, Orders::of(success), Orders::of(failure), $);
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure) {
    return value_.compare_exchange(rl::bool_t<true>{}, expected, value, Orders::of(success), Orders::of(failure), $);
  }

 private:
  rl::generic_atomic<T, false> value_;
};

template <typename T>
using atomic = watched_atomic<T, as_written>;
template <typename T>
using loose_atomic = watched_atomic<T, without_orders>;
template <typename T>
using switched_atomic = watched_atomic<T, switched>;

/// A plain variable; two threads that touch it without an order between them are a fault.
template <typename T>
class plain {
 public:
  plain() = default;
  plain& operator=(T value) {
    value_($) = value;
    return *this;
  }
  operator T() const { return value_($).load(); }  // NOLINT(google-explicit-constructor)

 private:
  rl::var<T> value_;
};

/// Whether a suite holds in so many runs in random orders. The history of one that does not goes to `told`, which must
/// not allocate: relacy's new and delete are those of the whole program while it prints.
template <typename Suite>
[[nodiscard]] bool holds(rl::iteration_t runs, std::ostream& told) {
  std::ostream nowhere{nullptr};
  rl::test_params how;
  how.iteration_count = runs;
  how.output_stream = &told;
  how.progress_stream = &nowhere;
  how.search_type = rl::random_scheduler_type;
  how.execution_depth_limit = 10'000;
  return rl::simulate<Suite>(how);
}
/// For what is right.
template <typename Suite>
[[nodiscard]] bool holds(rl::iteration_t runs) {
  return holds<Suite>(runs, std::cerr);
}
/// For what is meant to be wrong.
template <typename Suite>
[[nodiscard]] bool is_found_out(rl::iteration_t runs) {
  std::ostream nowhere{nullptr};
  return !holds<Suite>(runs, nowhere);
}

}  // namespace ergo::model
