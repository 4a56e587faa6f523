// Bytes to terms. One loop with an explicit stack; the nodes of a message lie in one slab; every count is checked against the
// bytes that are left before memory is taken for it. Source: OTP `erl_ext_dist`; verdicts as OTP 25 to 29 give them.
#include <ergo/etf/codec.hpp>

#include "inflate.hpp"
#include "memory.hpp"
#include "parts.hpp"
#include "reader.hpp"
#include "work_stack.hpp"

#include <charconv>
#include <cmath>

namespace ergo::inline v0::etf {

namespace {

using detail::node;
using detail::tag;
using detail::term_access;

constexpr std::size_t most_elements = 16'777'215;
constexpr std::size_t old_float_size = 31;
constexpr std::size_t fun_head = 4 + 1 + 16 + 4 + 4;
constexpr std::int64_t largest_small = (std::int64_t{1} << 59) - 1;  ///< OTP's small integers, which the old fields of a fun are
constexpr std::size_t alias_from = 4U << 10;
constexpr std::size_t alias_share = 8;

/// What happens when the slots of a part are filled.
enum class part : std::uint32_t { elements, map, items, tail };

/// A part that is being filled: the slot to fill next, and how many there are.
struct open_part {
  term* to = nullptr;
  std::uint32_t left = 0;
  part what = part::elements;
};

/// How reading one term went.
enum class step : std::uint8_t {
  done,    ///< the slot is filled
  opened,  ///< the slot holds a node whose slots come next
  again,   ///< the slot is still to be filled by what follows
  failed,
};

class decoder : reader {
 public:
  decoder(std::span<const std::byte> input, const decode_limits& limits) noexcept
      : reader{input, limits}, slab_{expected_memory(input.size()), limits.memory} {}

  /// Decodes one term without a leading 131.
  [[nodiscard]] std::expected<decoded, error> run() {
    decoded result;
    open_ = {&result.value, 1, part::elements};
    const auto code = fill();
    if (code != errc::ok) {
      term_access::set(result.value, {}, std::uint64_t{0});
      return std::unexpected{error{code, offset()}};
    }
    if (term_access::counted(result.value) != detail::uncounted) {
      const auto& root = result.value;
      term_access::set(result.value, {term_access::tag_of(root), detail::owning, term_access::spare(root), term_access::number(root)},
                       term_access::value(root));
      slab_.keep();
    }
    result.consumed = offset();
    return result;
  }

 private:
  /// Room for what a message of `bytes` usually turns into.
  [[nodiscard]] static std::size_t expected_memory(std::size_t bytes) noexcept {
    constexpr std::size_t largest_guess = 64U << 10;
    return (std::min(bytes * 4, largest_guess) + 64 + 15) & ~std::size_t{15};
  }

  errc fill() {
    for (;;) {
      switch (read(*open_.to)) {
        case step::done: break;
        case step::opened:
        case step::again: continue;
        case step::failed: return code_;
      }
      while (--open_.left == 0) {
        const auto closed = close();
        if (closed == step::opened) goto next;  // more slots of the same list
        if (closed == step::failed) return code_;
        if (parents_.empty()) return errc::ok;
        open_ = parents_.top();
        parents_.pop();
      }
      ++open_.to;
    next:;
    }
  }

  step fail(errc code) noexcept {
    code_ = code;
    return step::failed;
  }
  step done_or(errc code) noexcept { return code == errc::ok ? step::done : fail(code); }

  [[nodiscard]] bool has(std::size_t bytes) const noexcept { return left() >= bytes; }

