// Why a term is not the wanted C++ value, and which part of it: a code and a short path, made without an allocation.
#pragma once

#include <ergo/etf/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ergo::inline v0::etf {

/// What a failed `from_term` says: the fault, and the way to it from the outermost value.
///
/// Trivially copyable; field names are static texts. The path keeps its 8 outermost steps.
class conversion_error {
 public:
  static constexpr std::size_t max_steps = 8;

  errc code = errc::ok;  ///< what was wrong

  constexpr conversion_error() noexcept = default;
  /// A fault of the value itself; implicit, so that a converter may return `std::unexpected{errc::wrong_type}`.
  constexpr conversion_error(errc fault) noexcept : code{fault} {}  // NOLINT(google-explicit-constructor)

  /// Notes that the value with the fault is the field `name` (a static text) of another one.
  constexpr void add_field(const char* name) noexcept { add({name, 0}); }
  /// Notes that the value with the fault is element `index`, counted from 0, of another one.
  constexpr void add_index(std::size_t index) noexcept { add({nullptr, index}); }

  /// The way to the fault, such as `accounts[3].cents`; empty when the value itself is wrong. A path of more than 8
  /// steps ends in `...`.
  [[nodiscard]] std::string path() const;
  /// The path, if any, and the meaning of the code.
  [[nodiscard]] std::string message() const;

  friend constexpr bool operator==(const conversion_error&, const conversion_error&) noexcept = default;

 private:
  struct step {
    const char* field;  // null: an index
    std::size_t index;

    friend constexpr bool operator==(const step&, const step&) noexcept = default;
  };

  // A path is found out from the inside: when it is full, the innermost step makes room.
  constexpr void add(step outer) noexcept { steps_[count_++ % max_steps] = outer; }

  std::uint32_t count_ = 0;
  std::array<step, max_steps> steps_{};
};

/// How much work one `from_term` may do. Only recursive types (a `tree` with a vector of `tree`) and variants can reach
/// these limits.
struct conversion_limits {
  std::uint32_t depth = 256;  ///< nested values, `too_deep` beyond: they are read recursively, on the caller's stack
  std::uint32_t attempts = 1024;  ///< alternatives of variants that looked right and were not, `too_big` beyond
};

}  // namespace ergo::inline v0::etf
