// Terms that hold terms: opening them, growing lists, and what happens when a message takes more than one slab.
#include "part_reader.hpp"

#include <cstring>

namespace ergo::inline v0::etf {

namespace {

constexpr std::size_t most_elements = 16'777'215;
constexpr std::size_t fun_head = 4 + 1 + 16 + 4 + 4;

}  // namespace

/// A node for `count` terms in the slot `to`; its slots `from` to the end are read next.
step part_reader::open(term& to, term_access::head head, std::size_t count, part what, std::size_t from) {
  if (parents_.size() >= limits_.depth) return fail(errc::too_deep);
  put(to, {});
  parents_.push(open_);
  auto* made = slab_.make(count * sizeof(term));
  if (made == nullptr) {
    parents_.pop();
    return fail(errc::too_big);
  }
  made->size = static_cast<std::uint32_t>(count);
  term_access::set(to, head.with_counted(counting(made)), made);
  for (std::size_t slot = 0; slot < from; ++slot) put(term_access::terms(made)[slot], {});
  open_ = {term_access::terms(made) + from, count - from, what | alone_if(made)};
  return step::opened;
}

step part_reader::tuple(term& to, std::size_t arity) {
  if (arity == 0) return put(to, {tag::tuple});
  if (!has(arity)) return fail(errc::truncated);
  if (arity > most_elements) return fail(errc::too_big);
  return open(to, {tag::tuple, detail::uncounted, 0, static_cast<std::uint32_t>(arity)}, arity, part::elements);
}

step part_reader::map(term& to) {
  if (!has(4)) return fail(errc::truncated);
  const std::size_t pairs = take<std::uint32_t>();
  if (pairs == 0) return put(to, {tag::map});
  if (left() / 2 < pairs) return fail(errc::truncated);
  if (pairs > UINT32_MAX / 2) return fail(errc::too_big);
  return open(to, {tag::map, detail::uncounted, 0, static_cast<std::uint32_t>(pairs)}, pairs * 2, part::map);
}

step part_reader::list(term& to) {
  if (!has(4)) return fail(errc::truncated);
  const std::size_t count = take<std::uint32_t>();
  if (count == 0) return step::again;  // the tail is the value
  if (left() <= count) return fail(errc::truncated);
  const auto outcome = open(to, {tag::list}, count, part::items);
  if (outcome == step::opened) set_capacity(term_access::node_of(to), count);
  return outcome;
}

step part_reader::fun(term& to) {
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
  if (code == errc::ok) code = read_old_field(old_index);
  if (code == errc::ok) code = read_old_field(old_uniq);
  if (code == errc::ok) code = read_creator(creator);
  if (code != errc::ok) return fail(code);
  if (!has(free)) return fail(errc::truncated);
  const auto outcome = open(to, {tag::fun}, at::environment + free, part::elements, at::environment);
  if (outcome == step::failed) return outcome;
  auto* parts = term_access::terms(term_access::node_of(to));
  put_atom(parts[at::module], module);
  put_integer(parts[at::old_index], old_index);
  put_integer(parts[at::old_uniq], old_uniq);
  put_integer(parts[at::index], static_cast<std::int32_t>(index));  // as which Erlang compares it
  put_integer(parts[at::uniq_high], static_cast<std::int64_t>(high));
  put_integer(parts[at::uniq_low], static_cast<std::int64_t>(low));
  put_integer(parts[at::arity], arity);
  put_pid(parts[at::creator], creator);
  return free == 0 ? close_empty() : step::opened;
}

/// Goes back to the slot of a part that has nothing to read.
step part_reader::close_empty() noexcept {
  open_ = parents_.top();
  parents_.pop();
  return step::done;
}

/// The old fields of a fun have 32 bits in OTP, which drops what is more.
errc part_reader::read_old_field(std::int64_t& value) {
  const auto code = read_integer(value, errc::bad_fun);
  return code == errc::ok && (value > INT32_MAX || value < INT32_MIN) ? errc::bad_fun : code;
}

errc part_reader::read_creator(pid& value) {
  if (!has(1)) return errc::truncated;
  const auto next = take<std::uint8_t>();
  return next == wire::new_pid || next == wire::old_pid ? read_pid(next, value) : errc::bad_fun;
}

step part_reader::record(term& to) {
  namespace at = detail::record_part;
  if (!has(5)) return fail(errc::truncated);
  const std::size_t fields = take<std::uint32_t>();
  const auto flags = take<std::uint8_t>();
  if (flags > 1) return fail(errc::bad_record);
  if (left() / 3 < fields) return fail(errc::truncated);  // a name takes two bytes at least, a value one
  if (fields > most_elements) return fail(errc::too_big);
  const auto outcome =
      open(to, {tag::record, detail::uncounted, flags}, at::names + 2 * fields, part::elements, at::names + fields);
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

/// Makes `count` more slots at the end of a list, for items or for its improper tail.
step part_reader::more_items(term& self, std::size_t count, part what) {
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
  open_ = {term_access::terms(grown) + size, count, what | alone_if(grown)};
  return step::opened;
}

bool part_reader::grow(term& self, std::size_t items) {
  auto* old = term_access::node_of(self);
  if (items <= capacity(old)) return true;
  const auto is_in_slab = old->place != 0;
  const auto larger = std::min<std::size_t>(std::max<std::size_t>(items, old->size + old->size / 2), UINT32_MAX);
  if (is_in_slab && slab_.extend(old, capacity(old) * sizeof(term), larger * sizeof(term))) {
    set_capacity(old, larger);
    return true;
  }
  const auto bytes = larger * sizeof(term);
  auto* made = is_in_slab ? slab_.make(bytes) : slab_.make_apart(bytes);
  if (made == nullptr) return false;
  made->size = old->size;
  set_capacity(made, larger);
  std::memcpy(static_cast<void*>(made + 1), static_cast<const void*>(old + 1), old->size * sizeof(term));
  term_access::set(self, {tag::list, counting(made)}, made);
  if (!is_in_slab) detail::give_back(old, old->pool);
  return true;
}

/// Goes on in a new slab. What is open will hold terms of several, so it moves out of its own: each slab ends when
/// nobody refers to something in it.
void part_reader::end_slab() {
  if (parents_.size() > deepest_end) return slab_.grow_once();
  for (std::size_t level = 0; level < parents_.size(); ++level) {
    auto& slot = *parents_[level].to;
    auto& inside = level + 1 < parents_.size() ? parents_[level + 1] : open_;
    if (!is_alone(inside.what())) move_out(slot, inside);
    // When what is open in there moved out, all in front of it was counted; a long list must not be walked each time.
    const auto has_open = level + 1 < parents_.size();
    if (!has_open || term_access::counted(*inside.to) != detail::owning) count_terms(slot, inside.to);
  }
  slab_.start_over();
}

/// Gives the open term in `slot` a node outside of the slab.
void part_reader::move_out(term& slot, open_part& inside) {
  auto* const old = term_access::node_of(slot);
  const auto is_list = term_access::tag_of(slot) == tag::list;
  const auto filled = static_cast<std::size_t>(inside.to - term_access::terms(old));
  const auto moving =
      filled + (inside.left() != 0 ? 1 : 0);  // what stands in the slot that is being filled is open, too
  auto* const made = detail::make_node<node>((is_list ? capacity(old) : old->size) * sizeof(term));
  std::memcpy(static_cast<void*>(made + 1), static_cast<const void*>(old + 1), moving * sizeof(term));
  made->size = old->size;
  made->flags = old->flags;
  if (is_list) set_capacity(made, capacity(old));
  hold(slot, made);
  inside.to = term_access::terms(made) + filled;
  inside.mark_alone();
}

/// Makes the filled slots of a node outside of the slab, up to `end`, hold references to the slab that they refer to.
void part_reader::count_terms(const term& self, const term* end) noexcept {
  std::uint32_t counted = 0;
  // In front of one that holds a reference all have been here before.
  for (auto* to = const_cast<term*>(end);
       to != term_access::terms(self) && term_access::counted(to[-1]) != detail::owning; --to) {
    auto& held = to[-1];
    if (term_access::counted(held) != detail::interior) continue;
    hold(held, term_access::node_of(held));
    ++counted;
  }
  slab_.count(counted);
}

/// Gives up what was read. The nodes outside of the slab are told what they hold so far.
void part_reader::abandon(term& root) noexcept {
  for (std::size_t level = 0; level < parents_.size(); ++level) {
    auto& slot = *parents_[level].to;
    if (term_access::counted(slot) != detail::owning) break;  // it and all inside of it lies in the slab
    const auto is_last = level + 1 == parents_.size();
    const auto* const to = is_last ? open_.to : parents_[level + 1].to;
    count_terms(slot, to);
    auto* const of = term_access::node_of(slot);
    const auto holds_next = !is_last && term_access::counted(*to) == detail::owning;
    of->size = static_cast<std::uint32_t>(to - term_access::terms(of)) + (holds_next ? 1 : 0);
    of->flags = 0;
    of->references.store(1, std::memory_order_relaxed);
  }
  if (term_access::counted(root) == detail::owning) {
    root = term{};
  } else {
    term_access::set(root, {}, std::uint64_t{0});
  }
}

}  // namespace ergo::inline v0::etf
