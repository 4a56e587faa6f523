// Bodies of the term accessors that are worth inlining, and the room's own view of a term's fields.
// Included by term.hpp; nothing here is for programs.
#pragma once

#include <ergo/etf/detail/node.hpp>
#include <ergo/etf/term.hpp>

#include <array>
#include <bit>

namespace ergo::inline v0::etf {

namespace detail {

/// Values of `counted`: whether a term refers to a node, and whether it holds one of the counted references.
enum counting : std::uint8_t {
  uncounted = 0,  ///< everything is inside the term
  owning = 1,     ///< refers to a node and gives up its reference when it ends
  interior = 2,   ///< lies in a slab and refers to a node of the same slab: counted only when it is copied
};

/// Raw reading and writing of terms. `set` gives nothing up: its target must hold no reference.
struct term_access {
  [[nodiscard]] static detail::tag tag_of(const term& of) noexcept { return of.head_.tag(); }
  [[nodiscard]] static std::uint8_t counted(const term& of) noexcept { return of.head_.counted(); }
  [[nodiscard]] static std::uint16_t spare(const term& of) noexcept { return of.head_.spare(); }
  [[nodiscard]] static std::uint32_t number(const term& of) noexcept { return of.head_.number(); }
  [[nodiscard]] static std::uint64_t value(const term& of) noexcept { return of.value_; }
  [[nodiscard]] static node* node_of(const term& of) noexcept { return reinterpret_cast<node*>(of.value_); }
  [[nodiscard]] static term* terms(node* of) noexcept { return reinterpret_cast<term*>(of + 1); }
  [[nodiscard]] static const term* terms(const term& of) noexcept { return terms(node_of(of)); }
  [[nodiscard]] static bytes_node* bytes_of(const term& of) noexcept { return static_cast<bytes_node*>(node_of(of)); }

  using head = term_head;
  static void set(term& to, head fields, std::uint64_t value) noexcept {
    to.head_ = fields;
    to.value_ = value;
  }
  static void set(term& to, head fields, const node* value) noexcept {
    set(to, fields, static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(value)));
  }
  template <typename Value>
  [[nodiscard]] static term make(head fields, Value value) noexcept {
    term made;
    set(made, fields, value);
    return made;
  }
};

inline constexpr std::array kinds{kind::nil,       kind::integer,   kind::floating, kind::atom,      kind::pid,
                                  kind::reference, kind::port,      kind::tuple,    kind::list,      kind::map,
                                  kind::bitstring, kind::bitstring, kind::integer,  kind::reference, kind::fun,
                                  kind::fun,       kind::record};

/// Whether a reference fits into a term: three words, the first below 2^28.
[[nodiscard]] constexpr bool is_short(std::size_t size, std::uint32_t first) noexcept {
  return size == 3 && first < (1U << 28);
}
inline void set_short_reference(term& to, node_id node, const std::uint32_t* words) noexcept {
  term_access::set(
      to,
      {tag::short_reference, uncounted, static_cast<std::uint16_t>(words[0]), node.index() | ((words[0] >> 16) << 20)},
      std::uint64_t{words[1]} | (std::uint64_t{words[2]} << 32));
}

}  // namespace detail

inline term::term(atom value) noexcept { head_ = {detail::tag::atom, 0, 0, value.index()}; }

inline term::term(const pid& value) noexcept {
  head_ = {detail::tag::pid, 0, 0, value.node.index()};
  value_ = (std::uint64_t{value.serial} << 32) | value.id;
}

inline term::term(const reference& value) {
  if (detail::is_short(value.size, value.words[0])) {
    detail::set_short_reference(*this, value.node, value.words.data());
  } else {
    *this = long_reference(value);
  }
}

inline term::term(const port& value) noexcept {
  head_ = {detail::tag::port, 0, 0, value.node.index()};
  value_ = value.id;
}

inline term::term(const term& other) noexcept : head_{other.head_}, value_{other.value_} {
  if (head_.counted() != detail::uncounted) {
    head_ = head_.with_counted(detail::owning);
    detail::counter(detail::term_access::node_of(*this)).fetch_add(1, std::memory_order_relaxed);
  }
}