  step read(term& to) {
    if (!has(1)) return fail(errc::truncated);
    const auto next = take<std::uint8_t>();
    switch (next) {
      case wire::small_integer: return has(1) ? integer(to, take<std::uint8_t>()) : fail(errc::truncated);
      case wire::integer: return has(4) ? integer(to, static_cast<std::int32_t>(take<std::uint32_t>())) : fail(errc::truncated);
      case wire::small_big:
      case wire::large_big: return big(to, next == wire::small_big);
      case wire::new_float: return new_float(to);
      case wire::old_float: return old_float(to);
      case wire::small_utf8_atom:
      case wire::utf8_atom:
      case wire::latin1_atom:
      case wire::small_latin1_atom:
      case wire::atom_cache_ref: return any_atom(to, next);
      case wire::new_pid:
      case wire::old_pid: return any_pid(to, next);
      case wire::new_port:
      case wire::v4_port:
      case wire::old_port: return any_port(to, next);
      case wire::newer_reference:
      case wire::new_reference:
      case wire::old_reference: return any_reference(to, next);
      case wire::small_tuple: return has(1) ? tuple(to, take<std::uint8_t>()) : fail(errc::truncated);
      case wire::large_tuple: return has(4) ? tuple(to, take<std::uint32_t>()) : fail(errc::truncated);
      case wire::nil: return put(to, {});
      case wire::string: return string(to);
      case wire::list: return list(to);
      case wire::binary: return binary(to);
      case wire::bit_binary: return bit_binary(to);
      case wire::map: return map(to);
      case wire::new_fun: return fun(to);
      case wire::export_fun: return export_fun(to);
      case wire::record: return record(to);
      case wire::compressed: return fail(errc::compressed_refused);
      default: --at_; return fail(errc::unknown_tag);
    }
  }

  // ----- terms without parts ---------------------------------------------------------------------------------------

  static step put(term& to, term_access::head head, std::uint64_t value = 0) noexcept {
    term_access::set(to, head, value);
    return step::done;
  }

  static step put_node(term& to, term_access::head head, const node* value) noexcept {
    term_access::set(to, head, value);
    return step::done;
  }

  static void put_atom(term& to, atom value) noexcept { put(to, {tag::atom, detail::uncounted, 0, value.index()}); }

  static step integer(term& to, std::int64_t value) noexcept { return put(to, {tag::integer}, static_cast<std::uint64_t>(value)); }

  step any_atom(term& to, std::uint8_t next) {
    atom value;
    const auto code = read_atom_of(next, value);
    put_atom(to, value);
    return done_or(code);
  }

  step any_pid(term& to, std::uint8_t next) {
    pid value;
    const auto code = read_pid(next, value);
    put(to, {tag::pid, detail::uncounted, 0, value.node.index()}, (std::uint64_t{value.serial} << 32) | value.id);
    return done_or(code);
  }

  step any_port(term& to, std::uint8_t next) {
    port value;
    const auto code = read_port(next, value);
    put(to, {tag::port, detail::uncounted, 0, value.node.index()}, value.id);
    return done_or(code);
  }

  step any_reference(term& to, std::uint8_t next) {
    reference value;
    if (const auto code = read_reference(next, value); code != errc::ok) return fail(code);
    if (detail::is_short(value.size, value.words[0])) {
      detail::set_short_reference(to, value.node, value.words.data());
      return step::done;
    }
    auto* made = slab_.make(sizeof(reference));
    if (made == nullptr) return fail(errc::too_big);
    made->flags = detail::leaf;
    ::new (made + 1) reference{value};
    return put_node(to, {tag::reference, detail::interior}, made);
  }

  step new_float(term& to) {
    if (!has(8)) return fail(errc::truncated);
    const auto bits = take<std::uint64_t>();
    if (!std::isfinite(std::bit_cast<double>(bits))) return fail(errc::bad_float);
    return put(to, {tag::floating}, bits);
  }

  /// The text form of OTP before R15: `[+-]digits.digits[e[+-]digits]` and zero bytes.
  step old_float(term& to) {
    if (!has(old_float_size)) return fail(errc::truncated);
    auto text = take_bytes(old_float_size);
    text = text.substr(0, text.find('\0'));
    if (text.starts_with('+')) text.remove_prefix(1);
    const auto whole = text.starts_with('-') ? text.substr(1) : text;
    const auto digits = whole.find_first_not_of("0123456789");
    const auto is_digit = [whole](std::size_t at) { return at < whole.size() && whole[at] >= '0' && whole[at] <= '9'; };
    if (!is_digit(0) || digits == std::string_view::npos || whole[digits] != '.' || !is_digit(digits + 1)) return fail(errc::bad_float);
    double value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    const auto tiny = parsed.ec == std::errc::result_out_of_range && text.find("e-") != std::string_view::npos;
    if (parsed.ptr != text.data() + text.size() || (parsed.ec != std::errc{} && !tiny)) return fail(errc::bad_float);
    if (tiny) value = 0;
    if (!std::isfinite(value)) return fail(errc::bad_float);
    return put(to, {tag::floating}, std::bit_cast<std::uint64_t>(value));
  }

