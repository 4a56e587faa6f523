// Depth: texts of five million nested containers, on a stack that no recursion would survive.
#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <pthread.h>

#include <functional>
#include <string>

using namespace ergo;
using etf::term;

namespace {

constexpr std::size_t depth = 5'000'000;
constexpr std::size_t stack_bytes = 64 << 10;

/// Runs `work` on a thread with a stack of 64 KiB; it reports through what it captures.
void on_small_stack(std::function<void()> work) {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
  pthread_t thread{};
  const auto run = [](void* argument) -> void* {
    (*static_cast<std::function<void()>*>(argument))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, run, &work) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

std::string repeat(std::string_view part, std::size_t count) {
  std::string text;
  text.reserve(part.size() * count);
  for (std::size_t at = 0; at < count; ++at) text += part;
  return text;
}

}  // namespace

TEST_CASE("five million nested lists and tuples are parsed and printed on a small stack", "[etf][text]") {
  for (const auto& [opening, closing] : {std::pair{"[", "]"}, std::pair{"{", "}"}}) {
    const auto text = repeat(opening, depth) + repeat(closing, depth);
    bool same = false;
    on_small_stack([&] {
      const auto read = etf::parse(text);
      same = read.has_value() && etf::to_text(*read) == text;
    });
    CHECK(same);
  }
}

TEST_CASE("nested maps, as keys and as values, are parsed and printed on a small stack", "[etf][text]") {
  constexpr std::size_t levels = 100'000;
  const auto values = repeat("#{1 => ", levels) + "a" + repeat("}", levels);
  const auto keys = repeat("#{", levels) + "a" + repeat(" => 1}", levels);
  std::size_t same = 0;
  on_small_stack([&] {
    for (const auto& text : {values, keys}) {
      const auto read = etf::parse(text);
      if (read.has_value() && etf::to_text(*read) == text) ++same;
    }
  });
  CHECK(same == 2);
}

TEST_CASE("a list written as a chain of a million tails is one list, in linear time", "[etf][text]") {
  constexpr std::size_t length = 1'000'000;
  const auto text = repeat("[1|", length) + "[]" + repeat("]", length);
  const auto read = etf::parse(text);
  REQUIRE(read.has_value());
  CHECK(read->items().size() == length);
  CHECK(read->list_tail().is_nil());
}

TEST_CASE("improper lists nested in their tails' tuples are printed on a small stack", "[etf][text]") {
  constexpr std::size_t levels = 1'000'000;
  const auto text = repeat("[1|{", levels) + repeat("}]", levels);
  bool same = false;
  on_small_stack([&] {
    const auto read = etf::parse(text);
    same = read.has_value() && etf::to_text(*read) == text;
  });
  CHECK(same);
}
