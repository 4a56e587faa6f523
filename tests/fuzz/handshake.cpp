// Both roles of the handshake against a peer that says anything, with or without the cookie, and a driver that passes
// any event. Oracles: nobody who does not know the cookie gets as far as `commit` or `done`; every question is answered
// by an action; an ended machine stays ended; memory is bounded by one message and one chunk.
#include <ergo/dist/acceptor.hpp>
#include <ergo/dist/connector.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace {

using namespace ergo::dist;

/// Stops the fuzzer: a broken promise is a finding.
void require(bool holds) {
  if (!holds) std::abort();
}

std::uint64_t mix(std::uint64_t hash, bytes_view bytes) {
  for (const std::byte b : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001B3ULL;
  return hash;
}

/// Not MD5, but as hard to guess for a fuzzer, and free of tables.
std::optional<digest> toy_digest(bytes_view data) {
  digest out{};
  std::uint64_t hash = mix(0xCBF29CE484222325ULL, data);
  for (auto& b : out) {
    hash = (hash ^ (hash >> 29)) * 0xBF58476D1CE4E5B9ULL + 1;
    b = static_cast<std::byte>(hash >> 56);
  }
  return out;
}

constexpr std::string_view cookie = "a cookie that no fuzzer knows";

digest proof_for(std::uint32_t challenge) {
  const std::string text = std::string{cookie} + std::to_string(challenge);
  return *toy_digest(std::as_bytes(std::span{text}));
}

/// The input, read from the front.
class source {
 public:
  explicit source(bytes_view bytes) : rest_{bytes} {}
  bool is_empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    const auto one = take(1);
    return one.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(one[0]);
  }
  bytes_view take(std::size_t size) {
    const auto piece = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(piece.size());
    return piece;
  }
  std::string text(std::size_t size) {
    const auto bytes = take(size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  bytes_view rest_;
};

template <typename Machine>
class session {
 public:
  session(Machine machine, source& input, length_prefix prefix, std::uint32_t challenge)
      : machine_{std::move(machine)}, input_{input}, prefix_{prefix}, challenge_{challenge} {}

  void run() {
    take(machine_.resume(handshake::started{}));
    while (!input_.is_empty()) step();
    if (!over_) take(machine_.resume(handshake::closed{}));
    require(over_ && machine_.step() == handshake_step::finished);
    take(machine_.resume(handshake::received{}));
  }

 private:
  void step() {
    const auto choice = input_.byte();
    switch (choice % 16) {
      case 0: return take(machine_.resume(handshake::closed{}));
      case 1: return take(machine_.resume(handshake::timed_out{}));
      case 2: return any_event(choice >> 4);
      case 3: return receive(handshake_bytes(choice >> 4));
      case 4:
      case 5: return receive(input_.take(input_.byte()));
      default: return answer(choice);
    }
  }

  // What a driver that keeps its promises does next.
  void answer(std::uint8_t choice) {
    if (over_) return;
    if (std::holds_alternative<handshake::write>(action_)) return take(machine_.resume(handshake::sent{}));
    if (std::holds_alternative<handshake::ask>(action_)) return take(machine_.resume(admission()));
    if (std::holds_alternative<handshake::read>(action_)) return receive(handshake_bytes(choice >> 4));
    take(machine_.resume(choice % 8 == 7 ? handshake::verdict::drop : handshake::verdict::proceed));
  }

  void any_event(int which) {
    const std::array<handshake::event, 7> events{
        handshake::started{},   handshake::sent{},      handshake::received{},      handshake::closed{},
        handshake::timed_out{}, handshake::admission{}, handshake::verdict::proceed};
    take(machine_.resume(events[static_cast<std::size_t>(which) % events.size()]));
  }

  handshake::admission admission() {
    const auto decided = static_cast<handshake::decision>(input_.byte() % 6);
    return {decided, std::string{cookie}, "given@host", 5};
  }

  void receive(bytes_view bytes) {
    if (over_ || !std::holds_alternative<handshake::read>(action_)) return;
    take(machine_.resume(handshake::received{bytes}));
  }

  // A well-formed message with contents of the fuzzer's choice; only the last two kinds know the cookie.
  byte_buffer handshake_bytes(int kind) {
    byte_buffer out;
    const flags offered = input_.byte() % 4 == 0 ? flags{mix(0, input_.take(8))} : pass_through_offer;
    const auto form = input_.byte() % 4 == 0 ? name_form::old_form : name_form::new_form;
    switch (kind) {
      case 0:
      case 1: append(out, prefix_, name_message{form, offered, 7, "peer@host"}); break;
      case 2: append(out, prefix_, name_message{form, offered.with(flag::name_me), 0, "host"}); break;
      case 3: append(out, prefix_, name_message{form, offered, 7, printable(input_.text(input_.byte() % 40))}); break;
      case 4:
      case 5: append(out, prefix_, status_message{static_cast<status_code>(input_.byte() % 8), "x@host", 3}); break;
      case 6: append(out, prefix_, status_message{status_code::ok, {}, 0}); break;
      case 7:
      case 8: append(out, prefix_, challenge_message{form, offered, peer_challenge_, 7, "peer@host"}); break;
      case 9: append(out, prefix_, challenge_message{form, offered, challenge_, 7, "peer@host"}); break;
      case 10: append(out, prefix_, complement_message{static_cast<std::uint32_t>(offered.bits() >> 32), 7}); break;
      case 11: append(out, prefix_, reply_message{peer_challenge_, any_digest()}); break;
      case 12: append(out, prefix_, ack_message{any_digest()}); break;
      case 13: append(out, prefix_, ack_message{*toy_digest(input_.take(16))}); break;
      case 14:
        knows_cookie_ = true;
        append(out, prefix_, reply_message{peer_challenge_, proof_for(challenge_)});
        break;
      default: knows_cookie_ = true; append(out, prefix_, ack_message{proof_for(challenge_)});
    }
    return out;
  }

  static std::string printable(std::string text) {
    for (char& c : text) c = static_cast<char>(c & 0x7F);
    return text;
  }

  // The machine's own proof, when it has shown one; otherwise bytes of the input.
  digest any_digest() {
    digest out = seen_;
    if (input_.byte() % 2 == 0) {
      const auto bytes = input_.take(out.size());
      std::copy(bytes.begin(), bytes.end(), out.begin());
    }
    return out;
  }

  void take(handshake::action action) {
    const bool ended =
        std::holds_alternative<handshake::done>(action) || std::holds_alternative<handshake::failed>(action);
    if (over_) {
      const auto* failed = std::get_if<handshake::failed>(&action);
      require(failed != nullptr && failed->failure.code == handshake_errc::bad_event);
      return;
    }
    action_ = std::move(action);
    over_ = ended;
    if (const auto* write = std::get_if<handshake::write>(&action_)) {
      require(!write->bytes.empty() && write->bytes.size() < 1024);
      if (write->bytes.size() >= seen_.size()) std::ranges::copy(write->bytes.last(seen_.size()), seen_.begin());
    }
    const bool proven =
        std::holds_alternative<handshake::done>(action_) || std::holds_alternative<handshake::commit>(action_);
    require(!proven || knows_cookie_);
    if (const auto* done = std::get_if<handshake::done>(&action_)) {
      require(valid_node_name(done->result.peer));
      require(done->result.peer_flags.contains(required_of_peers));
      require(done->result.peer_flags.contains(done->result.negotiated));
    }
    if (const auto* failed = std::get_if<handshake::failed>(&action_)) require(!to_string(failed->failure).empty());
  }

  Machine machine_;
  source& input_;
  length_prefix prefix_;
  std::uint32_t challenge_;
  std::uint32_t peer_challenge_{4711};
  handshake::action action_{handshake::read{}};
  digest seen_{};
  bool knows_cookie_{false};
  bool over_{false};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes_view bytes = std::as_bytes(std::span{data, size});
  source input{bytes};
  const auto shape = input.byte();
  handshake_config config;
  config.prefix = (shape & 1) != 0 ? length_prefix::four_bytes : length_prefix::two_bytes;
  config.names = static_cast<naming>((shape >> 1) % 3);
  config.creation = 5;
  // Another challenge for every input, so that a proof found once is worth nothing.
  config.challenge = static_cast<std::uint32_t>(mix(1, bytes) >> 32);
  config.md5 = toy_digest;
  config.name = (shape & 0x80) != 0 ? "host" : "us@host";
  if ((shape & 0x40) != 0) {
    session<connector>{connector{config, "peer@host", std::string{cookie}}, input, config.prefix, config.challenge}
        .run();
  } else {
    config.name = "us@host";
    session<acceptor>{acceptor{config}, input, config.prefix, config.challenge}.run();
  }
  return 0;
}
