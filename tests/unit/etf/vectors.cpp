// The golden vectors that an Erlang wrote (tests/data/etf/make_vectors.escript), read and written; and each of them cut
// short and damaged in every place, which must end in a refusal or in a sound term.
#include "wire.hpp"

#include <ergo/etf/text.hpp>

#include <fstream>
#include <string>
#include <vector>

using namespace ergo_test;

namespace {

/// One line of the file.
struct vector {
  std::string input;
  std::string output;  ///< empty: refused
  std::string text;    ///< empty: cannot be read
};

std::vector<vector> load() {
  std::ifstream file{ERGO_TEST_DATA_DIR "/etf/vectors.txt"};
  std::vector<vector> all;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const auto first = line.find('\t');
    const auto second = line.find('\t', first + 1);
    const auto output = line.substr(first + 1, second - first - 1);
    const auto text = line.substr(second + 1);
    const auto input = unhex(line.substr(0, first));
    all.push_back({input, output == "=" ? input : output == "!" ? "" : unhex(output), text == "-" ? "" : text});
  }
  return all;
}

const std::vector<vector>& vectors() {
  static const auto all = load();
  return all;
}

/// Whether bytes are refused, or are a term that survives writing and reading. The number of bytes that may be taken is
/// bounded.
bool is_sound(std::string_view bytes) {
  constexpr std::size_t memory = 1U << 20;
  const auto result = etf::decode(bytes_of(bytes), {.memory = memory, .inflated = memory});
  if (!result) return result.error().code != errc::ok && result.error().offset <= bytes.size();
  const auto again = etf::encode_to_string(result->value);
  const auto second = etf::decode_all(bytes_of(again));
  return result->consumed <= bytes.size() && second.has_value() && *second == result->value;
}

}  // namespace

TEST_CASE("there are thousands of golden vectors", "[etf][vectors]") { CHECK(vectors().size() > 4'000); }

TEST_CASE("golden vectors are read, and written as Erlang writes them", "[etf][vectors]") {
  for (const auto& [input, output, text] : vectors()) {
    const auto value = etf::decode_all(bytes_of(input));
    INFO(hex(input));
    REQUIRE(value.has_value() == !output.empty());
    if (!value) continue;
    REQUIRE(hex(etf::encode_to_string(*value)) == hex(output));
    REQUIRE(etf::encoded_size(*value) + 1 == output.size());
    REQUIRE(etf::decode_all(bytes_of(output)) == value);
  }
}

TEST_CASE("the terms of golden vectors, read from text, are written as Erlang writes them", "[etf][vectors]") {
  for (const auto& [input, output, text] : vectors()) {
    if (text.empty()) continue;
    INFO(text);
    const auto value = etf::parse(text);
    REQUIRE(value.has_value());
    REQUIRE(hex(etf::encode_to_string(*value)) == hex(output));
    REQUIRE(*value == *etf::decode_all(bytes_of(input)));
  }
}

TEST_CASE("every truncation of every golden vector is refused", "[etf][vectors]") {
  for (const auto& vector : vectors()) {
    if (vector.output.empty()) continue;
    const auto whole = etf::decode(bytes_of(vector.input));
    REQUIRE(whole->consumed == vector.input.size());
    for (std::size_t size = 0; size < vector.input.size(); ++size) {
      // From memory of exactly this size, so that a sanitizer sees a read behind it.
      const std::vector<char> bytes(vector.input.begin(), vector.input.begin() + static_cast<std::ptrdiff_t>(size));
      const auto cut = etf::decode(bytes_of({bytes.data(), bytes.size()}));
      if (cut.has_value()) {
        INFO(hex(vector.input) << " cut to " << size);
        REQUIRE_FALSE(cut.has_value());
      }
    }
  }
}

TEST_CASE("every changed byte of every golden vector is refused or gives a sound term", "[etf][vectors]") {
  constexpr std::size_t all_values_up_to = 16;
  std::uint32_t random = 1;
  for (const auto& vector : vectors()) {
    auto bytes = vector.input;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      const auto original = bytes[at];
      const auto all = bytes.size() <= all_values_up_to;
      for (int change = 1; change < (all ? 256 : 5); ++change) {
        random = random * 1'664'525 + 1'013'904'223;
        bytes[at] =
            static_cast<char>(original ^ static_cast<char>(all ? static_cast<unsigned>(change) : (random >> 24) | 1));
        if (is_sound(bytes)) continue;
        INFO(hex(vector.input) << " with " << hex(bytes.substr(at, 1)) << " at " << at);
        REQUIRE(is_sound(bytes));
      }
      bytes[at] = original;
    }
  }
}
