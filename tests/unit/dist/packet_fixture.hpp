// Packets by hand, and messages written and read again, for the tests of both ends of a connection.
#pragma once

#include "control_fixture.hpp"

#include <ergo/dist/packet_reader.hpp>
#include <ergo/dist/packet_writer.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::test {

using dist::packet_errc;
using dist::packet_form;
using dist::packet_reader;
using dist::packet_writer;

inline const flags with_fragments = with_29.with(flag::fragments);
inline const flags with_cache = with_29.with(flag::dist_hdr_atom_cache);
inline const flags with_both = with_fragments.with(flag::dist_hdr_atom_cache);

inline std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
  return out;
}

inline std::string text_of(dist::bytes_view bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Hexadecimal without blanks.
inline std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    out += digits[static_cast<unsigned char>(byte) >> 4];
    out += digits[static_cast<unsigned char>(byte) & 15];
  }
  return out;
}

/// Bytes of hexadecimal; blanks are skipped.
inline std::string unhex(std::string_view digits) {
  std::string out;
  unsigned half = 0;
  unsigned count = 0;
  for (const char digit : digits) {
    if (digit == ' ') continue;
    half = half << 4 | static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    if (++count % 2 == 0) out += static_cast<char>(half);
  }
  return out;
}

/// The bodies of the packets in a stream, without their lengths.
inline std::vector<std::string> bodies(std::string_view stream) {
  std::vector<std::string> out;
  while (stream.size() >= 4) {
    std::size_t size = 0;
    for (int byte = 0; byte < 4; ++byte) size = size << 8 | static_cast<unsigned char>(stream[std::size_t(byte)]);
    out.emplace_back(stream.substr(4, size));
    stream.remove_prefix(4 + out.back().size());
  }
  return out;
}

/// What arrived, with its payload decoded.
struct arrival {
  control::message message;
  etf::term payload;

  friend bool operator==(const arrival&, const arrival&) = default;
};

/// Decodes a complete message; nothing when it is refused.
inline std::optional<arrival> understand(const dist::framed_message& message, flags negotiated) {
  const auto control = dist::decode_control(message, context(negotiated));
  if (!control) return std::nullopt;
  arrival got{control->message, control->reason.value_or(etf::term{})};
  if (control->payload.empty()) return got;
  etf::decode_limits limits;
  limits.cache = message.atoms;
  limits.aliased = message.owner();
  auto payload = etf::decode_bare(control->payload, limits);
  if (!payload) return std::nullopt;
  got.payload = std::move(payload->value);
  return got;
}

/// A message to a process as the only thing in a buffer; the fragments of a long one follow each other.
inline std::string written(packet_writer& to, const etf::term& payload, std::size_t gather_from = SIZE_MAX) {
  etf::buffer out;
  const auto done = dist::encode(out, control::send{theirs, ours}, payload, to, {.gather_from = gather_from});
  if (!done) return {};
  if (auto large = to.take_large())
    while (large->left() != 0) large->next(out, to);
  return out.to_string();
}

}  // namespace ergo::test
