// Terms as text: what a file, an operator or a peer may have written. Oracles: a refusal points into the text; what was
// read is printed in a form that is read as the same term, and printed in that form again; a limit on the text holds.
#include <ergo/etf/codec.hpp>
#include <ergo/etf/text.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace ergo;

/// Stops the fuzzer: a broken promise is a finding.
void require(bool holds) {
  if (!holds) std::abort();
}

void check_printed(const etf::term& value, const etf::text_options& how) {
  const auto printed = etf::to_text(value, how);
  const auto again = etf::parse(printed);
  require(again.has_value() && *again == value && etf::to_text(*again, how) == printed);
  for (const std::size_t limit : {std::size_t{0}, std::size_t{3}, printed.size() / 2, printed.size()}) {
    auto limited = how;
    limited.limit = limit;
    const auto text = etf::to_text(value, limited);
    require(text.size() <= limit + 3 || text == printed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};  // without slack, so that a read behind is seen
  const auto parsed = etf::parse(std::string_view{text});
  if (!parsed) {
    require(parsed.error().code != etf::errc::ok && parsed.error().offset <= size);
    return 0;
  }
  check_printed(*parsed, {});
  check_printed(*parsed, {.strings = false});
  check_printed(*parsed, {.unicode = false});
  const auto bytes = encode_to_string(*parsed);
  const auto decoded = etf::decode_all(std::as_bytes(std::span{bytes}));
  require(decoded.has_value() && *decoded == *parsed);
  return 0;
}
