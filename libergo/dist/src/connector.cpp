// The connecting side of the handshake.
#include <ergo/dist/connector.hpp>

#include "handshake_common.hpp"

#include <utility>

namespace ergo::inline v0::dist {

using handshake::action;

connector::connector(handshake_config config, std::string peer, std::string cookie)
    : config_{std::move(config)}, cookie_{std::move(cookie)}, input_{config_.prefix, config_.max_message} {
  result_.peer = std::move(peer);
  result_.our_name = config_.name;
  result_.our_creation = config_.creation;
}

connector::~connector() { detail::wipe(cookie_); }

bool connector::wants_name() const { return config_.name.find('@') == std::string::npos; }

action connector::resume(const handshake::event& event) {
  if (phase_ == phase::ended) return fail(handshake_errc::bad_event);
  const bool ended = std::holds_alternative<handshake::closed>(event);
  const bool late = std::holds_alternative<handshake::timed_out>(event);
  if (give_up_ && (ended || late)) return fail(handshake_errc::duplicate);
  if (late) return fail(handshake_errc::timeout);
  if (ended) return fail(step_ == handshake_step::ack ? handshake_errc::cookie_rejected : handshake_errc::closed);
  if (std::holds_alternative<handshake::started>(event) && phase_ == phase::fresh) return start();
  if (std::holds_alternative<handshake::sent>(event) && phase_ == phase::writing) return after_sent();
  if (const auto* chunk = std::get_if<handshake::received>(&event); chunk && phase_ == phase::reading) {
    input_.feed(chunk->bytes);
    return next_message();
  }
  if (const auto* verdict = std::get_if<handshake::verdict>(&event); verdict && phase_ == phase::asking)
    return on_verdict(*verdict);
  return fail(handshake_errc::bad_event);
}

action connector::start() {
  const bool valid = wants_name() ? valid_host(config_.name) : valid_node_name(config_.name);
  if (!valid || !valid_node_name(result_.peer)) return fail(handshake_errc::bad_name);
  if (result_.peer == config_.name) return fail(handshake_errc::own_name);
  if (!fits(result_.peer, config_.names)) return fail(handshake_errc::mixed_names);
  name_message message{};
  message.offered = wants_name() ? config_.offer.with(flag::name_me) : config_.offer;
  message.creation = wants_name() ? 0 : config_.creation;
  message.name = config_.name;
  append(output_, config_.prefix, message);
  return write(handshake_step::status);
}

action connector::after_sent() {
  output_.clear();
  return give_up_ ? fail(handshake_errc::duplicate) : next_message();
}

action connector::next_message() {
  const auto next = input_.next();
  switch (next.what) {
    case handshake_input::outcome::need_more: return read();
    case handshake_input::outcome::too_long: return fail(handshake_errc::too_long);
    case handshake_input::outcome::message: break;
  }
  return on_message(next.body);
}

action connector::on_message(bytes_view body) {
  switch (step_) {
    case handshake_step::status: return on_status(body);
    case handshake_step::challenge: return on_challenge(body);
    default: return on_ack(body);
  }
}

action connector::on_status(bytes_view body) {
  const auto status = parse_status(body);
  if (!status) return fail(handshake_errc::bad_message);
  switch (status->code) {
    case status_code::nok: return fail(handshake_errc::nok);
    case status_code::not_allowed: return fail(handshake_errc::not_allowed);
    case status_code::named: return on_named(*status);
    case status_code::alive:
      phase_ = phase::asking;
      step_ = handshake_step::alive;
      return handshake::ask_alive{};
    case status_code::ok:
    case status_code::ok_simultaneous:
      if (wants_name()) break;
      step_ = handshake_step::challenge;
      return next_message();
    case status_code::is_true:
    case status_code::is_false: break;
  }
  return fail(handshake_errc::unexpected_status);
}

action connector::on_named(const status_message& status) {
  if (!wants_name()) return fail(handshake_errc::unexpected_status);
  if (!valid_node_name(status.name) || host_of(status.name) != config_.name) return fail(handshake_errc::bad_name);
  if (status.name == result_.peer) return fail(handshake_errc::own_name);
  result_.our_name = status.name;
  result_.our_creation = status.creation;
  step_ = handshake_step::challenge;
  return next_message();
}

action connector::on_verdict(handshake::verdict verdict) {
  give_up_ = verdict == handshake::verdict::drop;
  append(output_, config_.prefix, status_message{give_up_ ? status_code::is_false : status_code::is_true, {}, 0});
  return write(give_up_ ? handshake_step::alive : handshake_step::challenge);
}

action connector::on_challenge(bytes_view body) {
  const auto message = parse_challenge(body);
  if (!message) return fail(handshake_errc::bad_message);
  if (message->name != result_.peer) {
    auto mismatch = fail(handshake_errc::name_mismatch);
    if (valid_node_name(message->name)) std::get<handshake::failed>(mismatch).failure.answered = message->name;
    return mismatch;
  }
  const flags lacking = missing(message->offered, config_.required);
  if (!lacking.empty()) return fail(handshake_errc::missing_flags, lacking);
  if (detail::is_reflection(config_, message->challenge)) return fail(handshake_errc::reflected);
  const auto proof = detail::prove(config_, cookie_, message->challenge);
  if (!proof) return fail(handshake_errc::digest_unavailable);
  our_proof_ = *proof;
  result_.creation = message->creation;
  result_.peer_flags = expand_digest(message->offered);
  result_.negotiated = negotiate(config_.offer, message->offered);
  append(output_, config_.prefix, reply_message{config_.challenge, our_proof_});
  return write(handshake_step::ack);
}

action connector::on_ack(bytes_view body) {
  const auto message = parse_ack(body);
  if (!message) return fail(handshake_errc::bad_message);
  if (detail::same_proof(message->proof, our_proof_)) return fail(handshake_errc::reflected);
  const auto expected = detail::prove(config_, cookie_, config_.challenge);
  if (!expected) return fail(handshake_errc::digest_unavailable);
  if (!detail::same_proof(message->proof, *expected)) return fail(handshake_errc::wrong_cookie);
  phase_ = phase::ended;
  step_ = handshake_step::finished;
  detail::wipe(cookie_);
  result_.leftover = input_.take_rest();
  return handshake::done{std::move(result_)};
}

action connector::write(handshake_step next) {
  phase_ = phase::writing;
  step_ = next;
  return handshake::write{output_};
}

action connector::read() {
  phase_ = phase::reading;
  return handshake::read{};
}

action connector::fail(handshake_errc code, flags missing) {
  const handshake_step where = std::exchange(step_, handshake_step::finished);
  phase_ = phase::ended;
  detail::wipe(cookie_);
  return handshake::failed{{code, where, missing, result_.peer, {}}};
}

}  // namespace ergo::inline v0::dist
