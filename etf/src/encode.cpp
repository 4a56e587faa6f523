// Terms to bytes. One walk with an explicit stack; sizes are exact, and the writer checks for room once per flat term.
#include <ergo/assert.hpp>
#include <ergo/etf/codec.hpp>

#include "flat_writer.hpp"
#include "parts.hpp"
#include "wire.hpp"
#include "work_stack.hpp"

#include <algorithm>
#include <stdexcept>

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
  const auto magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  return 3 + (static_cast<std::size_t>(std::bit_width(magnitude)) + 7) / 8;
}

/// Where the walk goes on when a part is done. `patch` is not 0 where the size of a fun ends.
struct rest {
  const term* next = nullptr;
  std::size_t count = 0;
  std::size_t patch = 0;
};

/// Adds up sizes.
class measure {
 public:
  std::size_t run(const term& value) {
    step(value);
    while (!open_.empty()) {
      const auto* next = open_.top().next++;
      if (--open_.top().count == 0) open_.pop();
      step(*next);
    }
    return size_;
  }

 private:
  void step(const term& value) {
    switch (term_access::tag_of(value)) {
      case tag::nil: size_ += 1; return;
      case tag::integer: size_ += integer_size(*value.as_integer()); return;
      case tag::floating: size_ += 9; return;
      case tag::atom: size_ += atom_size(*value.as_atom()); return;
      case tag::pid: size_ += 13 + atom_size(value.as_pid()->node.name()); return;
      case tag::port: size_ += (is_small_port(value.as_port()->id) ? 9 : 13) + atom_size(value.as_port()->node.name()); return;
      case tag::short_reference:
      case tag::reference: add_reference(*value.as_reference()); return;
      case tag::big: add_big(detail::big_of(value)); return;
      case tag::binary: size_ += 5 + value.bytes().size(); return;
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
    if (!parts.empty()) open_.push({parts.data(), parts.size()});
  }

  void add_reference(const reference& value) { size_ += 7 + value.size * std::size_t{4} + atom_size(value.node.name()); }

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
  work_stack<rest> open_;
};

/// Writes terms into a buffer.
class writer : flat_writer {
 public:
  writer(buffer& out, const encode_options& options) : flat_writer{out}, gather_from_{options.gather_from} {}

  void run(const term& value) {
    step(value);
    while (!stack_.empty()) {
      auto& top = stack_.top();
      if (top.count == 0) {
        close_fun(top.patch);
        continue;
      }
      const auto* next = top.next++;
      if (--top.count == 0 && top.patch == 0) stack_.pop();
      step(*next);
    }
    close();
  }

 private:
  void step(const term& value) {
    need(largest_flat);
    switch (term_access::tag_of(value)) {
      case tag::nil: u8(wire::nil); return;
      case tag::integer: put_integer(static_cast<std::int64_t>(term_access::value(value))); return;
      case tag::floating: u8(wire::new_float); u64(term_access::value(value)); return;
      case tag::atom: put_atom(atom::from_index(term_access::number(value))); return;
      case tag::pid: put_pid(*value.as_pid()); return;
      case tag::port: put_port(*value.as_port()); return;
      case tag::short_reference:
      case tag::reference: put_reference(*value.as_reference()); return;
      case tag::big: put_big(detail::big_of(value)); return;
      case tag::binary:
      case tag::bits: put_bytes(value); return;
      case tag::tuple: put_tuple(value.elements()); return;
      case tag::map: u8(wire::map); u32(value.entries().size() / 2); note(value.entries()); return;
      case tag::list: put_list(value); return;
      case tag::external_fun: put_external_fun(value); return;
      case tag::fun: put_fun(value); return;
      case tag::record: put_record(value); return;
    }
  }

  void note(std::span<const term> parts) {
    if (!parts.empty()) stack_.push({parts.data(), parts.size()});
  }

  void put_big(const detail::big_view& value) {
    const auto bytes = detail::byte_count(value.limbs);
    need(bytes + largest_flat);
    if (bytes <= 255) {
      u8(wire::small_big);
      u8(bytes);
    } else {
      u8(wire::large_big);
      u32(bytes);
    }
    u8(value.negative ? 1 : 0);
    if constexpr (std::endian::native == std::endian::little) {
      raw({reinterpret_cast<const char*>(value.limbs.data()), bytes});
    } else {
      for (std::size_t byte = 0; byte < bytes; ++byte) u8((value.limbs[byte / 8] >> (byte % 8 * 8)) & 0xFF);
    }
  }

