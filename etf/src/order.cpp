// Erlang's term order, exact equality and a hash that agrees with it. All of them walk with an explicit stack.
#include <ergo/etf/term.hpp>

#include "atom_table.hpp"
#include "hashing.hpp"
#include "parts.hpp"
#include "work_stack.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace ergo::inline v0::etf {

namespace {

using detail::tag;
using detail::term_access;
using ordering = std::weak_ordering;

const term nil;

/// Pairs that are still to be compared; when all of them are equal, `verdict` decides, if it does.
struct pairs {
  const term* left = nullptr;
  const term* right = nullptr;
  std::uint32_t count = 0;
  std::uint8_t stride = 1;
  bool exact = false;
  std::int8_t verdict = 0;
};

std::int8_t sign(ordering order) noexcept {
  return order < 0 ? std::int8_t{-1} : order > 0 ? std::int8_t{1} : std::int8_t{0};
}

bool is_number(const term& value) noexcept {
  const auto of = term_access::tag_of(value);
  return of == tag::integer || of == tag::floating || of == tag::big;
}

// -0.0 comes before 0.0 where 1 and 1.0 are told apart.
ordering compare_floats(double left, double right, bool exact) noexcept {
  if (left != right) return left < right ? ordering::less : ordering::greater;
  return exact ? std::signbit(right) <=> std::signbit(left) : ordering::equivalent;
}

/// The order of an integer and a float by value.
ordering compare_mixed(const term& left, double right) noexcept {
  if (const auto small = left.as_integer()) return detail::compare_integer_float(*small, right);
  return detail::compare_big_float(detail::big_of(left), right);
}

/// The order of two integers, of which one at least is big.
ordering compare_integers(const term& left, const term& right) noexcept {
  const auto is_big = [](const term& value) { return term_access::tag_of(value) == tag::big; };
  if (is_big(left) && is_big(right)) return detail::compare_bigs(detail::big_of(left), detail::big_of(right));
  if (is_big(left)) return detail::big_of(left).negative ? ordering::less : ordering::greater;
  return detail::big_of(right).negative ? ordering::greater : ordering::less;
}

ordering compare_numbers(const term& left, const term& right, bool exact) noexcept {
  const auto left_float = left.as_double();
  const auto right_float = right.as_double();
  if (left_float && right_float) return compare_floats(*left_float, *right_float, exact);
  if (!left_float && !right_float) {
    const auto small_left = left.as_integer();
    const auto small_right = right.as_integer();
    return small_left && small_right ? *small_left <=> *small_right : compare_integers(left, right);
  }
  if (exact) return left_float ? ordering::greater : ordering::less;
  return left_float ? 0 <=> compare_mixed(right, *left_float) : compare_mixed(left, *right_float);
}

/// By content, then by length; the unused bits of a last byte are 0 and do not count.
ordering compare_bits(const term& left, const term& right) noexcept {
  const auto left_bytes = left.bytes();
  const auto right_bytes = right.bytes();
  const auto bits = [](const term& value) {
    return value.bytes().size() * 8 - (value.bytes().empty() ? 0 : 8 - value.last_byte_bits());
  };
  const auto common = std::min(bits(left), bits(right));
  if (const auto whole = common / 8; whole != 0) {
    if (const auto order = std::memcmp(left_bytes.data(), right_bytes.data(), whole); order != 0) return order <=> 0;
  }
  if (common % 8 != 0) {
    const auto head = [common](std::string_view bytes) {
      return static_cast<unsigned char>(bytes[common / 8]) >> (8 - common % 8);
    };
    if (const auto order = head(left_bytes) <=> head(right_bytes); order != 0) return order;
  }
  return bits(left) <=> bits(right);
}

class comparison {
 public:
  ordering run(const term& left, const term& right, bool exact) {
    const auto* l = &left;
    const auto* r = &right;
    for (;;) {
      if (const auto order = step(*l, *r, exact); order != 0) return order;
      while (!open_.empty() && open_.top().count == 0) {
        if (open_.top().verdict != 0) return open_.top().verdict <=> 0;
        open_.pop();
      }
      if (open_.empty()) return ordering::equivalent;
      auto& next = open_.top();
      l = next.left;
      r = next.right;
      exact = next.exact;
      next.left += next.stride;
      next.right += next.stride;
      --next.count;
    }
  }

