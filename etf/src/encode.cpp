// Terms to bytes. One walk with an explicit stack; sizes are exact, and the writer checks for room once per flat term.
#include <ergo/assert.hpp>
#include <ergo/etf/codec.hpp>

#include "flat_writer.hpp"
#include "parts.hpp"
#include "wire.hpp"
#include "work_stack.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace ergo::inline v0::etf {

namespace {

using detail::tag;
using detail::term_access;

constexpr std::size_t most_string_items = 65'535;

[[nodiscard]] bool is_byte(const term& value) noexcept {
  return term_access::tag_of(value) == tag::integer && term_access::value(value) <= 255;
}

/// Whether a list travels as STRING_EXT: proper, at most 65,535 items, all of them bytes.
[[nodiscard]] bool is_string(const term& list, std::span<const term> items) noexcept {
  if (!is_byte(items.front()) || items.size() > most_string_items) return false;
  return (term_access::node_of(list)->flags & detail::improper) == 0 && std::ranges::all_of(items, is_byte);
}

[[nodiscard]] std::size_t atom_size(atom value) noexcept {
  const auto bytes = value.text().size();
  return bytes + (bytes <= 255 ? 2 : 3);
}

[[nodiscard]] std::size_t integer_size(std::int64_t value) noexcept {
  if (value >= 0 && value <= 255) return 2;
  if (value >= INT32_MIN && value <= INT32_MAX) return 5;
  const auto magnitude = wire::magnitude_of(value);
  return 3 + (static_cast<std::size_t>(std::bit_width(magnitude)) + 7) / 8;
}

/// Bytes of the commonest terms without parts; 0 for any other term.
[[nodiscard]] std::size_t flat_size(const term& value) noexcept {
  switch (term_access::tag_of(value)) {
    case tag::nil: return 1;
    case tag::integer: return integer_size(static_cast<std::int64_t>(term_access::value(value)));
    case tag::floating: return 9;
    case tag::atom: return atom_size(atom::from_index(term_access::number(value)));
    case tag::pid: return 13 + atom_size(value.as_pid()->node.name());
    case tag::binary: return 5 + value.bytes().size();
    default: return 0;
  }
}

/// Terms that stand in a row and are still to be visited.
struct row {
  const term* next = nullptr;
  const term* end = nullptr;
};

/// What is written behind the last part of a term.
enum class ending : std::uint8_t { none, nil, fun };

/// Where the walk goes on when a row is done, and what ends that row.
struct rest {
  row after;
  ending with = ending::none;
};

/// Adds up sizes.
class measure {
 public:
  std::size_t run(const term& value) {
    step(value);
    while (!open_.empty()) {
      const auto* next = open_.top().next++;
      if (open_.top().next == open_.top().end) open_.pop();
      step(*next);
    }
    return size_;
  }

 private:
  void step(const term& value) {
    switch (term_access::tag_of(value)) {
      case tag::nil:
      case tag::integer:
      case tag::floating:
      case tag::atom:
      case tag::pid:
      case tag::binary: size_ += flat_size(value); return;
      case tag::port:
        size_ += (is_small_port(value.as_port()->id) ? 9 : 13) + atom_size(value.as_port()->node.name());
        return;
      case tag::short_reference:
      case tag::reference: add_reference(*value.as_reference()); return;
      case tag::big: add_big(detail::big_of(value)); return;
      case tag::bits: size_ += 6 + value.bytes().size(); return;
      case tag::tuple: add(value.elements().size() <= 255 ? 2 : 5, value.elements()); return;
      case tag::map: add(5, value.entries()); return;
      case tag::list: add_list(value); return;
      case tag::external_fun: add(1, {term_access::terms(value), detail::external_part::count}); return;
      case tag::fun: add_fun(value); return;
      case tag::record: add(6, {term_access::terms(value), term_access::node_of(value)->size}); return;
    }
  }

  void add(std::size_t header, std::span<const term> parts) {
    size_ += header;
    if (!parts.empty()) open_.push({parts.data(), parts.data() + parts.size()});
  }

  void add_reference(const reference& value) {
    size_ += 7 + value.size * std::size_t{4} + atom_size(value.node.name());
  }

  void add_big(const detail::big_view& value) {
    const auto bytes = detail::byte_count(value.limbs);
    size_ += bytes + (bytes <= 255 ? 3 : 6);
  }

  void add_list(const term& value) {
    const auto items = value.items();
    if (is_string(value, items)) {
      size_ += 3 + items.size();
    } else if ((term_access::node_of(value)->flags & detail::improper) != 0) {
      add(5, {items.data(), items.size() + 1});
    } else {
      add(6, items);
    }
  }

  void add_fun(const term& value) {
    namespace part = detail::fun_part;
    const auto* at = term_access::terms(value);
    const auto free = term_access::node_of(value)->size - part::environment;
    add(1 + 4 + 1 + 16 + 4 + 4, {at + part::environment, free});
    for (const auto position : {part::module, part::old_index, part::old_uniq, part::creator}) step(at[position]);
  }