  step big(term& to, bool small) {
    if (!has(small ? 2 : 5)) return fail(errc::truncated);
    std::size_t size = small ? take<std::uint8_t>() : take<std::uint32_t>();
    const auto negative = take<std::uint8_t>() != 0;
    if (!has(size)) return fail(errc::truncated);
    if (size > limits_.big_integer_bytes) return fail(errc::too_big);
    const auto bytes = take_bytes(size);
    while (size != 0 && bytes[size - 1] == 0) --size;  // other encoders pad
    const auto limb = [bytes, size](std::size_t at) {
      std::uint64_t value = 0;
      for (auto byte = std::min(size, at * 8 + 8); byte-- > at * 8;) value = (value << 8) | static_cast<unsigned char>(bytes[byte]);
      return value;
    };
    if (size <= 8 && detail::fits_64_bits(negative, limb(0))) return integer(to, detail::to_signed(negative, limb(0)));
    const auto limbs = (size + 7) / 8;
    auto* made = slab_.make(limbs * 8);
    if (made == nullptr) return fail(errc::too_big);
    made->flags = detail::leaf;
    made->size = static_cast<std::uint32_t>(limbs);
    for (std::size_t at = 0; at < limbs; ++at) reinterpret_cast<std::uint64_t*>(made + 1)[at] = limb(at);
    return put_node(to, {tag::big, detail::interior, static_cast<std::uint16_t>(negative)}, made);
  }

  // ----- bytes -----------------------------------------------------------------------------------------------------

  step binary(term& to) {
    if (!has(4)) return fail(errc::truncated);
    const std::size_t size = take<std::uint32_t>();
    if (!has(size)) return fail(errc::truncated);
    return bytes(to, {tag::binary, detail::interior}, size);
  }

  step bit_binary(term& to) {
    if (!has(5)) return fail(errc::truncated);
    const std::size_t size = take<std::uint32_t>();
    const auto bits = take<std::uint8_t>();
    if (bits > 8 || (bits == 0) != (size == 0)) return fail(errc::bad_bit_count);
    if (!has(size)) return fail(errc::truncated);
    if (bits % 8 == 0) return bytes(to, {tag::binary, detail::interior}, size);
    const auto outcome = bytes(to, {tag::bits, detail::interior, bits}, size);
    if (outcome == step::done) {
      auto& last = const_cast<char*>(term_access::bytes_of(to)->data)[size - 1];  // our own copy: bit strings are never aliased
      last = static_cast<char>(last & (0xFF << (8 - bits)));
    }
    return outcome;
  }

  step bytes(term& to, term_access::head head, std::size_t size) {
    if (size == 0) return put(to, {tag::binary});
    if (head.tag == tag::binary && limits_.aliased != nullptr && size >= alias_from &&
        size >= static_cast<std::size_t>(end_ - begin_) / alias_share) {
      return alias(to, size);
    }
    auto* made = slab_.make<detail::bytes_node>(size);
    if (made == nullptr) return fail(errc::too_big);
    auto* copy = reinterpret_cast<char*>(made + 1);
    std::memcpy(copy, at_, size);
    at_ += size;
    made->flags = detail::leaf;
    made->data = copy;
    made->length = size;
    return put_node(to, head, made);
  }

  /// Refers to the receive buffer instead of copying.
  step alias(term& to, std::size_t size) {
    auto* made = slab_.make<detail::bytes_node>(sizeof(detail::alias));
    if (made == nullptr) return fail(errc::too_big);
    ::new (detail::alias_of(made)) detail::alias{*limits_.aliased};
    made->flags = detail::leaf | detail::aliased;
    made->data = reinterpret_cast<const char*>(at_);
    made->length = size;
    slab_.owns(made);
    at_ += size;
    return put_node(to, {tag::binary, detail::interior}, made);
  }