inline term::term(term&& other) noexcept : head_{other.head_}, value_{other.value_} {
  other.head_ = {};
  other.value_ = 0;
}

inline term& term::operator=(const term& other) noexcept {
  term copy{other};
  swap(*this, copy);
  return *this;
}

inline term& term::operator=(term&& other) noexcept {
  term taken{std::move(other)};
  swap(*this, taken);
  return *this;
}

inline term::~term() {
  if (head_.counted() == detail::owning) detail::release(detail::term_access::node_of(*this));
}

inline etf::kind term::kind() const noexcept { return detail::kinds[static_cast<std::size_t>(head_.tag())]; }

inline bool term::is_atom() const noexcept { return head_.tag() == detail::tag::atom; }
inline bool term::is(atom value) const noexcept { return is_atom() && head_.number() == value.index(); }
inline bool term::is_nil() const noexcept { return head_.tag() == detail::tag::nil; }
inline bool term::is_tuple() const noexcept { return head_.tag() == detail::tag::tuple; }
inline bool term::is_tuple(std::size_t arity) const noexcept { return is_tuple() && head_.number() == arity; }
inline bool term::is_list() const noexcept { return head_.tag() == detail::tag::list || is_nil(); }
inline bool term::is_map() const noexcept { return head_.tag() == detail::tag::map; }
inline bool term::is_binary() const noexcept { return head_.tag() == detail::tag::binary; }

inline std::optional<std::int64_t> term::as_integer() const noexcept {
  if (head_.tag() != detail::tag::integer) return std::nullopt;
  return static_cast<std::int64_t>(value_);
}

inline std::optional<double> term::as_double() const noexcept {
  if (head_.tag() != detail::tag::floating) return std::nullopt;
  return std::bit_cast<double>(value_);
}

inline std::optional<atom> term::as_atom() const noexcept {
  if (!is_atom()) return std::nullopt;
  return atom::from_index(head_.number());
}

inline std::optional<pid> term::as_pid() const noexcept {
  if (head_.tag() != detail::tag::pid) return std::nullopt;
  return pid{node_id::from_index(head_.number()), static_cast<std::uint32_t>(value_),
             static_cast<std::uint32_t>(value_ >> 32)};
}

inline std::optional<reference> term::as_reference() const noexcept {
  if (head_.tag() == detail::tag::short_reference) {
    const auto first = head_.spare() | ((head_.number() >> 20) << 16);
    return reference{node_id::from_index(head_.number() & 0xFFFFF),
                     3,
                     {first, static_cast<std::uint32_t>(value_), static_cast<std::uint32_t>(value_ >> 32)}};
  }
  if (head_.tag() != detail::tag::reference) return std::nullopt;
  return *reinterpret_cast<const reference*>(detail::term_access::node_of(*this) + 1);
}

inline std::optional<port> term::as_port() const noexcept {
  if (head_.tag() != detail::tag::port) return std::nullopt;
  return port{node_id::from_index(head_.number()), value_};
}

inline std::span<const term> term::elements() const noexcept {
  if (!is_tuple() || head_.number() == 0) return {};
  return {detail::term_access::terms(*this), head_.number()};
}

inline std::span<const term> term::items() const noexcept {
  if (head_.tag() != detail::tag::list) return {};
  return {detail::term_access::terms(*this) + head_.number(),
          detail::term_access::node_of(*this)->size - head_.number()};
}

inline std::span<const term> term::entries() const noexcept {
  if (!is_map() || head_.number() == 0) return {};
  return {detail::term_access::terms(*this), std::size_t{head_.number()} * 2};
}

inline std::string_view term::bytes() const noexcept {
  if ((head_.tag() != detail::tag::binary && head_.tag() != detail::tag::bits) || value_ == 0) return {};
  const auto* from = detail::term_access::bytes_of(*this);
  return {from->data, from->length};
}

inline bool is_tagged(const term& value, atom tag, std::size_t arity) noexcept {
  return value.is_tuple(arity) && arity != 0 && value.elements().front().is(tag);
}

}  // namespace ergo::inline v0::etf
