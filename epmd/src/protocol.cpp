// Requests and answers of the port mapper, byte by byte.
#include <algorithm>
#include <array>
#include <charconv>

#include "ergo/epmd/message.hpp"

namespace ergo::inline v0::epmd {
namespace {

using namespace std::string_view_literals;

/// ALIVE2 without name and extra data: opcode, port, type, protocol, two versions, two lengths.
constexpr std::size_t alive2_fixed = 13;

void put8(std::string& out, unsigned value) { out.push_back(static_cast<char>(value & 0xff)); }

void put16(std::string& out, unsigned value) {
  put8(out, value >> 8);
  put8(out, value);
}

void put32(std::string& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

void put_text(std::string& out, std::string_view text) {
  put16(out, static_cast<unsigned>(text.size()));
  out += text;
}

std::uint8_t get8(std::string_view in, std::size_t at) { return static_cast<std::uint8_t>(in[at]); }

std::uint16_t get16(std::string_view in, std::size_t at) {
  return static_cast<std::uint16_t>(get8(in, at) << 8 | get8(in, at + 1));
}

std::uint32_t get32(std::string_view in, std::size_t at) {
  return static_cast<std::uint32_t>(get16(in, at)) << 16 | get16(in, at + 2);
}

bool has_nul(std::string_view text) { return text.find('\0') != text.npos; }

bool continues(std::string_view text, std::size_t at) { return (get8(text, at) & 0xc0) == 0x80; }

/// The length of the valid UTF-8 character at `at`, or 0.
std::size_t character_length(std::string_view text, std::size_t at) {
  const std::uint8_t first = get8(text, at);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;  // continuation bytes, overlong forms, above U+10FFFF
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() - at < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (!continues(text, at + i)) return 0;
  const std::uint8_t second = get8(text, at + 1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second > 0x9f;
  const bool too_high = first == 0xf4 && second > 0x8f;
  return overlong || surrogate || too_high ? 0 : length;
}

/// Port, type, protocol, versions, name and extra data, which ALIVE2_REQ and PORT2 have in common.
std::expected<node_record, errc> parse_node(std::string_view fields) {
  if (fields.size() < alive2_fixed - 1) return std::unexpected{errc::truncated};
  const std::size_t name_size = get16(fields, 8);
  if (fields.size() < alive2_fixed - 1 + name_size) return std::unexpected{errc::truncated};
  const std::size_t extra_size = get16(fields, 10 + name_size);
  if (fields.size() < alive2_fixed - 1 + name_size + extra_size) return std::unexpected{errc::truncated};
  node_record node;
  node.port = get16(fields, 0);
  node.type = static_cast<node_type>(get8(fields, 2));
  node.protocol = get8(fields, 3);
  node.highest_version = get16(fields, 4);
  node.lowest_version = get16(fields, 6);
  node.name = fields.substr(10, name_size);
  node.extra = fields.substr(12 + name_size, extra_size);
  return node;
}

void put_node(std::string& out, const node_record& node) {
  put16(out, node.port);
  put8(out, static_cast<unsigned>(node.type));
  put8(out, node.protocol);
  put16(out, node.highest_version);
  put16(out, node.lowest_version);
  put_text(out, node.name);
  put_text(out, node.extra);
}

std::expected<request, errc> parse_alive2(std::string_view body) {
  if (body.size() <= alive2_fixed) return std::unexpected{errc::truncated};
  auto node = parse_node(body.substr(1));
  if (!node) return std::unexpected{node.error()};
  if (node->name.empty()) return std::unexpected{errc::empty_name};
  if (has_nul(node->name)) return std::unexpected{errc::nul_in_name};
  return alive2_request{std::move(*node)};
}

std::expected<request, errc> parse_port_please2(std::string_view body) {
  auto name = body.substr(1);
  if (name.ends_with('\0')) name.remove_suffix(1);
  if (auto good = check_name(name); !good) return std::unexpected{good.error()};
  return port_please2_request{std::string{name}};
}

/// The name reaches to the first NUL, as in a C string; whether it can exist at all is left to the directory.
std::expected<request, errc> parse_stop(std::string_view body) {
  const auto name = body.substr(1, body.find('\0', 1) - 1);
  if (name.empty()) return std::unexpected{errc::empty_name};
  return stop_request{std::string{name}};
}

std::expected<void, errc> check(const node_record& node) {
  if (node.extra.size() > max_name_bytes) return std::unexpected{errc::extra_too_long};
  return check_name(node.name);
}

std::expected<std::string, errc> encode_body(const alive2_request& message) {
  if (auto good = check(message.node); !good) return std::unexpected{good.error()};
  std::string body{static_cast<char>(opcode::alive2)};
  put_node(body, message.node);
  return body;
}

std::expected<std::string, errc> encode_named(opcode code, const std::string& name) {
  if (auto good = check_name(name); !good) return std::unexpected{good.error()};
  return static_cast<char>(code) + name;
}

std::expected<std::string, errc> encode_body(const port_please2_request& message) {
  return encode_named(opcode::port_please2, message.name);
}
std::expected<std::string, errc> encode_body(const stop_request& message) {
  return encode_named(opcode::stop, message.name);
}
std::expected<std::string, errc> encode_body(const names_request&) {
  return std::string{static_cast<char>(opcode::names)};
}
std::expected<std::string, errc> encode_body(const dump_request&) {
  return std::string{static_cast<char>(opcode::dump)};
}
std::expected<std::string, errc> encode_body(const kill_request&) {
  return std::string{static_cast<char>(opcode::kill)};
}

/// `name X at port N` without its line feed.
std::optional<listed_name> parse_line(std::string_view line) {
  constexpr auto prefix = "name "sv;
  constexpr auto middle = " at port "sv;
  const auto at = line.rfind(middle);
  if (!line.starts_with(prefix) || at == line.npos || at < prefix.size()) return std::nullopt;
  listed_name found;
  found.name = line.substr(prefix.size(), at - prefix.size());
  const auto digits = line.substr(at + middle.size());
  const char* const begin = digits.data();
  const char* const end = begin + digits.size();
  const auto parsed = std::from_chars(begin, end, found.port);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return found;
}

}  // namespace

std::optional<std::size_t> count_characters(std::string_view text) noexcept {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    const std::size_t length = character_length(text, at);
    if (length == 0) return std::nullopt;
    at += length;
  }
  return count;
}

std::expected<void, errc> check_name(std::string_view name) noexcept {
  if (name.empty()) return std::unexpected{errc::empty_name};
  if (has_nul(name)) return std::unexpected{errc::nul_in_name};
  if (name.size() > max_name_bytes) return std::unexpected{errc::name_too_long};
  const auto characters = count_characters(name);
  if (!characters) return std::unexpected{errc::bad_encoding};
  if (*characters > max_name_characters) return std::unexpected{errc::name_too_long};
  return {};
}

std::optional<std::uint16_t> agreed_version(const node_record& own, const node_record& peer) noexcept {
  const auto version = std::min(own.highest_version, peer.highest_version);
  if (version < own.lowest_version || version < peer.lowest_version) return std::nullopt;
  return version;
}

std::expected<std::string, errc> encode(const request& message) {
  auto body = std::visit([](const auto& kind) { return encode_body(kind); }, message);
  if (!body) return std::unexpected{body.error()};
  std::string bytes;
  bytes.reserve(2 + body->size());
  put_text(bytes, *body);
  return bytes;
}

std::expected<request, errc> parse_request(std::string_view body) {
  if (body.empty()) return std::unexpected{errc::truncated};
  switch (static_cast<opcode>(body.front())) {
    case opcode::alive2: return parse_alive2(body);
    case opcode::port_please2: return parse_port_please2(body);
    case opcode::names: return names_request{};
    case opcode::dump: return dump_request{};
    case opcode::kill: return kill_request{};
    case opcode::stop: return parse_stop(body);
  }
  return std::unexpected{errc::unknown_request};
}

std::expected<bool, errc> request_reader::feed(std::string_view bytes) {
  // Never more than one request and one byte of excess is kept, whatever the peer sends.
  bytes_ += bytes.substr(0, 2 + max_request_body + 1 - std::min(bytes_.size(), 2 + max_request_body));
  if (bytes_.size() < 2) return false;
  const std::size_t announced = get16(bytes_, 0);
  if (announced < 1 || announced > max_request_body) return std::unexpected{errc::bad_length};
  if (bytes_.size() > 2 + announced) return std::unexpected{errc::trailing_bytes};
  return bytes_.size() == 2 + announced;
}

std::string_view request_reader::body() const noexcept {
  return std::string_view{bytes_}.substr(std::min<std::size_t>(2, bytes_.size()));
}

std::string encode_alive2_answer(const alive2_answer& answer, std::uint16_t highest_version) {
  std::string out;
  if (highest_version >= 6) {
    put8(out, static_cast<unsigned>(answer_tag::alive2_x));
    put8(out, answer.result);
    put32(out, answer.creation);
  } else {
    put8(out, static_cast<unsigned>(answer_tag::alive2));
    put8(out, answer.result);
    put16(out, answer.creation & 0xffff);
  }
  return out;
}

std::string encode_port2_answer(const node_record& node) {
  std::string out;
  put8(out, static_cast<unsigned>(answer_tag::port2));
  put8(out, 0);
  put_node(out, node);
  return out;
}

std::string encode_port2_not_found() { return {static_cast<char>(answer_tag::port2), 1}; }

std::string encode_listing_head(std::uint32_t epmd_port) {
  std::string out;
  put32(out, epmd_port);
  return out;
}

std::expected<std::optional<alive2_answer>, errc> parse_alive2_answer(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  const auto tag = static_cast<answer_tag>(bytes.front());
  if (tag != answer_tag::alive2 && tag != answer_tag::alive2_x) return std::unexpected{errc::bad_answer};
  const bool wide = tag == answer_tag::alive2_x;
  const std::size_t size = wide ? 6 : 4;
  if (bytes.size() < size) return std::nullopt;
  if (bytes.size() > size) return std::unexpected{errc::bad_answer};
  return alive2_answer{get8(bytes, 1), wide ? get32(bytes, 2) : get16(bytes, 2)};
}

std::expected<node_record, errc> parse_port2_answer(std::string_view bytes) {
  if (bytes.empty()) return std::unexpected{errc::closed_early};
  if (static_cast<answer_tag>(bytes.front()) != answer_tag::port2) return std::unexpected{errc::bad_answer};
  if (bytes.size() < 2) return std::unexpected{errc::truncated};
  if (get8(bytes, 1) != 0) return std::unexpected{errc::not_found};
  return parse_node(bytes.substr(2));
}

std::expected<listing, errc> parse_listing(std::string_view bytes) {
  if (bytes.empty()) return std::unexpected{errc::closed_early};
  if (bytes.size() < 4) return std::unexpected{errc::truncated};
  return listing{get32(bytes, 0), std::string{bytes.substr(4)}};
}

std::vector<listed_name> names_in(const listing& answer) {
  std::vector<listed_name> names;
  std::string_view rest = answer.text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (auto line = parse_line(rest.substr(0, end))) names.push_back(std::move(*line));
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  return names;
}

std::expected<kill_answer, errc> parse_kill_answer(std::string_view bytes) {
  if (bytes.empty()) return std::unexpected{errc::closed_early};
  if (bytes == "OK") return kill_answer::killed;
  if (bytes == "NO") return kill_answer::nodes_alive;
  return std::unexpected{errc::bad_answer};
}

std::expected<stop_answer, errc> parse_stop_answer(std::string_view bytes) {
  if (bytes.empty()) return std::unexpected{errc::closed_early};
  if (bytes == "STOPPED") return stop_answer::stopped;
  if (bytes.starts_with("NOEXIST")) return stop_answer::unknown_name;
  return std::unexpected{errc::bad_answer};
}

}  // namespace ergo::inline v0::epmd