  // ----- terms with parts ------------------------------------------------------------------------------------------

  /// A node for `count` terms in the slot `to`; its slots `from` to the end are read next.
  step open(term& to, term_access::head head, std::size_t count, part what, std::size_t from = 0) {
    if (parents_.size() >= limits_.depth) return fail(errc::too_deep);
    auto* made = slab_.make(count * sizeof(term));
    if (made == nullptr) return fail(errc::too_big);
    made->size = static_cast<std::uint32_t>(count);
    term_access::set(to, head, made);
    parents_.push(open_);
    open_ = {term_access::terms(made) + from, static_cast<std::uint32_t>(count - from), what};
    return step::opened;
  }

  step tuple(term& to, std::size_t arity) {
    if (arity == 0) return put(to, {tag::tuple});
    if (!has(arity)) return fail(errc::truncated);
    if (arity > most_elements) return fail(errc::too_big);
    return open(to, {tag::tuple, detail::interior, 0, static_cast<std::uint32_t>(arity)}, arity, part::elements);
  }

  step map(term& to) {
    if (!has(4)) return fail(errc::truncated);
    const std::size_t pairs = take<std::uint32_t>();
    if (pairs == 0) return put(to, {tag::map});
    if (left() / 2 < pairs) return fail(errc::truncated);
    if (pairs > UINT32_MAX / 2) return fail(errc::too_big);
    return open(to, {tag::map, detail::interior, 0, static_cast<std::uint32_t>(pairs)}, pairs * 2, part::map);
  }

  step list(term& to) {
    if (!has(4)) return fail(errc::truncated);
    const std::size_t count = take<std::uint32_t>();
    if (count == 0) return step::again;  // the tail is the value
    if (left() <= count) return fail(errc::truncated);
    const auto outcome = open(to, {tag::list, detail::interior}, count, part::items);
    if (outcome == step::opened) set_capacity(term_access::node_of(to), count);
    return outcome;
  }

  step string(term& to) {
    if (!has(2)) return fail(errc::truncated);
    const std::size_t count = take<std::uint16_t>();
    if (!has(count)) return fail(errc::truncated);
    if (count == 0) return put(to, {});
    auto* made = slab_.make(count * sizeof(term));
    if (made == nullptr) return fail(errc::too_big);
    made->size = static_cast<std::uint32_t>(count);
    put_characters(term_access::terms(made), count);
    return put_node(to, {tag::list, detail::interior}, made);
  }

  void put_characters(term* to, std::size_t count) noexcept {
    for (const auto* end = to + count; to != end; ++to) integer(*to, take<std::uint8_t>());
  }

  step fun(term& to) {
    namespace at = detail::fun_part;
    if (!has(fun_head)) return fail(errc::truncated);
    skip(4);  // the size, which old senders get wrong
    const auto arity = take<std::uint8_t>();
    const auto high = take<std::uint64_t>();
    const auto low = take<std::uint64_t>();
    const auto index = take<std::uint32_t>();
    const std::size_t free = take<std::uint32_t>();
    if (free > 255) return fail(errc::bad_fun);
    atom module;
    std::int64_t old_index = 0;
    std::int64_t old_uniq = 0;
    pid creator;
    auto code = read_atom(module, errc::bad_fun);
    if (code == errc::ok) code = read_small(old_index);
    if (code == errc::ok) code = read_small(old_uniq);
    if (code == errc::ok) code = read_creator(creator);
    if (code != errc::ok) return fail(code);
    if (!has(free)) return fail(errc::truncated);
    const auto outcome = open(to, {tag::fun, detail::interior}, at::environment + free, part::elements, at::environment);
    if (outcome == step::failed) return outcome;
    auto* parts = term_access::terms(term_access::node_of(to));
    put_atom(parts[at::module], module);
    integer(parts[at::old_index], old_index);
    integer(parts[at::old_uniq], old_uniq);
    integer(parts[at::index], index);
    integer(parts[at::uniq_high], static_cast<std::int64_t>(high));
    integer(parts[at::uniq_low], static_cast<std::int64_t>(low));
    integer(parts[at::arity], arity);
    put(parts[at::creator], {tag::pid, detail::uncounted, 0, creator.node.index()}, (std::uint64_t{creator.serial} << 32) | creator.id);
    return free == 0 ? close_empty() : step::opened;
  }