  void put_bytes(const term& value) {
    const auto bytes = value.bytes();
    if (bytes.size() > UINT32_MAX) throw std::length_error{"encode: a binary of 4 GiB or more has no encoding"};
    const auto bits = term_access::tag_of(value) == tag::bits;
    u8(bits ? wire::bit_binary : wire::binary);
    u32(bytes.size());
    if (bits) u8(term_access::spare(value));
    if (bytes.size() >= gather_from_) {
      close();
      out_.gather(value);
      open();
    } else if (!bytes.empty()) {
      need(bytes.size());
      raw(bytes);
    }
  }

  void put_tuple(std::span<const term> elements) {
    put_tuple_header(elements.size());
    note(elements);
  }

  void put_list(const term& value) {
    const auto items = value.items();
    if (is_string(value, items)) {
      need(3 + items.size());
      u8(wire::string);
      u16(items.size());
      for (const auto& item : items) u8(term_access::value(item));
      return;
    }
    static const term end_of_list;
    u8(wire::list);
    u32(items.size());
    const auto improper = (term_access::node_of(value)->flags & detail::improper) != 0;
    if (!improper) stack_.push({&end_of_list, 1});
    stack_.push({items.data(), items.size() + (improper ? 1 : 0)});
  }

  void put_external_fun(const term& value) {
    const auto fun = *value.as_fun();
    if (fun.arity > 255) throw std::length_error{"encode: the arity of an external fun is above 255"};
    u8(wire::export_fun);
    put_atom(fun.module);
    put_atom(fun.function);
    put_integer(fun.arity);
  }

  void put_fun(const term& value) {
    namespace part = detail::fun_part;
    const auto fun = *value.as_fun();
    u8(wire::new_fun);
    close();
    const auto size_at = out_.bytes().size();
    open();
    u32(0);
    u8(fun.arity);
    for (const auto byte : fun.uniq) u8(byte);
    u32(fun.index);
    u32(fun.environment.size());
    gathered_before_.push(out_.size() - out_.bytes().size());
    stack_.push({fun.environment.data(), fun.environment.size(), size_at});
    put_atom(fun.module);
    put_integer(fun.old_index);
    put_integer(fun.old_uniq);
    put_pid(fun.creator);
  }

  void put_record(const term& value) {
    namespace part = detail::record_part;
    const auto count = term_access::node_of(value)->size;
    u8(wire::record);
    u32((count - part::names) / 2);
    u8(term_access::spare(value));
    note({term_access::terms(value), count});
  }

  /// Ends a fun: its size, which counts itself and what was gathered, is known only now.
  void close_fun(std::size_t size_at) {
    stack_.pop();
    close();
    const auto gathered = out_.size() - out_.bytes().size() - gathered_before_.top();
    gathered_before_.pop();
    out_.patch_u32(size_at, static_cast<std::uint32_t>(out_.bytes().size() - size_at + gathered));
    open();
  }

  std::size_t gather_from_;
  work_stack<rest> stack_;
  work_stack<std::size_t> gathered_before_;
};

}  // namespace

std::size_t encoded_size(const term& value) noexcept { return measure{}.run(value); }

void encode(buffer& out, const term& value, const encode_options& options) {
  out.append_u8(wire::version);
  encode_bare(out, value, options);
}

void encode_bare(buffer& out, const term& value, const encode_options& options) { writer{out, options}.run(value); }

std::string encode_to_string(const term& value) {
  buffer out;
  encode(out, value);
  return out.to_string();
}

void encode_atom(buffer& out, atom value) {
  flat_writer to{out};
  to.put_atom(value);
  to.close();
}

void encode_integer(buffer& out, std::int64_t value) {
  flat_writer to{out};
  to.put_integer(value);
  to.close();
}

void encode_pid(buffer& out, const pid& value) {
  flat_writer to{out};
  to.put_pid(value);
  to.close();
}

void encode_reference(buffer& out, const reference& value) {
  if (value.empty() || value.size > value.words.size()) throw std::invalid_argument{"encode: a reference has 1 to 5 words"};
  flat_writer to{out};
  to.put_reference(value);
  to.close();
}

void encode_tuple_header(buffer& out, std::size_t arity) {
  flat_writer to{out};
  to.put_tuple_header(arity);
  to.close();
}

}  // namespace ergo::inline v0::etf