 private:
  /// Compares what can be compared at once and notes the rest.
  ordering step(const term& left, const term& right, bool exact) {
    if (is_number(left) && is_number(right)) return compare_numbers(left, right, exact);
    const auto left_kind = left.kind();
    if (left_kind != right.kind()) return left_kind <=> right.kind();
    switch (left_kind) {
      case kind::atom: return compare_text(*left.as_atom(), *right.as_atom());
      case kind::reference: return compare(*left.as_reference(), *right.as_reference());
      case kind::port: return compare(*left.as_port(), *right.as_port());
      case kind::pid: return compare(*left.as_pid(), *right.as_pid());
      case kind::bitstring: return compare_bits(left, right);
      default: return compound(left, right, exact);
    }
  }

  ordering compound(const term& left, const term& right, bool exact) {
    if (term_access::value(left) == term_access::value(right) &&
        term_access::number(left) == term_access::number(right)) {
      return ordering::equivalent;
    }
    switch (term_access::tag_of(left)) {
      case tag::tuple: return tuples(left.elements(), right.elements(), exact);
      case tag::list: return lists(left, right, exact);
      case tag::map: return maps(left.entries(), right.entries(), exact);
      case tag::record: return records(left, right, exact);
      case tag::fun:
      case tag::external_fun: return funs(left, right, exact);
      default: return ordering::equivalent;
    }
  }

  ordering tuples(std::span<const term> left, std::span<const term> right, bool exact) {
    if (left.size() != right.size()) return left.size() <=> right.size();
    note(left.data(), right.data(), left.size(), exact);
    return ordering::equivalent;
  }

  ordering lists(const term& left, const term& right, bool exact) {
    const auto l = left.items();
    const auto r = right.items();
    const auto tail = [](const term& of, std::span<const term> items) {
      return (term_access::node_of(of)->flags & detail::improper) != 0 ? items.data() + items.size() : &nil;
    };
    const auto common = std::min(l.size(), r.size());
    if (l.size() == r.size()) {
      note(tail(left, l), tail(right, r), 1, exact);
      note(l.data(), r.data(), common, exact);
      return ordering::equivalent;
    }
    // The shorter list's tail, which is no list, stands against a list of at least one item.
    const auto order =
        l.size() < r.size() ? tail(left, l)->kind() <=> kind::list : kind::list <=> tail(right, r)->kind();
    open_.push({.left = l.data(),
                .right = r.data(),
                .count = static_cast<std::uint32_t>(common),
                .exact = exact,
                .verdict = sign(order)});
    return ordering::equivalent;
  }

  ordering maps(std::span<const term> left, std::span<const term> right, bool exact) {
    if (left.size() != right.size()) return left.size() <=> right.size();
    if (left.empty()) return ordering::equivalent;
    const auto count = static_cast<std::uint32_t>(left.size() / 2);
    open_.push({.left = left.data() + 1, .right = right.data() + 1, .count = count, .stride = 2, .exact = exact});
    open_.push({.left = left.data(), .right = right.data(), .count = count, .stride = 2, .exact = true});
    return ordering::equivalent;
  }

  ordering records(const term& left, const term& right, bool exact) {
    const auto* l = term_access::node_of(left);
    const auto* r = term_access::node_of(right);
    const auto size = l->size <=> r->size;
    const auto flags = term_access::spare(left) <=> term_access::spare(right);
    const auto* from_left = term_access::terms(left);
    const auto* from_right = term_access::terms(right);
    const auto rest = size == 0 ? l->size - static_cast<std::uint32_t>(detail::record_part::names) : 0;
    open_.push({.left = from_left + detail::record_part::names,
                .right = from_right + detail::record_part::names,
                .count = rest,
                .exact = exact,
                .verdict = sign(flags)});
    open_.push({.left = from_left,
                .right = from_right,
                .count = detail::record_part::names,
                .exact = exact,
                .verdict = sign(size)});
    return ordering::equivalent;
  }

  ordering funs(const term& left, const term& right, bool exact) {
    const auto left_external = term_access::tag_of(left) == tag::external_fun;
    const auto right_external = term_access::tag_of(right) == tag::external_fun;
    if (left_external != right_external) return left_external ? ordering::greater : ordering::less;
    const auto* l = term_access::terms(left);
    const auto* r = term_access::terms(right);
    if (left_external) {
      note(l, r, detail::external_part::count, exact);
      return ordering::equivalent;
    }
    namespace part = detail::fun_part;
    const auto left_free = term_access::node_of(left)->size - part::environment;
    const auto right_free = term_access::node_of(right)->size - part::environment;
    note(l + part::environment, r + part::environment, std::min(left_free, right_free), exact);
    open_.push(
        {.left = l, .right = r, .count = part::compared, .exact = exact, .verdict = sign(left_free <=> right_free)});
    return ordering::equivalent;
  }

