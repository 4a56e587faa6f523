// The atom table: constant indices, interning, limits, many threads, and use before main.
#include <ergo/etf/atom.hpp>
#include <ergo/etf/reserve.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

using namespace ergo;
using namespace ergo::etf::literals;
using etf::atom;
using etf::errc;

namespace {

// Made while static objects are initialised, some of them well-known and one not.
const std::string text_before_main{etf::atom::of("made before main").text()};
const std::string known_before_main{atom::from_index(etf::detail::well_known_index("normal")).text()};

std::string repeat(std::string_view part, std::size_t count) {
  std::string text;
  for (std::size_t at = 0; at < count; ++at) text += part;
  return text;
}

errc fault(std::string_view text) {
  const auto made = atom::make(text);
  return made ? errc::ok : made.error().code;
}

/// Runs `check` in a child process, for what would stay for the life of this one; true when the child says so.
bool in_child(bool (*check)()) {
  const auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("atoms can be made and read during static initialisation", "[etf][atom]") {
  CHECK(text_before_main == "made before main");
  CHECK(known_before_main == "normal");
}

TEST_CASE("the empty atom is index 0 and what a default atom is", "[etf][atom]") {
  CHECK(atom{}.text().empty());
  CHECK(atom::of("") == atom{});
  CHECK(atom{}.index() == 0);
}

TEST_CASE("well-known atoms have their constant indices", "[etf][atom]") {
  for (std::uint32_t index = 0; index < etf::detail::well_known_texts.size(); ++index) {
    const auto text = etf::detail::well_known_texts[index];
    CHECK(atom::of(text).index() == index);
    CHECK(atom::from_index(index).text() == text);
    CHECK(etf::detail::well_known_index(text) == index);
  }
}

TEST_CASE("an atom is the same wherever its text comes from", "[etf][atom]") {
  const std::string text = "a text of its own";
  const auto first = atom::of(text);
  CHECK(atom::of("a text of its own") == first);
  CHECK("a text of its own"_atom == first);
  CHECK(atom::from_index(first.index()) == first);
  CHECK(first.text() == text);
  CHECK(first.text().data() != text.data());
  CHECK(atom::of("a text of its owN") != first);
}

TEST_CASE("texts of every length are kept apart from those that differ in one byte", "[etf][atom]") {
  for (std::size_t size = 1; size <= 255; ++size) {
    const auto text = repeat("x", size);
    const auto made = atom::of(text);
    REQUIRE(made.text() == text);
    REQUIRE(atom::find(text) == made);
    for (const auto at : {std::size_t{0}, size / 2, size - 1}) {
      auto other = text;
      other[at] = 'y';
      REQUIRE(atom::of(other) != made);
      REQUIRE(atom::of(other).text() == other);
    }
  }
}

TEST_CASE("zero bytes are part of an atom's text", "[etf][atom]") {
  const std::string_view with_zero{"a\0", 2};
  CHECK(atom::of("a") != atom::of(with_zero));
  CHECK(atom::of(with_zero).text() == with_zero);
  CHECK(compare_text(atom::of("a"), atom::of(with_zero)) < 0);
}

TEST_CASE("find knows made atoms and never makes one", "[etf][atom]") {
  const auto before = etf::atom_table_usage().count;
  CHECK_FALSE(atom::find("nobody ever made this one").has_value());
  CHECK(etf::atom_table_usage().count == before);
  const auto made = atom::of("somebody made this one");
  CHECK(atom::find("somebody made this one") == made);
  CHECK(etf::atom_table_usage().count == before + 1);
}

TEST_CASE("an atom has at most 255 characters of valid UTF-8", "[etf][atom]") {
  CHECK(fault(repeat("a", 255)) == errc::ok);
  CHECK(fault(repeat("a", 256)) == errc::bad_atom);
  CHECK(fault(repeat("\u00e5", 255)) == errc::ok);
  CHECK(fault(repeat("\u00e5", 256)) == errc::bad_atom);
  CHECK(fault(repeat("\U0001F600", 255)) == errc::ok);
  CHECK(fault(repeat("\U0001F600", 256)) == errc::bad_atom);
  for (const std::string_view wrong :
       {"\x80", "\xc3", "\xc3(", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff", "a\xe2\x82", "\xc1\xbf"}) {
    CHECK(fault(wrong) == errc::bad_atom);
  }
  CHECK_THROWS_AS(atom::of(repeat("a", 256)), std::length_error);
}

TEST_CASE("atoms are ordered by code points", "[etf][atom]") {
  const std::array<std::string_view, 12> sorted{"",          "A",         "a",     "a\x01", "aa",     "aaaaaaaa",
                                                "aaaaaaaaa", "aaaaaaaab", "aaaab", "b",     "\u00e5", "\U0001F600"};
  for (std::size_t left = 0; left < sorted.size(); ++left) {
    for (std::size_t right = 0; right < sorted.size(); ++right) {
      INFO(sorted[left] << " and " << sorted[right]);
      CHECK(compare_text(atom::of(sorted[left]), atom::of(sorted[right])) == (left <=> right));
    }
  }
}

TEST_CASE("a full table is an error for new atoms and for nothing else", "[etf][atom]") {
  CHECK(in_child([] {
    etf::set_atom_table_capacity(0);
    if (etf::atom_table_usage().capacity != 1'024) return false;
    etf::set_atom_table_capacity(3'000);
    for (int number = 0; etf::atom_table_usage().count < 3'000; ++number) {
      if (!atom::make("filler " + std::to_string(number))) return false;
    }
    const auto refused = atom::make("one too many");
    return !refused && refused.error().code == errc::atom_table_full && atom::make("filler 0").has_value() &&
           !atom::find("one too many");
  }));
}

TEST_CASE("peers cannot take the atoms that are kept for the program", "[etf][atom][S15]") {
  CHECK(in_child([] {
    etf::set_atom_table_capacity(3'200);
    if (etf::atom_reserve() != 200) return false;
    etf::atom_budget budget{100'000};
    etf::decode_limits of_peer;
    of_peer.budget = &budget;
    for (int number = 0; etf::make_atom("theirs " + std::to_string(number), of_peer); ++number) {
      if (number > 3'200) return false;
    }
    if (etf::atom_table_usage().count != 3'000) return false;
    const auto refused = etf::make_atom("one more of theirs", of_peer);
    if (refused || refused.error().code != errc::atom_table_full) return false;
    if (!etf::make_atom("theirs 0", of_peer)) return false;  // is there
    for (int number = 0; number < 200; ++number) {
      if (!atom::make("ours " + std::to_string(number))) return false;
    }
    return !atom::make("ours 200").has_value();
  }));
  CHECK(in_child([] {
    etf::set_atom_table_capacity(3'200);
    etf::set_atom_reserve(5);
    if (etf::atom_reserve() != 5) return false;
    etf::set_atom_reserve(1'000'000);
    return etf::atom_reserve() == 1'600;
  }));
}

TEST_CASE("an incarnation that a peer tells of is charged to it once", "[etf][atom][S15]") {
  const auto name = atom::of("incarnated@h");
  etf::atom_budget budget{2};
  etf::decode_limits of_peer;
  of_peer.budget = &budget;
  const auto first = etf::make_node_id(name, 70'001, of_peer);
  REQUIRE(first);
  CHECK(first->name() == name);
  CHECK(first->creation() == 70'001);
  CHECK(etf::make_node_id(name, 70'001, of_peer) == *first);
  CHECK(etf::make_node_id(name, 70'002, of_peer));
  const auto refused = etf::make_node_id(name, 70'003, of_peer);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::atom_budget_spent);
  CHECK(etf::make_node_id(name, 70'002, of_peer));
}

TEST_CASE("the table's capacity is clamped to four million", "[etf][atom]") {
  CHECK(in_child([] {
    etf::set_atom_table_capacity(SIZE_MAX);
    return etf::atom_table_usage().capacity == 4'194'304;
  }));
}

TEST_CASE("two hundred thousand atoms are found again", "[etf][atom]") {
  CHECK(in_child([] {
    std::vector<atom> made;
    for (int number = 0; number < 200'000; ++number) made.push_back(atom::of("number " + std::to_string(number)));
    for (int number = 0; number < 200'000; ++number) {
      const auto text = "number " + std::to_string(number);
      if (atom::find(text) != made[static_cast<std::size_t>(number)] ||
          made[static_cast<std::size_t>(number)].text() != text)
        return false;
    }
    return true;
  }));
}

TEST_CASE("threads that make the same atoms at once get the same ones", "[etf][atom]") {
  constexpr std::size_t threads = 4;
  constexpr std::size_t texts = 5'000;
  std::array<std::vector<std::uint32_t>, threads> indices;
  std::barrier start{threads};
  {
    std::vector<std::jthread> running;
    for (auto& seen : indices) {
      running.emplace_back([&seen, &start] {
        start.arrive_and_wait();
        for (std::size_t number = 0; number < texts; ++number) {
          const auto made = atom::of("shared atom " + std::to_string(number));
          seen.push_back(made.index());
          if (made.text() != "shared atom " + std::to_string(number)) seen.push_back(UINT32_MAX);
        }
      });
    }
  }
  CHECK(indices[0].size() == texts);
  for (const auto& seen : indices) CHECK(seen == indices[0]);
}
