// What the handshake tests share: OpenSSL's MD5, short ways to write messages, a driver that runs a machine against a
// scripted peer and one that runs two machines against each other.
#pragma once

#include <ergo/dist/acceptor.hpp>
#include <ergo/dist/connector.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ergo::test {

namespace dist = ergo::dist;
namespace handshake = ergo::dist::handshake;
using dist::byte_buffer;
using dist::bytes_view;
using dist::flag;
using dist::flags;
using dist::handshake_errc;
using dist::handshake_step;

inline std::optional<dist::digest> md5(bytes_view data) {
  dist::digest out{};
  unsigned length = 0;
  const bool good = EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), &length,
                               EVP_md5(), nullptr) == 1;
  return good ? std::optional{out} : std::nullopt;
}

inline std::optional<dist::digest> no_md5(bytes_view) { return std::nullopt; }

inline dist::digest proof(std::string_view cookie, std::uint32_t challenge) {
  const std::string text = std::string{cookie} + std::to_string(challenge);
  return md5(std::as_bytes(std::span{text})).value();
}

inline std::string hex(bytes_view bytes) {
  std::string text;
  for (std::byte b : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text += digits[std::to_integer<unsigned>(b) >> 4];
    text += digits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

inline byte_buffer raw(std::string_view text) {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

/// A message with its length in front.
template <typename Message>
byte_buffer wire(const Message& message, dist::length_prefix prefix = dist::length_prefix::two_bytes) {
  byte_buffer out;
  dist::append(out, prefix, message);
  return out;
}

inline byte_buffer status(dist::status_code code) { return wire(dist::status_message{code, {}, 0}); }

inline byte_buffer join(std::initializer_list<byte_buffer> parts) {
  byte_buffer all;
  for (const byte_buffer& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

constexpr std::uint32_t our_challenge = 1111;
constexpr std::uint32_t peer_challenge = 2222;

inline dist::handshake_config config_of(std::string name, std::uint32_t challenge = our_challenge) {
  dist::handshake_config config;
  config.name = std::move(name);
  config.creation = 77;
  config.challenge = challenge;
  config.md5 = md5;
  return config;
}

/// One thing a script expects from the machine, and what is answered.
struct script_step {
  std::variant<handshake::write, handshake::read, handshake::ask, handshake::ask_alive, handshake::commit> expect;
  byte_buffer bytes;  // expected to be written, or to be received
  handshake::event answer{handshake::sent{}};
};

inline script_step expect_write(byte_buffer bytes) { return {handshake::write{}, std::move(bytes), handshake::sent{}}; }
inline script_step feed_read(byte_buffer bytes) { return {handshake::read{}, std::move(bytes), handshake::sent{}}; }
inline script_step answer_ask(handshake::decision decision, std::string cookie = "secret") {
  return {handshake::ask{}, {}, handshake::admission{decision, std::move(cookie), {}, 0}};
}
inline script_step answer_alive(handshake::verdict verdict) { return {handshake::ask_alive{}, {}, verdict}; }
inline script_step answer_commit(handshake::verdict verdict) { return {handshake::commit{}, {}, verdict}; }

using script = std::vector<script_step>;

/// How a run ended: `result` on success, `failure` otherwise; `wrong` names the first deviation from the script.
struct outcome {
  std::optional<dist::handshake_result> result;
  std::optional<dist::handshake_failure> failure;
  std::string wrong;
  std::vector<handshake_step> steps;  // the machine's step when each action was returned

  [[nodiscard]] std::string code() const {
    if (!wrong.empty()) return wrong;
    if (result) return "done";
    return failure ? std::string{dist::to_string(failure->code)} : "unfinished";
  }
};

/// Where a replay departs from the script: at step `at`, `event` is passed in place of the answer.
struct fault {
  std::size_t at;
  handshake::event event;
};

inline bool finish(handshake::action& action, outcome& out) {
  if (auto* done = std::get_if<handshake::done>(&action)) out.result = std::move(done->result);
  if (auto* failed = std::get_if<handshake::failed>(&action)) out.failure = std::move(failed->failure);
  return out.result || out.failure;
}

inline std::string deviation(const handshake::action& action, const script_step& step) {
  if (action.index() != std::visit([](auto e) { return handshake::action{e}.index(); }, step.expect))
    return "other action than the script's: " + std::to_string(action.index());
  const auto* write = std::get_if<handshake::write>(&action);
  if (write && !std::ranges::equal(write->bytes, step.bytes)) return "other bytes written: " + hex(write->bytes);
  return {};
}

/// Plays the script; at a fault the given event is passed, after which the machine must end.
template <typename Machine>
outcome play(Machine& machine, const script& steps, std::optional<fault> fault = std::nullopt) {
  outcome out;
  handshake::action action = machine.resume(handshake::started{});
  for (std::size_t i = 0; i < steps.size(); ++i) {
    out.steps.push_back(machine.step());
    if (finish(action, out)) return out;
    out.wrong = deviation(action, steps[i]);
    if (!out.wrong.empty()) return out;
    const bool read = std::holds_alternative<handshake::read>(action);
    const handshake::event event = read ? handshake::event{handshake::received{steps[i].bytes}} : steps[i].answer;
    if (fault && fault->at == i) {
      action = machine.resume(fault->event);
      if (std::holds_alternative<handshake::write>(action)) action = machine.resume(handshake::sent{});
      finish(action, out);
      return out;
    }
    action = machine.resume(event);
  }
  finish(action, out);
  return out;
}

/// Two machines and the wire between them.
struct duel_result {
  outcome dialler;
  outcome accepter;
};

struct table_answers {
  handshake::admission admission{handshake::decision::ok, "secret", {}, 0};
  handshake::verdict alive{handshake::verdict::proceed};
  handshake::verdict commit{handshake::verdict::proceed};
};

/// Runs both ends to their end, with `chunk` bytes handed over at a time.
inline duel_result duel(dist::connector& dialler, dist::acceptor& accepter, const table_answers& table = {},
                        std::size_t chunk = 1u << 20) {
  struct side {
    std::function<handshake::action(const handshake::event&)> resume;
    handshake::action action{handshake::read{}};
    std::deque<std::byte> inbox;
    outcome out{};
  };
  side a{[&](const handshake::event& e) { return dialler.resume(e); }};
  side b{[&](const handshake::event& e) { return accepter.resume(e); }};
  a.action = a.resume(handshake::started{});
  b.action = b.resume(handshake::started{});

  const auto turn = [&](side& self, side& other) {
    if (self.out.result || self.out.failure) return false;
    if (finish(self.action, self.out)) return true;
    handshake::event event{handshake::sent{}};
    byte_buffer bytes;
    if (const auto* write = std::get_if<handshake::write>(&self.action)) {
      other.inbox.insert(other.inbox.end(), write->bytes.begin(), write->bytes.end());
    } else if (std::holds_alternative<handshake::read>(self.action)) {
      const auto count = static_cast<std::ptrdiff_t>(std::min(chunk, self.inbox.size()));
      if (count == 0 && !other.out.failure) return false;
      bytes.assign(self.inbox.begin(), self.inbox.begin() + count);
      self.inbox.erase(self.inbox.begin(), self.inbox.begin() + count);
      event = bytes.empty() ? handshake::event{handshake::closed{}} : handshake::event{handshake::received{bytes}};
    } else if (std::holds_alternative<handshake::ask>(self.action)) {
      event = table.admission;
    } else if (std::holds_alternative<handshake::ask_alive>(self.action)) {
      event = table.alive;
    } else {
      event = table.commit;
    }
    self.action = self.resume(event);
    return true;
  };

  while (true) {
    const bool moved_a = turn(a, b);
    const bool moved_b = turn(b, a);
    if (!moved_a && !moved_b) break;
  }
  if (a.out.result) a.out.result->leftover.insert(a.out.result->leftover.end(), a.inbox.begin(), a.inbox.end());
  return {std::move(a.out), std::move(b.out)};
}

}  // namespace ergo::test
