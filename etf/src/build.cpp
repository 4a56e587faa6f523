// Building terms: tuples, lists, maps, binaries, funs and records on nodes that stand alone.
#include <ergo/assert.hpp>
#include <ergo/etf/term.hpp>

#include "memory.hpp"
#include "parts.hpp"
#include "utf8.hpp"
#include "work_stack.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace ergo::inline v0::etf {

using detail::tag;
using detail::term_access;

namespace {

constexpr std::size_t most_elements = 16'777'215;

/// A node for `count` terms, all of them `[]` so far.
detail::node* make_terms(std::size_t count) {
  auto* made = detail::make_node<detail::node>(count * sizeof(term));
  std::memset(static_cast<void*>(made + 1), 0, count * sizeof(term));
  made->size = static_cast<std::uint32_t>(count);
  return made;
}

void check_count(std::size_t count, std::size_t most, const char* what) {
  if (count > most) throw std::length_error{what};
}

/// Moves terms as bytes: they neither know nor care where they are.
void relocate(term* to, const term* from, std::size_t count) noexcept {
  std::memcpy(static_cast<void*>(to), static_cast<const void*>(from), count * sizeof(term));
}

term tuple_of(detail::node* made) noexcept {
  return term_access::make({tag::tuple, detail::owning, 0, made->size}, made);
}

term list_of(detail::node* made) noexcept { return term_access::make({tag::list, detail::owning, 0, 0}, made); }

/// Parts of a term that are still to be copied.
struct copying {
  term* to = nullptr;
  const term* from = nullptr;
  std::size_t count = 0;
};

/// A leaf of its own for a big integer or reference that lies in a slab.
term copy_leaf(const term& from) {
  const auto* source = term_access::node_of(from);
  const auto payload =
      term_access::tag_of(from) == tag::big ? std::size_t{source->size} * sizeof(std::uint64_t) : sizeof(reference);
  auto* made = detail::make_node<detail::node>(payload);
  made->flags = detail::leaf;
  made->size = source->size;
  std::memcpy(static_cast<void*>(made + 1), static_cast<const void*>(source + 1), payload);
  return term_access::make(
      {term_access::tag_of(from), detail::owning, term_access::spare(from), term_access::number(from)}, made);
}

/// Fills the slot `to`; of a term with parts, only its node is made and the rest is noted.
void copy_part(term& to, const term& from, work_stack<copying>& open) {
  const auto* source = term_access::node_of(from);
  const auto plain = term_access::counted(from) == detail::uncounted;
  if (plain || (source->place == 0 && (source->flags & (detail::leaf | detail::aliased)) == detail::leaf)) {
    to = from;
  } else if (from.kind() == kind::bitstring) {
    to = bit_string(from.bytes(), from.last_byte_bits());
  } else if ((source->flags & detail::leaf) != 0) {
    to = copy_leaf(from);
  } else {
    const auto list = term_access::tag_of(from) == tag::list;
    const auto first = list ? term_access::number(from) : 0;
    const auto tail = (source->flags & detail::improper) != 0 ? 1U : 0U;
    const std::size_t count = source->size - first;
    auto* made = make_terms(count + tail);
    made->size = static_cast<std::uint32_t>(count);
    made->flags = source->flags;
    to = term_access::make(
        {term_access::tag_of(from), detail::owning, term_access::spare(from), list ? 0 : term_access::number(from)},
        made);
    open.push({term_access::terms(made), term_access::terms(from) + first, count + tail});
  }
}

/// A sortable pair of terms as bytes; sorting moves pairs without touching counters.
struct raw_pair {
  alignas(term) std::byte bytes[2 * sizeof(term)];
  [[nodiscard]] const term& key() const noexcept { return *reinterpret_cast<const term*>(bytes); }
};

void sort_few(std::span<raw_pair> pairs) {
  for (std::size_t at = 1; at < pairs.size(); ++at) {
    const auto moving = pairs[at];
    auto to = at;
    for (; to > 0 && compare_exact(moving.key(), pairs[to - 1].key()) < 0; --to) pairs[to] = pairs[to - 1];
    pairs[to] = moving;
  }
}

/// Sorts indices and moves each pair once. When there is no memory it throws before any pair has moved.
void sort_many(std::span<raw_pair> pairs) {
  std::vector<std::uint32_t> order(pairs.size());
  std::iota(order.begin(), order.end(), std::uint32_t{0});
  std::vector<raw_pair> sorted;
  sorted.reserve(pairs.size());
  std::ranges::sort(order, [pairs](std::uint32_t left, std::uint32_t right) {
    const auto by_key = compare_exact(pairs[left].key(), pairs[right].key());
    return by_key != 0 ? by_key < 0 : left < right;
  });
  for (const auto at : order) sorted.push_back(pairs[at]);
  std::ranges::copy(sorted, pairs.begin());
}

/// Stable: of equal keys the last one stays the last.
void sort_pairs(std::span<raw_pair> pairs) { pairs.size() > 16 ? sort_many(pairs) : sort_few(pairs); }

}  // namespace

