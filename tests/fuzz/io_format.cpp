// Formats and arguments that a peer chooses: a remote `io:format` is printed here. Oracles: what is printed is UTF-8
// and no longer than the limit, and the same again; a refusal is one of the two that are known.
#include <ergo/etf/codec.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/otp/io_format.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace ergo;

/// Stops the fuzzer: a broken promise is a finding.
void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t most_characters = 20'000;

std::size_t characters_of(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char one) { return (static_cast<unsigned char>(one) & 0xC0U) != 0x80U; }));
}

void check(const etf::term& format, const etf::term& arguments) {
  for (const bool unicode : {true, false}) {
    const otp::io_format_options how{.unicode = unicode, .characters = most_characters, .nesting = 40};
    const auto printed = otp::io_format(format, arguments, how);
    if (!printed) {
      require(printed.error() == otp::io_format_error::badarg || printed.error() == otp::io_format_error::too_big);
      continue;
    }
    require(characters_of(*printed) <= most_characters);
    // Quoted and read as Erlang would: what is no UTF-8 is refused there.
    require(etf::to_text(etf::binary(*printed)).size() >= 4);
    require(otp::io_format(format, arguments, how) == *printed);
  }
}

/// The arguments in Erlang's syntax, behind the format and a line's end.
void check_text(std::string_view input) {
  const auto end = input.find('\n');
  const auto format = input.substr(0, end);
  const auto arguments = etf::parse(end == std::string_view::npos ? "[]" : input.substr(end + 1));
  if (!arguments) return;
  check(etf::binary(format), *arguments);
  std::vector<etf::term> characters;
  for (const char one : format) characters.emplace_back(static_cast<unsigned char>(one));
  check(etf::make_list(characters), *arguments);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input{reinterpret_cast<const char*>(data), size};
  check_text(input);
  // Whatever a peer may send in their place: `{Format, Arguments}` in the external format.
  const auto decoded = etf::decode_bare(std::as_bytes(std::span{input}),
                                        {.depth = 10'000, .memory = 4U << 20, .atoms = etf::atom_policy::known_only});
  if (decoded && decoded->value.is_tuple(2)) check(decoded->value.elements()[0], decoded->value.elements()[1]);
  return 0;
}