  std::size_t size_ = 0;
  work_stack<row> open_;
};

/// Writes terms into a buffer.
template <atom_form Form>
class writer : flat_writer<Form> {
 public:
  writer(buffer& out, const encode_options& options) : flat{out}, gather_from_{options.gather_from} {}

  // Position and row are locals, so that they stay in registers: what is written may alias anything in memory.
  void run(const term& value) {
    auto* to = start();
    row open{&value, &value + 1};
    for (;;) {
      while (open.next == open.end) {
        if (parents_.empty()) return close(to);
        const auto with = parents_.top().with;
        open = {parents_.top().after.next, parents_.top().after.end};
        parents_.pop();
        if (with != ending::none) to = put_ending(need(to, largest_flat), with);
      }
      const auto& next = *open.next++;
      to = need(to, largest_flat);
      switch (term_access::tag_of(next)) {
        case tag::nil: to = u8(to, wire::nil); break;
        case tag::integer: to = put_integer(to, static_cast<std::int64_t>(term_access::value(next))); break;
        case tag::floating: to = u64(u8(to, wire::new_float), term_access::value(next)); break;
        case tag::atom: to = put_atom(to, atom::from_index(term_access::number(next))); break;
        case tag::pid: to = put_pid(to, *next.as_pid()); break;
        case tag::binary: to = put_binary(to, next); break;
        case tag::tuple:
          to = put_tuple_header(to, term_access::number(next));
          open = enter(open, next.elements());
          break;
        case tag::map:
          to = u32(u8(to, wire::map), term_access::number(next));
          open = enter(open, next.entries());
          break;
        default: {
          auto inner = open;  // a copy, because what is referred to does not stay in registers
          to = put_other(to, next, inner);
          open = inner;
        }
      }
    }
  }

 private:
  using flat = flat_writer<Form>;
  using flat::close;
  using flat::largest_flat;
  using flat::need;
  using flat::out_;
  using flat::put_atom;
  using flat::put_integer;
  using flat::put_pid;
  using flat::put_port;
  using flat::put_reference;
  using flat::put_tuple_header;
  using flat::raw;
  using flat::start;
  using flat::u16;
  using flat::u32;
  using flat::u64;
  using flat::u8;

  /// The row to go on with: `parts`, and behind them `open`.
  [[nodiscard]] row enter(const row& open, std::span<const term> parts, ending with = ending::none) {
    if (parts.empty() && with == ending::none) return open;
    if (open.next != open.end || with != ending::none) parents_.push({open, with});
    return {parts.data(), parts.data() + parts.size()};
  }

  [[nodiscard]] std::byte* put_ending(std::byte* to, ending with) {
    return with == ending::nil ? u8(to, wire::nil) : close_fun(to);
  }

  [[gnu::noinline]] std::byte* put_other(std::byte* to, const term& value, row& open) {
    switch (term_access::tag_of(value)) {
      case tag::port: return put_port(to, *value.as_port());
      case tag::short_reference:
      case tag::reference: return put_reference(to, *value.as_reference());
      case tag::big: return put_big(to, detail::big_of(value));
      case tag::bits: return put_bytes(u8(bytes_header(to, wire::bit_binary, value), term_access::spare(value)), value);
      case tag::list: return put_list(to, value, open);
      case tag::external_fun: return put_external_fun(to, value);
      case tag::fun: return put_fun(to, value, open);
      case tag::record: return put_record(to, value, open);
      default: return to;
    }
  }

  [[nodiscard]] std::byte* put_big(std::byte* to, const detail::big_view& value) {
    const auto bytes = detail::byte_count(value.limbs);
    to = need(to, bytes + largest_flat);
    to = bytes <= 255 ? u8(u8(to, wire::small_big), bytes) : u32(u8(to, wire::large_big), bytes);
    to = u8(to, value.negative ? 1 : 0);
    if constexpr (std::endian::native == std::endian::little) return raw(to, value.limbs.data(), bytes);
    for (std::size_t byte = 0; byte < bytes; ++byte) to = u8(to, (value.limbs[byte / 8] >> (byte % 8 * 8)) & 0xFF);
    return to;
  }

  [[nodiscard]] std::byte* put_binary(std::byte* to, const term& value) {
    constexpr std::size_t header = 5;
    const auto bytes = value.bytes();
    if (bytes.size() <= largest_flat - header && bytes.size() < gather_from_)
      return wire::copy_short(u32(u8(to, wire::binary), bytes.size()), bytes);
    return put_bytes(bytes_header(to, wire::binary, value), value);
  }

  [[nodiscard]] std::byte* bytes_header(std::byte* to, wire::tag tag, const term& value) {
    if (value.bytes().size() > UINT32_MAX) throw std::length_error{"encode: a binary of 4 GiB or more has no encoding"};
    return u32(u8(to, tag), value.bytes().size());
  }

  [[gnu::noinline]] std::byte* put_bytes(std::byte* to, const term& value) {
    const auto bytes = value.bytes();
    if (bytes.size() < gather_from_) return raw(need(to, bytes.size()), bytes.data(), bytes.size());
    close(to);
    out_.gather(value);
    return to;
  }

