// Accessors of terms that are too large to inline, and the copy that lets go of buffers and messages.
#include <ergo/etf/term.hpp>

#include "parts.hpp"
#include "utf8.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>

namespace ergo::inline v0::etf {

using detail::tag;
using detail::term_access;

term::term(double value) {
  if (!std::isfinite(value)) throw std::domain_error{"term: a float must be finite"};
  head_ = tag::floating;
  value_ = std::bit_cast<std::uint64_t>(value);
}

std::optional<fun_view> term::as_fun() const noexcept {
  if (kind() != kind::fun) return std::nullopt;
  const auto* at = term_access::terms(*this);
  const auto number = [at](std::size_t position) { return static_cast<std::uint64_t>(*at[position].as_integer()); };
  if (head_.tag() == tag::external_fun) {
    namespace part = detail::external_part;
    return fun_view{.external = true,
                    .module = *at[part::module].as_atom(),
                    .function = *at[part::function].as_atom(),
                    .arity = static_cast<unsigned>(number(part::arity))};
  }
  namespace part = detail::fun_part;
  fun_view view{.module = *at[part::module].as_atom(),
                .arity = static_cast<unsigned>(number(part::arity)),
                .index = static_cast<std::uint32_t>(number(part::index)),
                .old_index = *at[part::old_index].as_integer(),
                .old_uniq = *at[part::old_uniq].as_integer(),
                .creator = *at[part::creator].as_pid(),
                .environment = {at + part::environment, term_access::node_of(*this)->size - part::environment}};
  for (std::size_t byte = 0; byte < 8; ++byte) {
    view.uniq[byte] = static_cast<std::uint8_t>(number(part::uniq_high) >> (56 - 8 * byte));
    view.uniq[byte + 8] = static_cast<std::uint8_t>(number(part::uniq_low) >> (56 - 8 * byte));
  }
  return view;
}

std::optional<record_view> term::as_record() const noexcept {
  if (head_.tag() != tag::record) return std::nullopt;
  namespace part = detail::record_part;
  const auto* at = term_access::terms(*this);
  const auto fields = (term_access::node_of(*this)->size - part::names) / 2;
  return record_view{.module = *at[part::module].as_atom(),
                     .name = *at[part::name].as_atom(),
                     .exported = head_.spare() != 0,
                     .names = {at + part::names, fields},
                     .values = {at + part::names + fields, fields}};
}

term term::list_tail() const noexcept {
  if (head_.tag() != tag::list) return {};
  const auto* of = term_access::node_of(*this);
  return (of->flags & detail::improper) != 0 ? term_access::terms(*this)[of->size] : term{};
}

term term::drop(std::size_t count) const noexcept {
  if (count == 0) return *this;
  if (count >= items().size()) return list_tail();
  auto rest = *this;
  rest.head_ = {tag::list, rest.head_.counted(), rest.head_.spare(),
                head_.number() + static_cast<std::uint32_t>(count)};
  return rest;
}

const term* term::find(const term& key) const noexcept {
  const auto in = entries();
  std::size_t first = 0;
  for (auto count = in.size() / 2; count != 0;) {
    const auto half = count / 2;
    const auto order = compare_exact(in[(first + half) * 2], key);
    if (order == 0) return &in[(first + half) * 2 + 1];
    if (order < 0) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return nullptr;
}

unsigned term::last_byte_bits() const noexcept {
  if (head_.tag() == tag::bits) return head_.spare();
  return head_.tag() == tag::binary && value_ != 0 ? 8 : 0;
}

std::optional<std::string> term::as_text() const {
  if (is_nil()) return std::string{};
  if (head_.tag() != tag::list || (term_access::node_of(*this)->flags & detail::improper) != 0) return std::nullopt;
  std::string text;
  text.reserve(items().size());
  for (const auto& item : items()) {
    const auto value = item.as_integer();
    if (!value || *value < 0 || !is_character(static_cast<std::uint64_t>(*value))) return std::nullopt;
    append_character(text, static_cast<std::uint32_t>(*value));
  }
  return text;
}

std::optional<reference> reference_in_tag(const term& tag) noexcept {
  if (const auto plain = tag.as_reference()) return plain;
  const auto items = tag.items();
  if (items.size() != 1) return std::nullopt;
  constexpr auto alias = atom::from_index(detail::well_known_index("alias"));
  const auto tail = tag.list_tail().as_reference();
  if (items[0].is(alias)) return tail;
  // [[alias | Alias] | Monitor]: the reply goes to the alias.
  const auto inner = items[0].items();
  return inner.size() == 1 && inner[0].is(alias) ? items[0].list_tail().as_reference() : std::nullopt;
}

}  // namespace ergo::inline v0::etf