  /// Goes back to the slot of a part that has nothing to read.
  step close_empty() noexcept {
    open_ = parents_.top();
    parents_.pop();
    return step::done;
  }

  errc read_small(std::int64_t& value) {
    const auto code = read_integer(value, errc::bad_fun);
    return code == errc::ok && (value > largest_small || value < -largest_small - 1) ? errc::bad_fun : code;
  }

  errc read_creator(pid& value) {
    if (!has(1)) return errc::truncated;
    const auto next = take<std::uint8_t>();
    return next == wire::new_pid || next == wire::old_pid ? read_pid(next, value) : errc::bad_fun;
  }

  step export_fun(term& to) {
    namespace at = detail::external_part;
    atom module;
    atom function;
    std::int64_t arity = 0;
    auto code = read_atom(module, errc::bad_fun);
    if (code == errc::ok) code = read_atom(function, errc::bad_fun);
    if (code == errc::ok) code = read_integer(arity, errc::bad_fun);
    if (code == errc::ok && (arity < 0 || arity > 255)) code = errc::bad_fun;
    if (code != errc::ok) return fail(code);
    auto* made = slab_.make(at::count * sizeof(term));
    if (made == nullptr) return fail(errc::too_big);
    made->size = at::count;
    auto* parts = term_access::terms(made);
    put_atom(parts[at::module], module);
    put_atom(parts[at::function], function);
    integer(parts[at::arity], arity);
    return put_node(to, {tag::external_fun, detail::interior}, made);
  }

  step record(term& to) {
    namespace at = detail::record_part;
    if (!has(5)) return fail(errc::truncated);
    const std::size_t fields = take<std::uint32_t>();
    const auto flags = take<std::uint8_t>();
    if (flags > 1) return fail(errc::bad_record);
    if (left() / 3 < fields) return fail(errc::truncated);  // a name takes two bytes at least, a value one
    if (fields > most_elements) return fail(errc::too_big);
    const auto outcome = open(to, {tag::record, detail::interior, flags}, at::names + 2 * fields, part::elements, at::names + fields);
    if (outcome == step::failed) return outcome;
    auto* parts = term_access::terms(term_access::node_of(to));
    for (std::size_t place = 0; place < at::names + fields; ++place) {
      atom name;
      if (const auto code = read_atom(name, errc::bad_record); code != errc::ok) return fail(code);
      put_atom(parts[place], name);
    }
    if (detail::repeats_or_is_no_atom({parts + at::names, fields})) return fail(errc::bad_record);
    return fields == 0 ? close_empty() : step::opened;
  }

  // ----- ends of parts ---------------------------------------------------------------------------------------------

  /// Ends the open part; `opened` when it goes on.
  step close() {
    switch (open_.what) {
      case part::elements:
      case part::tail: return step::done;
      case part::map: return close_map();
      case part::items: return close_list(*parents_.top().to);
    }
    return step::done;
  }

  step close_map() {
    const auto& map = *parents_.top().to;
    const std::span<term> entries{term_access::terms(term_access::node_of(map)), std::size_t{term_access::number(map)} * 2};
    return detail::sort_unique_entries(entries) ? step::done : fail(errc::duplicate_key);
  }

  /// Reads the tail of `self`. A tail that is a list continues it: all items of a chain end in one array.
  step close_list(term& self) {
    for (;;) {
      if (!has(1)) return fail(errc::truncated);
      switch (peek()) {
        case wire::nil: skip(1); return step::done;
        case wire::list: {
          skip(1);
          if (!has(4)) return fail(errc::truncated);
          const std::size_t count = take<std::uint32_t>();
          if (count == 0) continue;
          if (left() <= count) return fail(errc::truncated);
          return more_items(self, count, part::items);
        }
        case wire::string: {
          skip(1);
          if (!has(2)) return fail(errc::truncated);
          const std::size_t count = take<std::uint16_t>();
          if (!has(count)) return fail(errc::truncated);
          if (count == 0) return step::done;
          if (more_items(self, count, part::items) == step::failed) return step::failed;
          put_characters(open_.to, count);
          return step::done;
        }
        default: return more_items(self, 1, part::tail);
      }
    }
  }