  [[nodiscard]] std::byte* put_list(std::byte* to, const term& value, row& open) {
    const auto items = value.items();
    if (is_string(value, items)) {
      to = u16(u8(need(to, 3 + items.size()), wire::string), items.size());
      for (const auto& item : items) to = u8(to, term_access::value(item));
      return to;
    }
    const auto improper = (term_access::node_of(value)->flags & detail::improper) != 0;
    open = improper ? enter(open, {items.data(), items.size() + 1}) : enter(open, items, ending::nil);
    return u32(u8(to, wire::list), items.size());
  }

  [[nodiscard]] std::byte* put_external_fun(std::byte* to, const term& value) {
    const auto fun = *value.as_fun();
    if (fun.arity > 255) throw std::length_error{"encode: the arity of an external fun is above 255"};
    to = put_atom(u8(to, wire::export_fun), fun.module);
    return put_integer(put_atom(need(to, largest_flat), fun.function), fun.arity);
  }

  [[nodiscard]] std::byte* put_fun(std::byte* to, const term& value, row& open) {
    const auto fun = *value.as_fun();
    to = u8(to, wire::new_fun);
    close(to);
    const auto size_at = out_.bytes().size();
    funs_.push_back({size_at, out_.size() - size_at});
    to = raw(u8(u32(to, 0), fun.arity), fun.uniq.data(), fun.uniq.size());
    to = put_atom(need(u32(u32(to, fun.index), fun.environment.size()), largest_flat), fun.module);
    to = put_integer(put_integer(need(to, largest_flat), fun.old_index), fun.old_uniq);
    open = enter(open, fun.environment, ending::fun);
    return put_pid(need(to, largest_flat), fun.creator);
  }

  [[nodiscard]] std::byte* put_record(std::byte* to, const term& value, row& open) {
    namespace part = detail::record_part;
    const auto count = term_access::node_of(value)->size;
    open = enter(open, {term_access::terms(value), count});
    return u8(u32(u8(to, wire::record), (count - part::names) / 2), term_access::spare(value));
  }

  /// Ends a fun: its size, which counts itself and what was gathered, is known only now.
  [[gnu::noinline]] std::byte* close_fun(std::byte* to) {
    close(to);
    const auto fun = funs_.back();
    funs_.pop_back();
    const auto gathered = out_.size() - out_.bytes().size() - fun.gathered;
    out_.patch_u32(fun.at, static_cast<std::uint32_t>(out_.bytes().size() - fun.at + gathered));
    return to;
  }

  /// A fun that is being written: where its size stands, and what had been gathered before it.
  struct open_fun {
    std::size_t at;
    std::size_t gathered;
  };

  std::size_t gather_from_;
  work_stack<rest> parents_;
  std::vector<open_fun> funs_;
};

void write(buffer& out, const term& value, const encode_options& options) {
  if (out.atoms() != nullptr) return writer<atom_form::placed>{out, options}.run(value);
  writer<atom_form::in_full>{out, options}.run(value);
}

/// Writes one term without parts: `put(writer, position)` returns the position behind it.
template <typename Put>
void write_flat(buffer& out, const Put& put) {
  const auto by = [&put](auto&& to) { to.close(put(to, to.start())); };
  if (out.atoms() != nullptr) return by(flat_writer<atom_form::placed>{out});
  by(flat_writer<atom_form::in_full>{out});
}

}  // namespace

std::size_t encoded_size(const term& value) noexcept {
  const auto flat = flat_size(value);
  return flat != 0 ? flat : measure{}.run(value);
}

void encode(buffer& out, const term& value, const encode_options& options) {
  const auto before = out.here();
  try {
    out.append_u8(wire::version);
    write(out, value, options);
  } catch (...) {
    out.rewind(before);  // half a term would spoil what others wrote
    throw;
  }
}

void encode_bare(buffer& out, const term& value, const encode_options& options) {
  if (term_access::tag_of(value) == tag::integer)  // needs no walk
    return encode_integer(out, static_cast<std::int64_t>(term_access::value(value)));
  const auto before = out.here();
  try {
    write(out, value, options);
  } catch (...) {
    out.rewind(before);
    throw;
  }
}

std::string encode_to_string(const term& value) {
  buffer out;
  encode(out, value);
  return out.to_string();
}

void encode_atom(buffer& out, atom value) {
  write_flat(out, [&value](auto& to, std::byte* at) { return to.put_atom(at, value); });
}

void encode_integer(buffer& out, std::int64_t value) {
  flat_writer<atom_form::in_full> to{out};
  to.close(to.put_integer(to.start(), value));
}

void encode_pid(buffer& out, const pid& value) {
  write_flat(out, [&value](auto& to, std::byte* at) { return to.put_pid(at, value); });
}

void encode_reference(buffer& out, const reference& value) {
  if (value.empty() || value.size > value.words.size())
    throw std::invalid_argument{"encode: a reference has 1 to 5 words"};
  write_flat(out, [&value](auto& to, std::byte* at) { return to.put_reference(at, value); });
}

void encode_tuple_header(buffer& out, std::size_t arity) {
  flat_writer<atom_form::in_full> to{out};
  to.close(to.put_tuple_header(to.start(), arity));
}

}  // namespace ergo::inline v0::etf
