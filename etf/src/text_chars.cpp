// The reserved words of Erlang, from OTP's erl_scan.
#include "text_chars.hpp"

#include <algorithm>
#include <array>

namespace ergo::inline v0::etf::detail {

namespace {

constexpr auto reserved_words =
    std::to_array<std::string_view>({"after", "and",  "andalso", "band",   "begin",   "bnot", "bor", "bsl",  "bsr",
                                     "bxor",  "case", "catch",   "cond",   "div",     "end",  "fun", "if",   "let",
                                     "not",   "of",   "or",      "orelse", "receive", "rem",  "try", "when", "xor"});
static_assert(std::ranges::is_sorted(reserved_words));

}  // namespace

bool is_reserved_word(std::string_view word) noexcept { return std::ranges::binary_search(reserved_words, word); }

bool is_reserved_somewhere(std::string_view word) noexcept {
  return is_reserved_word(word) || word == "maybe" || word == "else";
}

}  // namespace ergo::inline v0::etf::detail