  /// Makes `count` more slots at the end of a list, for items or for its improper tail.
  step more_items(term& self, std::size_t count, part what) {
    const auto* of = term_access::node_of(self);
    const std::size_t size = of->size;
    if (size + count >= UINT32_MAX) return fail(errc::too_big);
    if (!grow(self, size + count)) return fail(errc::too_big);
    auto* grown = term_access::node_of(self);
    if (what == part::tail) {
      grown->flags = detail::improper;
    } else {
      grown->size = static_cast<std::uint32_t>(size + count);
    }
    open_ = {term_access::terms(grown) + size, static_cast<std::uint32_t>(count), what};
    return step::opened;
  }

  // Nodes in a slab count on the slab; while a list is read, its own counter holds its capacity.
  static void set_capacity(node* of, std::size_t items) noexcept { of->references.store(static_cast<std::uint32_t>(items), std::memory_order_relaxed); }
  [[nodiscard]] static std::size_t capacity(const node* of) noexcept { return of->references.load(std::memory_order_relaxed); }

  [[nodiscard]] bool grow(term& self, std::size_t items) {
    auto* old = term_access::node_of(self);
    if (items <= capacity(old)) return true;
    const auto larger = std::min<std::size_t>(std::max<std::size_t>(items, old->size + old->size / 2), UINT32_MAX);
    if (slab_.extend(old, capacity(old) * sizeof(term), larger * sizeof(term))) {
      set_capacity(old, larger);
      return true;
    }
    auto* made = slab_.make(larger * sizeof(term));
    if (made == nullptr) return false;
    made->size = old->size;
    set_capacity(made, larger);
    std::memcpy(static_cast<void*>(made + 1), static_cast<const void*>(old + 1), old->size * sizeof(term));
    term_access::set(self, {tag::list, detail::interior}, made);
    return true;
  }

  detail::slab slab_;
  open_part open_;
  work_stack<open_part> parents_;
  errc code_ = errc::ok;
};

std::expected<decoded, error> shift(std::expected<decoded, error> result, std::size_t by) {
  if (result) {
    result->consumed += by;
  } else {
    result.error().offset += by;
  }
  return result;
}

std::expected<decoded, error> decode_compressed(std::span<const std::byte> input, const decode_limits& limits) {
  constexpr std::size_t head = 2 + 4;
  if (!limits.compressed) return std::unexpected{error{errc::compressed_refused, 1}};
  if (input.size() < head) return std::unexpected{error{errc::truncated, input.size()}};
  const auto inside = inflate(input.subspan(head), wire::load<std::uint32_t>(input.data() + 2), limits);
  if (!inside) return std::unexpected{error{inside.error(), head}};
  auto copying = limits;
  copying.aliased = nullptr;  // it owns the input, not what was inflated
  auto result = decoder{{inside->bytes.get(), inside->size}, copying}.run();
  if (!result) return std::unexpected{error{result.error().code, head}};
  if (result->consumed != inside->size) return std::unexpected{error{errc::bad_compression, head}};
  result->consumed = head + inside->consumed;
  return result;
}

}  // namespace

std::expected<decoded, error> decode(std::span<const std::byte> input, const decode_limits& limits) {
  if (input.empty()) return std::unexpected{error{errc::truncated, 0}};
  if (input[0] != std::byte{wire::version}) return std::unexpected{error{errc::bad_version, 0}};
  if (input.size() > 1 && input[1] == std::byte{wire::compressed}) return decode_compressed(input, limits);
  return shift(decode_bare(input.subspan(1), limits), 1);
}

std::expected<term, error> decode_all(std::span<const std::byte> input, const decode_limits& limits) {
  auto result = decode(input, limits);
  if (!result) return std::unexpected{result.error()};
  if (result->consumed != input.size()) return std::unexpected{error{errc::trailing_bytes, result->consumed}};
  return std::move(result->value);
}

std::expected<decoded, error> decode_bare(std::span<const std::byte> input, const decode_limits& limits) {
  return decoder{input, limits}.run();
}

}  // namespace ergo::inline v0::etf