namespace detail {

std::size_t sort_entries(std::span<term> entries) {
  auto* pairs = reinterpret_cast<raw_pair*>(entries.data());
  const auto count = entries.size() / 2;
  sort_pairs({pairs, count});
  std::size_t kept = 0;
  for (std::size_t at = 0; at < count; ++at) {
    const auto repeated = at + 1 < count && compare_exact(pairs[at].key(), pairs[at + 1].key()) == 0;
    if (!repeated) std::swap(pairs[kept++], pairs[at]);
  }
  return kept * 2;
}

bool sort_unique_entries(std::span<term> entries) {
  auto unsorted = false;
  for (std::size_t at = 2; at < entries.size(); at += 2) {
    const auto order = compare_exact(entries[at - 2], entries[at]);
    if (order == 0) return false;
    if (order > 0) {
      unsorted = true;
      break;
    }
  }
  return !unsorted || sort_entries(entries) == entries.size();
}

bool repeats_or_is_no_atom(std::span<const term> names) {
  std::vector<std::uint32_t> indices;
  indices.reserve(names.size());
  for (const auto& name : names) {
    if (!name.is_atom()) return true;
    indices.push_back(name.as_atom()->index());
  }
  std::ranges::sort(indices);
  return std::ranges::adjacent_find(indices) != indices.end();
}

term move_to_tuple(std::span<term> elements) {
  if (elements.empty()) return term_access::make({tag::tuple}, std::uint64_t{0});
  check_count(elements.size(), most_elements, "tuple: more than 16,777,215 elements");
  auto* made = make_node<node>(elements.size_bytes());
  made->size = static_cast<std::uint32_t>(elements.size());
  relocate(term_access::terms(made), elements.data(), elements.size());
  for (auto& element : elements) term_access::set(element, {}, std::uint64_t{0});
  return tuple_of(made);
}

term move_to_list(std::span<term> items) {
  if (items.empty()) return {};
  check_count(items.size(), UINT32_MAX - 1, "list: too many items");
  auto* made = make_node<node>(items.size_bytes());
  made->size = static_cast<std::uint32_t>(items.size());
  relocate(term_access::terms(made), items.data(), items.size());
  for (auto& item : items) term_access::set(item, {}, std::uint64_t{0});
  return list_of(made);
}

}  // namespace detail

term term::long_reference(const reference& value) {
  if (value.empty() || value.size > value.words.size())
    throw std::invalid_argument{"term: a reference has 1 to 5 words"};
  auto* made = detail::make_node<detail::node>(sizeof(reference));
  made->flags = detail::leaf;
  auto* const kept = ::new (made + 1) reference{value};
  std::fill(kept->words.begin() + value.size, kept->words.end(), 0);  // what is not in use is not compared either
  return term_access::make({tag::reference, detail::owning, 0, 0}, made);
}

term term::detach() const {
  term copy;
  work_stack<copying> open;
  copy_part(copy, *this, open);
  while (!open.empty()) {
    auto& parts = open.top();
    auto& to = *parts.to++;
    const auto& from = *parts.from++;
    if (--parts.count == 0) open.pop();
    copy_part(to, from, open);
  }
  return copy;
}

term make_tuple(std::span<const term> elements) {
  if (elements.empty()) return detail::move_to_tuple({});
  check_count(elements.size(), most_elements, "tuple: more than 16,777,215 elements");
  auto* made = make_terms(elements.size());
  std::ranges::copy(elements, term_access::terms(made));
  return tuple_of(made);
}

term make_list(std::span<const term> items, const term& tail) {
  if (items.empty()) return tail;
  const auto more = tail.items();
  const auto last = tail.is_list() ? tail.list_tail() : tail;
  check_count(items.size(), UINT32_MAX - 1 - more.size(), "list: too many items");
  const auto count = items.size() + more.size();
  auto* made = make_terms(count + (last.is_nil() ? 0 : 1));
  made->size = static_cast<std::uint32_t>(count);
  auto* to = term_access::terms(made);
  to = std::ranges::copy(items, to).out;
  to = std::ranges::copy(more, to).out;
  if (!last.is_nil()) {
    *to = last;
    made->flags = detail::improper;
  }
  return list_of(made);
}

term make_map(std::span<const term> pairs) {
  ERGO_ASSERT(pairs.size() % 2 == 0, "a map is made of pairs");
  const auto even = pairs.first(pairs.size() & ~std::size_t{1});
  if (even.empty()) return term_access::make({tag::map}, std::uint64_t{0});
  check_count(even.size(), UINT32_MAX - 1, "map: too many pairs");
  auto* made = make_terms(even.size());
  auto* entries = term_access::terms(made);
  std::ranges::copy(even, entries);
  const auto kept = detail::sort_entries({entries, even.size()});
  for (auto at = kept; at < even.size(); ++at) entries[at] = term{};
  made->size = static_cast<std::uint32_t>(kept);
  return term_access::make({tag::map, detail::owning, 0, static_cast<std::uint32_t>(kept / 2)}, made);
}

