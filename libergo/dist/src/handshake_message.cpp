// Wire form of the handshake messages.
#include <ergo/dist/handshake_message.hpp>

#include "bytes.hpp"

#include <ergo/dist/node_name.hpp>

#include <algorithm>

namespace ergo::inline v0::dist {
namespace {

using detail::put;
using detail::put_bytes;
using detail::put_text;
using detail::reader;

// The version that old-form messages carry; nobody checks it.
constexpr std::uint16_t old_version = 5;

struct status_text {
  status_code code;
  std::string_view text;
};

constexpr std::array status_texts{
    status_text{status_code::ok, "ok"},        status_text{status_code::ok_simultaneous, "ok_simultaneous"},
    status_text{status_code::nok, "nok"},      status_text{status_code::not_allowed, "not_allowed"},
    status_text{status_code::alive, "alive"},  status_text{status_code::named, "named:"},
    status_text{status_code::is_true, "true"}, status_text{status_code::is_false, "false"},
};

bool starts_with_tag(reader& in, char tag) { return in.get<std::uint8_t>() == tag && in.ok(); }

digest read_digest(reader& in) {
  digest value{};
  std::ranges::copy(in.take(value.size()), value.begin());
  return value;
}

std::uint32_t low_half(flags f) { return static_cast<std::uint32_t>(f.bits()); }

void put_name(byte_buffer& out, std::string_view name) {
  const std::string latin1 = utf8_to_latin1(name).value_or(std::string{});
  put(out, static_cast<std::uint16_t>(latin1.size()));
  put_text(out, latin1);
}

void put_bare_name(byte_buffer& out, std::string_view name) {
  put_text(out, utf8_to_latin1(name).value_or(std::string{}));
}

// Leaves room for the length, lets `body` append the message and fills the length in.
template <typename Body>
void framed(byte_buffer& out, length_prefix prefix, Body body) {
  const auto start = out.size();
  const auto width = static_cast<std::size_t>(prefix);
  out.resize(start + width);
  body();
  const auto length = out.size() - start - width;
  if (prefix == length_prefix::two_bytes)
    detail::store(out.data() + start, static_cast<std::uint16_t>(length));
  else
    detail::store(out.data() + start, static_cast<std::uint32_t>(length));
}

}  // namespace

std::string_view to_string(status_code code) { return status_texts[static_cast<std::size_t>(code)].text; }

std::optional<name_message> parse_name(bytes_view body) {
  reader in{body};
  const auto tag = in.get<std::uint8_t>();
  name_message message{};
  if (tag == 'N') {
    message.offered = flags{in.get<std::uint64_t>()};
    message.creation = in.get<std::uint32_t>();
    message.name = latin1_to_utf8(in.text(in.get<std::uint16_t>()));
  } else if (tag == 'n') {
    message.form = name_form::old_form;
    in.get<std::uint16_t>();
    message.offered = flags{in.get<std::uint32_t>()};
    message.name = latin1_to_utf8(in.text());
  } else {
    return std::nullopt;
  }
  return in.ok() ? std::optional{message} : std::nullopt;
}

std::optional<status_message> parse_status(bytes_view body) {
  reader in{body};
  if (!starts_with_tag(in, 's')) return std::nullopt;
  const std::string_view text = in.text();
  for (const status_text& row : status_texts)
    if (row.code != status_code::named && row.text == text) return status_message{row.code, {}, 0};
  const std::string_view named = to_string(status_code::named);
  if (!text.starts_with(named)) return std::nullopt;
  reader rest{body.subspan(1 + named.size())};
  status_message message{status_code::named, std::string{rest.text(rest.get<std::uint16_t>())}, 0};
  message.creation = rest.get<std::uint32_t>();
  return rest.ok() ? std::optional{message} : std::nullopt;
}

std::optional<challenge_message> parse_challenge(bytes_view body) {
  reader in{body};
  const auto tag = in.get<std::uint8_t>();
  challenge_message message{};
  if (tag == 'N') {
    message.offered = flags{in.get<std::uint64_t>()};
    message.challenge = in.get<std::uint32_t>();
    message.creation = in.get<std::uint32_t>();
    message.name = latin1_to_utf8(in.text(in.get<std::uint16_t>()));
  } else if (tag == 'n') {
    message.form = name_form::old_form;
    in.get<std::uint16_t>();
    message.offered = flags{in.get<std::uint32_t>()};
    message.challenge = in.get<std::uint32_t>();
    message.name = latin1_to_utf8(in.text());
  } else {
    return std::nullopt;
  }
  return in.ok() ? std::optional{message} : std::nullopt;
}

std::optional<complement_message> parse_complement(bytes_view body) {
  reader in{body};
  if (!starts_with_tag(in, 'c')) return std::nullopt;
  complement_message message{};
  message.flags_high = in.get<std::uint32_t>();
  message.creation = in.get<std::uint32_t>();
  return in.finished() ? std::optional{message} : std::nullopt;
}

std::optional<reply_message> parse_reply(bytes_view body) {
  reader in{body};
  if (!starts_with_tag(in, 'r')) return std::nullopt;
  reply_message message{};
  message.challenge = in.get<std::uint32_t>();
  message.proof = read_digest(in);
  return in.finished() ? std::optional{message} : std::nullopt;
}

std::optional<ack_message> parse_ack(bytes_view body) {
  reader in{body};
  if (!starts_with_tag(in, 'a')) return std::nullopt;
  const ack_message message{read_digest(in)};
  return in.finished() ? std::optional{message} : std::nullopt;
}

void append(byte_buffer& out, length_prefix prefix, const name_message& message) {
  framed(out, prefix, [&] {
    if (message.form == name_form::new_form) {
      put(out, std::uint8_t{'N'});
      put(out, message.offered.bits());
      put(out, message.creation);
      put_name(out, message.name);
    } else {
      put(out, std::uint8_t{'n'});
      put(out, old_version);
      put(out, low_half(message.offered));
      put_bare_name(out, message.name);
    }
  });
}

void append(byte_buffer& out, length_prefix prefix, const status_message& message) {
  framed(out, prefix, [&] {
    put(out, std::uint8_t{'s'});
    put_text(out, to_string(message.code));
    if (message.code != status_code::named) return;
    put(out, static_cast<std::uint16_t>(message.name.size()));
    put_text(out, message.name);
    put(out, message.creation);
  });
}

void append(byte_buffer& out, length_prefix prefix, const challenge_message& message) {
  framed(out, prefix, [&] {
    if (message.form == name_form::new_form) {
      put(out, std::uint8_t{'N'});
      put(out, message.offered.bits());
      put(out, message.challenge);
      put(out, message.creation);
      put_name(out, message.name);
    } else {
      put(out, std::uint8_t{'n'});
      put(out, old_version);
      put(out, low_half(message.offered));
      put(out, message.challenge);
      put_bare_name(out, message.name);
    }
  });
}

void append(byte_buffer& out, length_prefix prefix, const complement_message& message) {
  framed(out, prefix, [&] {
    put(out, std::uint8_t{'c'});
    put(out, message.flags_high);
    put(out, message.creation);
  });
}

void append(byte_buffer& out, length_prefix prefix, const reply_message& message) {
  framed(out, prefix, [&] {
    put(out, std::uint8_t{'r'});
    put(out, message.challenge);
    put_bytes(out, message.proof);
  });
}

void append(byte_buffer& out, length_prefix prefix, const ack_message& message) {
  framed(out, prefix, [&] {
    put(out, std::uint8_t{'a'});
    put_bytes(out, message.proof);
  });
}

}  // namespace ergo::inline v0::dist
