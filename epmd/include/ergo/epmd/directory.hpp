// Who is registered: the port mapper's memory, without sockets and clocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ergo/epmd/error.hpp"
#include "ergo/epmd/message.hpp"

namespace ergo::inline v0::epmd {

/// Names the connection that holds a registration; the driver numbers its connections and never reuses a number.
enum class owner_id : std::uint64_t {};

/// Limits of a directory.
struct directory_limits {
  std::size_t names = 16'384;  ///< living registrations; more are refused with too_many_names
  std::size_t unused = 1'000;  ///< names of gone nodes that are remembered (Erlang's daemon: 1,000, or 5 with `-d`)
};

/// One living or remembered registration.
struct directory_entry {
  node_record node;
  owner_id owner{};           ///< the connection that holds or held it
  int descriptor = -1;        ///< what DUMP shows as `fd`
  std::uint32_t counter = 0;  ///< the 32-bit creation of the latest registration

  /// The creation as told to the node: the counter for nodes with distribution version 6, else 1 to 3.
  [[nodiscard]] std::uint32_t creation() const noexcept {
    return node.highest_version >= 6 ? counter : counter % 3 + 1;
  }
};

/// The names that live, and the names that lived a while ago, so that a node which comes back gets another creation
/// than before. The rules are those of Erlang's daemon: a new name starts behind the time in seconds, each
/// further registration adds one, values below 4 are skipped. Two names may have the same creation; a creation means
/// something only together with the name. Not thread-safe. A look-up takes constant time, a listing linear time.
class directory {
 public:
  explicit directory(directory_limits limits = {}) : limits_{limits} {}
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;

  /// Registers `node` for `owner`, which must not hold another name. `now` is in seconds since 1970.
  /// The returned entry lives until the name is removed.
  /// Errors: those of `check_name`, extra_too_long, name_taken, too_many_names. After `std::bad_alloc` nothing has
  /// changed.
  [[nodiscard]] std::expected<const directory_entry*, errc> add(node_record node, owner_id owner, int descriptor,
                                                                std::uint32_t now);

  /// Ends the registration of `owner`, if it has one, and returns what is remembered of it (until the next change).
  const directory_entry* remove(owner_id owner);
  /// Ends the registration of `name`, if there is one.
  const directory_entry* remove(std::string_view name);

  /// The living registration of `name`, or nullptr.
  [[nodiscard]] const directory_entry* find(std::string_view name) const;
  /// The living registrations, newest first.
  [[nodiscard]] const std::list<directory_entry>& living() const noexcept { return living_; }
  /// The remembered names, longest gone first.
  [[nodiscard]] const std::list<directory_entry>& unused() const noexcept { return unused_; }

  /// The complete answer to NAMES.
  [[nodiscard]] std::string names_answer(std::uint32_t epmd_port) const;
  /// The complete answer to DUMP.
  [[nodiscard]] std::string dump_answer(std::uint32_t epmd_port) const;

 private:
  using entries = std::list<directory_entry>;
  using by_name = std::unordered_map<std::string_view, entries::iterator>;
  using by_owner = std::unordered_map<owner_id, entries::iterator>;

  [[nodiscard]] std::expected<void, errc> admit(const node_record& node) const;
  void make_room();
  void forget_oldest();
  const directory_entry* retire(entries::iterator entry) noexcept;

  directory_limits limits_;
  entries living_;
  entries unused_;
  by_name living_by_name_;  // the keys point into the entries, which never move
  by_name unused_by_name_;
  by_owner living_by_owner_;
};

}  // namespace ergo::inline v0::epmd
