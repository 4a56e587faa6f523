// Reads terms that have no parts into slots: numbers, atoms, identifiers, binaries.
#pragma once

#include "memory.hpp"
#include "parts.hpp"
#include "reader.hpp"

#include <bit>

namespace ergo::inline v0::etf {

/// How reading one term went.
enum class step : std::uint8_t {
  done,    ///< the slot is filled
  opened,  ///< the slot holds a node whose slots come next
  again,   ///< the slot is still to be filled by what follows
  failed,
};

/// A reader that fills slots of terms; their nodes lie in its slab.
class leaf_reader : protected reader {
 protected:
  using tag = detail::tag;
  using node = detail::node;
  using term_access = detail::term_access;

  leaf_reader(std::span<const std::byte> input, const decode_limits& limits) noexcept
      : reader{input, limits}, slab_{expected_memory(input.size()), limits.memory} {}

  step fail(errc code) noexcept {
    code_ = code;
    return step::failed;
  }
  step done_or(errc code) noexcept { return code == errc::ok ? step::done : fail(code); }
  [[nodiscard]] bool has(std::size_t bytes) const noexcept { return left() >= bytes; }

  static step put(term& to, term_access::head head, std::uint64_t value = 0) noexcept {
    term_access::set(to, head, value);
    return step::done;
  }
  static step put_node(term& to, term_access::head head, const node* value) noexcept {
    term_access::set(to, head, value);
    return step::done;
  }
  /// How a term refers to a node that was just made for it.
  [[nodiscard]] static std::uint8_t counting(const node* made) noexcept {
    return made->place == 0 ? detail::owning : detail::interior;
  }
  static step put_atom(term& to, atom value) noexcept {
    return put(to, {tag::atom, detail::uncounted, 0, value.index()});
  }
  static step put_pid(term& to, const pid& value) noexcept {
    return put(to, {tag::pid, detail::uncounted, 0, value.node.index()},
               (std::uint64_t{value.serial} << 32) | value.id);
  }
  static step put_integer(term& to, std::int64_t value) noexcept {
    return put(to, {tag::integer}, static_cast<std::uint64_t>(value));
  }

  // Each reads what stands behind a tag.
  step small_integer(term& to) noexcept {
    return has(1) ? put_integer(to, take<std::uint8_t>()) : fail(errc::truncated);
  }
  step integer(term& to) noexcept {
    return has(4) ? put_integer(to, static_cast<std::int32_t>(take<std::uint32_t>())) : fail(errc::truncated);
  }
  step big_integer(term& to, std::size_t width);  ///< of the length: 1 or 4 bytes
  step new_float(term& to);
  step old_float(term& to);
  step any_atom(term& to, std::uint8_t next);
  step any_pid(term& to, std::uint8_t next);
  step any_port(term& to, std::uint8_t next);
  step any_reference(term& to, std::uint8_t next);
  step binary(term& to);
  step bit_binary(term& to);
  step string(term& to);
  step export_fun(term& to);

  /// Fills `count` slots with the bytes that come next, whose presence the caller has checked.
  void characters(term* to, std::size_t count) noexcept {
    for (std::size_t at = 0; at < count; ++at) put_integer(to[at], static_cast<std::uint8_t>(at_[at]));
    at_ += count;
  }

  detail::slab slab_;
  errc code_ = errc::ok;

 private:
  /// Room for what a message of `bytes` usually turns into.
  [[nodiscard]] static std::size_t expected_memory(std::size_t bytes) noexcept {
    return std::min((bytes * 4 + 64 + 15) & ~std::size_t{15}, detail::slab::share);
  }

  step bytes(term& to, term_access::head head, std::size_t size);
  step alias(term& to, std::size_t size);
};

}  // namespace ergo::inline v0::etf
