// Reads terms that hold terms, and knows which of them are open and where their nodes lie.
#pragma once

#include "leaf_reader.hpp"
#include "work_stack.hpp"

namespace ergo::inline v0::etf {

/// What happens when the slots of a part are filled; with `alone` its node lies outside of the slab.
enum class part : std::uint32_t { elements, map, items, tail, alone = 4 };

constexpr part operator|(part left, part right) noexcept {
  return static_cast<part>(static_cast<std::uint32_t>(left) | static_cast<std::uint32_t>(right));
}
constexpr bool is_alone(part what) noexcept { return what >= part::alone; }
constexpr part without_alone(part what) noexcept { return static_cast<part>(static_cast<std::uint32_t>(what) & 3U); }

/// A part that is being filled: the slot to fill next, how many there are, and what the part is. The latter two share a
/// word, because a processor is slow to load in one piece what was stored in two.
struct open_part {
  term* to = nullptr;
  std::uint64_t state = 0;

  open_part() = default;
  open_part(term* first, std::size_t left, part what) noexcept
      : to{first}, state{(static_cast<std::uint64_t>(what) << 32) | static_cast<std::uint32_t>(left)} {}

  [[nodiscard]] std::uint32_t left() const noexcept { return static_cast<std::uint32_t>(state); }
  [[nodiscard]] part what() const noexcept { return static_cast<part>(state >> 32); }
  void mark_alone() noexcept { state |= static_cast<std::uint64_t>(part::alone) << 32; }
  /// Behind the slot that was filled; there is one.
  void advance() noexcept {
    ++to;
    --state;
  }
};

/// A reader of the heads of terms with parts. Their nodes lie in a slab as long as it is not full; a message that takes
/// more than one gets several, and what holds terms of different slabs stands outside of them and counts.
class part_reader : protected leaf_reader {
 protected:
  using leaf_reader::leaf_reader;

  // Each reads what stands behind a tag and opens the term for its parts.
  step tuple(term& to, std::size_t arity);
  step map(term& to);
  step list(term& to);
  step fun(term& to);
  step record(term& to);

  /// Makes `count` more slots at the end of a list, for items or for its improper tail.
  step more_items(term& self, std::size_t count, part what);

  /// Goes on in a new slab. What is open will hold terms of several, so it moves out of its own: each slab ends when
  /// nobody refers to something in it.
  void end_slab();
  /// Makes the filled slots of a node outside of the slab, up to `end`, hold references to the slab that they refer to.
  void count_terms(const term& self, const term* end) noexcept;
  /// Gives up what was read of `root`. The nodes outside of the slab are told what they hold so far.
  void abandon(term& root) noexcept;

  static std::span<term> entries_of(const term& map) noexcept {
    return {term_access::terms(term_access::node_of(map)), std::size_t{term_access::number(map)} * 2};
  }

  // While a list is read, the counter of its node holds its capacity.
  static void set_capacity(node* of, std::size_t items) noexcept {
    of->references.store(static_cast<std::uint32_t>(items), std::memory_order_relaxed);
  }
  /// A slot that refers to a node that counts its references, as it does itself from now on.
  static void hold(term& slot, const node* of) noexcept {
    term_access::set(
        slot, {term_access::tag_of(slot), detail::owning, term_access::spare(slot), term_access::number(slot)}, of);
  }

  open_part open_;
  work_stack<open_part> parents_;

 private:
  /// The deepest nesting at which a full slab ends. Beyond, it grows: all that is open would have to move.
  static constexpr std::size_t deepest_end = 1'000;

  step open(term& to, term_access::head head, std::size_t count, part what, std::size_t from = 0);
  step close_empty() noexcept;
  errc read_old_field(std::int64_t& value);
  errc read_creator(pid& value);
  [[nodiscard]] bool grow(term& self, std::size_t items);
  static void move_out(term& slot, open_part& inside);

  static part alone_if(const node* made) noexcept { return made->place == 0 ? part::alone : part::elements; }
  [[nodiscard]] static std::size_t capacity(const node* of) noexcept {
    return of->references.load(std::memory_order_relaxed);
  }
};

}  // namespace ergo::inline v0::etf