  void note(const term* left, const term* right, std::size_t count, bool exact) {
    open_.push({.left = left, .right = right, .count = static_cast<std::uint32_t>(count), .exact = exact});
  }

  work_stack<pairs> open_;
};

/// What hashing still has to visit.
struct range {
  const term* at = nullptr;
  std::size_t count = 0;
};

class hashing {
 public:
  std::uint64_t run(const term& value) {
    step(value);
    while (!open_.empty()) {
      auto& next = open_.top();
      if (next.count == 0) {
        open_.pop();
        continue;
      }
      --next.count;
      step(*next.at++);
    }
    return state_;
  }

 private:
  void add(std::uint64_t word) noexcept { state_ = mix(state_ ^ word, 0x9E3779B97F4A7C15ULL) + 0xE7037ED1A0B428DBULL; }

  void step(const term& value) {
    add(static_cast<std::uint64_t>(value.kind()));
    switch (term_access::tag_of(value)) {
      case tag::nil: return;
      case tag::atom: return add(term_access::number(value));
      case tag::integer:
      case tag::floating: return add(term_access::value(value));
      case tag::pid:
      case tag::port: add(term_access::number(value)); return add(term_access::value(value));
      case tag::short_reference:
      case tag::reference: return add(seeded_hash{}(*value.as_reference()));
      case tag::big: return add_big(value);
      case tag::binary:
      case tag::bits: add(value.last_byte_bits()); return add(hash_bytes(value.bytes(), state_));
      case tag::tuple: return note(value.elements());
      case tag::map: return note(value.entries());
      case tag::list: return add_list(value);
      case tag::fun: return note({term_access::terms(value), detail::fun_part::compared}, fun_environment(value));
      case tag::external_fun: return note({term_access::terms(value), detail::external_part::count});
      case tag::record:
        add(term_access::spare(value));
        return note({term_access::terms(value), term_access::node_of(value)->size});
    }
  }

  static std::span<const term> fun_environment(const term& value) noexcept {
    return std::span{term_access::terms(value), term_access::node_of(value)->size}.subspan(
        detail::fun_part::environment);
  }

  void add_big(const term& value) noexcept {
    const auto big = detail::big_of(value);
    add(big.negative ? 1 : 0);
    for (const auto limb : big.limbs) add(limb);
  }

  void add_list(const term& value) {
    const auto items = value.items();
    const auto tail = (term_access::node_of(value)->flags & detail::improper) != 0 ? 1U : 0U;
    add(tail);
    note({items.data(), items.size() + tail});
  }

  void note(std::span<const term> first, std::span<const term> second = {}) {
    add(first.size() + second.size());
    if (!second.empty()) open_.push({second.data(), second.size()});
    if (!first.empty()) open_.push({first.data(), first.size()});
  }

  std::uint64_t state_ = process_seed();
  work_stack<range> open_;
};

/// Whether a term is nothing but its 16 bytes, and equal to no term with others.
bool is_plain(tag of) noexcept { return of <= tag::port && of != tag::floating && of != tag::short_reference; }

}  // namespace

bool detail::are_ascending_atoms(std::span<const term> entries) noexcept {
  std::uint64_t last = 0;
  for (std::size_t at = 0; at < entries.size(); at += 2) {
    if (!entries[at].is_atom()) return false;
    const auto head = __builtin_bswap64(all_atoms[term_access::number(entries[at])].key.low);
    if (at != 0 && head <= last) return false;
    last = head;
  }
  return true;
}

std::weak_ordering compare(const term& left, const term& right) noexcept {
  return comparison{}.run(left, right, false);
}

std::weak_ordering compare_exact(const term& left, const term& right) noexcept {
  if (left.is_atom() && right.is_atom()) return compare_text(*left.as_atom(), *right.as_atom());
  return comparison{}.run(left, right, true);
}

bool operator==(const term& left, const term& right) noexcept {
  const auto both_short = left.head_.tag() == tag::short_reference && right.head_.tag() == tag::short_reference;
  if (both_short || is_plain(left.head_.tag()) || is_plain(right.head_.tag())) {
    return left.head_ == right.head_ && left.value_ == right.value_;
  }
  return comparison{}.run(left, right, true) == 0;
}

std::size_t hash_value(const term& value) noexcept { return hashing{}.run(value); }

}  // namespace ergo::inline v0::etf
