// Texts for how a handshake ended, the message cutter, and what both roles share.
#include <ergo/dist/handshake.hpp>

#include "bytes.hpp"
#include "handshake_common.hpp"

#include <ergo/dist/handshake_input.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace ergo::inline v0::dist {
namespace {

struct errc_text {
  std::string_view name;
  std::string_view sentence;
};

// In the order of handshake_errc.
constexpr std::array errc_texts{
    errc_text{"closed", "the peer closed the connection"},
    errc_text{"timeout", "the peer took too long"},
    errc_text{"bad_message",
              "the peer sent something that is not a handshake message; is it an Erlang node, and do both "
              "sides use TLS or both not?"},
    errc_text{"too_long",
              "the peer announced a handshake message of an absurd length; is it an Erlang node, and do "
              "both sides use TLS or both not?"},
    errc_text{"unexpected_status", "the peer sent a status that makes no sense here"},
    errc_text{"bad_name", "the node name is not of the form name@host"},
    errc_text{"mixed_names", "one node uses long names (-name) and the other short ones (-sname)"},
    errc_text{"own_name", "the peer has our own node name"},
    errc_text{"name_mismatch", "a node with another name answered"},
    errc_text{"missing_flags", "the peer lacks "},
    errc_text{"not_allowed",
              "the peer refused us: we are not on its allow list, or its release needs capabilities we "
              "do not offer"},
    errc_text{"refused", "the node is not on our allow list"},
    errc_text{"nok", "the peer is connecting to us itself"},
    errc_text{"yielded", "we are connecting to the peer ourselves"},
    errc_text{"duplicate", "there is a connection to this node already"},
    errc_text{"superseded", "another connection with this node was completed first"},
    errc_text{"wrong_cookie", "the peer's cookie is not ours"},
    errc_text{"cookie_rejected", "the peer closed the connection after our proof: most likely its cookie is not ours"},
    errc_text{"reflected", "the peer sent our own challenge back"},
    errc_text{"digest_unavailable",
              "MD5 is not available in this process (FIPS mode?), and Erlang's handshake needs it"},
    errc_text{"bad_event", "the handshake's driver broke its protocol"},
};
static_assert(errc_texts.size() == static_cast<std::size_t>(handshake_errc::bad_event) + 1);

// In the order of handshake_step.
constexpr std::array<std::string_view, 11> step_texts{
    "start", "name", "admission", "status", "alive", "challenge", "complement", "reply", "commit", "ack", "finished"};
static_assert(step_texts.size() == static_cast<std::size_t>(handshake_step::finished) + 1);

std::string hint(const handshake_failure& failure) {
  if (failure.code == handshake_errc::missing_flags) {
    const int release = first_release_with(failure.missing);
    std::string text = to_string(failure.missing);
    if (release != 0) text += " (OTP " + std::to_string(release) + " or later is needed)";
    return text;
  }
  if (failure.code == handshake_errc::name_mismatch && !failure.answered.empty()) return ": " + failure.answered;
  if (failure.code == handshake_errc::closed && failure.step == handshake_step::status)
    return ": nodes that ask for TLS do so when they are called without it, and OTP 22 and older at a newer handshake";
  return {};
}

}  // namespace

std::string_view to_string(handshake_errc code) { return errc_texts[static_cast<std::size_t>(code)].name; }

std::string_view to_string(handshake_step step) { return step_texts[static_cast<std::size_t>(step)]; }

std::string to_string(const handshake_failure& failure) {
  std::string text{errc_texts[static_cast<std::size_t>(failure.code)].sentence};
  text += hint(failure);
  if (failure.step != handshake_step::finished) {
    text += " (handshake step: ";
    text += to_string(failure.step);
    text += ')';
  }
  return text;
}

void handshake_input::feed(bytes_view chunk) {
  if (read_ == buffer_.size()) {
    buffer_.clear();
  } else {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(read_));
  }
  read_ = 0;
  detail::put_bytes(buffer_, chunk);
}

handshake_input::next_message handshake_input::next() {
  const bytes_view rest = bytes_view{buffer_}.subspan(read_);
  const auto width = static_cast<std::size_t>(prefix_);
  if (rest.size() < width) return {outcome::need_more, {}};
  const std::size_t length = prefix_ == length_prefix::two_bytes ? detail::load<std::uint16_t>(rest.data())
                                                                 : detail::load<std::uint32_t>(rest.data());
  if (length > max_message_) return {outcome::too_long, {}};
  if (rest.size() - width < length) return {outcome::need_more, {}};
  read_ += width + length;
  return {outcome::message, rest.subspan(width, length)};
}

byte_buffer handshake_input::take_rest() {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(read_));
  read_ = 0;
  return std::exchange(buffer_, {});
}

namespace detail {

std::optional<digest> prove(const handshake_config& config, const std::string& cookie, std::uint32_t challenge) {
  std::string text = cookie + std::to_string(challenge);
  const auto proof = config.md5 ? config.md5(std::as_bytes(std::span{text})) : std::nullopt;
  wipe(text);
  return proof;
}

bool same_proof(const digest& a, const digest& b) {
  volatile unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference = difference | std::to_integer<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

bool is_reflection(const handshake_config& config, std::uint32_t challenge) {
  return challenge == config.challenge || (config.issued_here && config.issued_here(challenge));
}

void wipe(std::string& secret) {
  volatile char* bytes = secret.data();
  for (std::size_t i = 0; i < secret.size(); ++i) bytes[i] = 0;
  secret.clear();
}

}  // namespace detail
}  // namespace ergo::inline v0::dist
