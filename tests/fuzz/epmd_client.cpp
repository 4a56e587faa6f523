// What a client reads from a port mapper, or from whatever listens at its port. Oracles: no crash; what parses is
// encoded to the same meaning again; an answer to a registration is never complete before its last byte.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ergo/epmd/message.hpp"

namespace {

using namespace ergo::epmd;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_registration(std::string_view bytes) {
  const auto read = parse_alive2_answer(bytes);
  if (!read || !*read) return;
  const std::uint16_t version = bytes.size() == 6 ? 6 : 5;
  require(encode_alive2_answer(**read, version) == bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto part = parse_alive2_answer(bytes.substr(0, size));
    require(part.has_value() && !part->has_value());
  }
}

void check_lookup(std::string_view bytes) {
  const auto read = parse_port2_answer(bytes);
  if (!read) return;
  require(parse_port2_answer(encode_port2_answer(*read)) == read);
  require(encode_port2_answer(*read).size() <= bytes.size());
  if (const auto version = agreed_version(*read, {})) require(*version == 6);
}

void check_listing(std::string_view bytes) {
  const auto read = parse_listing(bytes);
  if (!read) return;
  require(encode_listing_head(read->epmd_port) + read->text == bytes);
  for (const auto& line : names_in(*read)) require(line.name.size() < bytes.size());
}

void check_request(std::string_view body) {
  const auto read = parse_request(body);
  if (!read) return;
  const auto again = encode(*read);
  if (!again) return;  // a registration that is refused with an answer
  request_reader reader;
  const auto complete = reader.feed(*again);
  require(complete.has_value() && *complete);
  require(parse_request(reader.body()) == *read);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  check_registration(bytes);
  check_lookup(bytes);
  check_listing(bytes);
  check_request(bytes);
  static_cast<void>(parse_kill_answer(bytes));
  static_cast<void>(parse_stop_answer(bytes));
  return 0;
}