term binary(std::string_view bytes) { return bit_string(bytes, 8); }

term adopt_binary(std::string bytes) {
  if (bytes.size() <= 256) return binary(bytes);
  auto* made = detail::make_node<detail::bytes_node>(sizeof(std::string));
  const auto* kept = ::new (detail::string_of(made)) std::string{std::move(bytes)};
  made->flags = detail::leaf | detail::adopted;
  made->data = kept->data();
  made->length = kept->size();
  return term_access::make({tag::binary, detail::owning, 0, 0}, made);
}

term bit_string(std::string_view bytes, unsigned last_byte_bits) {
  if (last_byte_bits == 0 || last_byte_bits > 8)
    throw std::invalid_argument{"bit_string: 1 to 8 bits are used in the last byte"};
  if (bytes.empty()) return term_access::make({tag::binary}, std::uint64_t{0});
  auto* made = detail::make_node<detail::bytes_node>(bytes.size());
  auto* to = reinterpret_cast<char*>(made + 1);
  std::memcpy(to, bytes.data(), bytes.size());
  made->flags = detail::leaf;
  made->data = to;
  made->length = bytes.size();
  if (last_byte_bits == 8) return term_access::make({tag::binary, detail::owning, 0, 0}, made);
  to[bytes.size() - 1] = static_cast<char>(to[bytes.size() - 1] & (0xFF << (8 - last_byte_bits)));
  return term_access::make({tag::bits, detail::owning, static_cast<std::uint16_t>(last_byte_bits), 0}, made);
}

term text_list(std::string_view utf8) {
  std::vector<term> items;
  items.reserve(utf8.size());
  while (!utf8.empty()) {
    const auto next = next_character(utf8);
    items.emplace_back(next.bytes != 0 ? next.value : static_cast<std::uint32_t>(static_cast<unsigned char>(utf8[0])));
    utf8.remove_prefix(std::max<std::size_t>(next.bytes, 1));
  }
  return detail::move_to_list(items);
}

term external_fun(atom module, atom function, unsigned arity) {
  check_count(arity, 255, "external_fun: arity above 255");
  auto* made = make_terms(detail::external_part::count);
  auto* to = term_access::terms(made);
  to[detail::external_part::module] = term{module};
  to[detail::external_part::function] = term{function};
  to[detail::external_part::arity] = term{arity};
  return term_access::make({tag::external_fun, detail::owning, 0, 0}, made);
}

term make_fun(const fun_view& parts) {
  if (parts.external) return external_fun(parts.module, parts.function, parts.arity);
  check_count(parts.arity, 255, "make_fun: arity above 255");
  check_count(parts.environment.size(), 255, "make_fun: environment of more than 255 values");
  namespace part = detail::fun_part;
  auto* made = make_terms(part::environment + parts.environment.size());
  auto* to = term_access::terms(made);
  const auto half = [&parts](std::size_t from) {
    std::uint64_t bits = 0;
    for (std::size_t byte = 0; byte < 8; ++byte) bits = (bits << 8) | parts.uniq[from + byte];
    return static_cast<std::int64_t>(bits);
  };
  to[part::module] = term{parts.module};
  to[part::old_index] = term{parts.old_index};
  to[part::old_uniq] = term{parts.old_uniq};
  to[part::index] = term{static_cast<std::int32_t>(parts.index)};  // as which Erlang compares it
  to[part::uniq_high] = term{half(0)};
  to[part::uniq_low] = term{half(8)};
  to[part::arity] = term{parts.arity};
  to[part::creator] = term{parts.creator};
  std::ranges::copy(parts.environment, to + part::environment);
  return term_access::make({tag::fun, detail::owning, 0, 0}, made);
}

term make_record(const record_view& parts) {
  if (parts.names.size() != parts.values.size()) throw std::invalid_argument{"make_record: as many values as names"};
  check_count(parts.names.size(), most_elements, "make_record: too many fields");
  if (detail::repeats_or_is_no_atom(parts.names))
    throw std::invalid_argument{"make_record: names are atoms, each once"};
  namespace part = detail::record_part;
  auto* made = make_terms(part::names + 2 * parts.names.size());
  auto* to = term_access::terms(made);
  to[part::module] = term{parts.module};
  to[part::name] = term{parts.name};
  std::ranges::copy(parts.values, std::ranges::copy(parts.names, to + part::names).out);
  return term_access::make({tag::record, detail::owning, static_cast<std::uint16_t>(parts.exported), 0}, made);
}

}  // namespace ergo::inline v0::etf
