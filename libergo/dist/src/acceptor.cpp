// The accepting side of the handshake.
#include <ergo/dist/acceptor.hpp>

#include "handshake_common.hpp"

#include <utility>

namespace ergo::inline v0::dist {

using handshake::action;
using handshake::decision;

acceptor::acceptor(handshake_config config) : config_{std::move(config)}, input_{config_.prefix, config_.max_message} {
  result_.our_name = config_.name;
  result_.our_creation = config_.creation;
}

acceptor::~acceptor() { detail::wipe(cookie_); }

action acceptor::resume(const handshake::event& event) {
  if (phase_ == phase::ended) return fail(handshake_errc::bad_event);
  const bool ended = std::holds_alternative<handshake::closed>(event);
  const bool late = std::holds_alternative<handshake::timed_out>(event);
  if (ended || late) return refusal_ ? end_refused() : fail(ended ? handshake_errc::closed : handshake_errc::timeout);
  if (std::holds_alternative<handshake::started>(event) && phase_ == phase::fresh) return start();
  if (std::holds_alternative<handshake::sent>(event) && phase_ == phase::writing) return after_sent();
  if (const auto* chunk = std::get_if<handshake::received>(&event); chunk && phase_ == phase::reading) {
    input_.feed(chunk->bytes);
    return next_message();
  }
  if (phase_ == phase::asking) {
    if (const auto* admission = std::get_if<handshake::admission>(&event);
        admission && step_ == handshake_step::admission)
      return on_admission(*admission);
    if (const auto* verdict = std::get_if<handshake::verdict>(&event); verdict && step_ == handshake_step::commit)
      return on_commit(*verdict);
  }
  return fail(handshake_errc::bad_event);
}

action acceptor::start() {
  if (!valid_node_name(config_.name)) return fail(handshake_errc::bad_name);
  return read(handshake_step::name);
}

action acceptor::after_sent() {
  output_.clear();
  if (refusal_) return end_refused();
  if (step_ != handshake_step::finished) return next_message();
  phase_ = phase::ended;
  detail::wipe(cookie_);
  result_.leftover = input_.take_rest();
  return handshake::done{std::move(result_)};
}

action acceptor::end_refused() { return fail(refusal_->code, refusal_->missing); }

action acceptor::next_message() {
  const auto next = input_.next();
  switch (next.what) {
    case handshake_input::outcome::need_more: return read(step_);
    case handshake_input::outcome::too_long: return fail(handshake_errc::too_long);
    case handshake_input::outcome::message: break;
  }
  return on_message(next.body);
}

action acceptor::on_message(bytes_view body) {
  switch (step_) {
    case handshake_step::name: return on_name(body);
    case handshake_step::alive: return on_alive_answer(body);
    case handshake_step::complement: return on_complement(body);
    default: return on_reply(body);
  }
}

action acceptor::on_name(bytes_view body) {
  auto message = parse_name(body);
  if (!message) return fail(handshake_errc::bad_message);
  offered_ = message->offered;
  form_ = message->form;
  result_.creation = message->creation;
  result_.peer = std::move(message->name);
  return judge_name();
}

action acceptor::judge_name() {
  const bool wants_name = offered_.has(flag::name_me) && result_.peer.find('@') == std::string::npos;
  if (!(wants_name ? valid_host(result_.peer) : valid_node_name(result_.peer))) return fail(handshake_errc::bad_name);
  if (!wants_name) offered_ = offered_.without(flag::name_me);  // it has a name and keeps it
  if (result_.peer == config_.name) return refuse(status_code::nok, handshake_errc::own_name);
  if (!fits(result_.peer, config_.names)) return refuse(status_code::not_allowed, handshake_errc::mixed_names);
  // An old-form name tells the low half; the rest is judged again when the complement has come.
  const bool half = form_ == name_form::old_form && offered_.has(flag::handshake_23);
  const flags required = half ? flags{config_.required.bits() & 0xFFFF'FFFF} : config_.required;
  const flags lacking = missing(offered_, required);
  if (!lacking.empty()) return refuse(status_code::not_allowed, handshake_errc::missing_flags, lacking);
  phase_ = phase::asking;
  step_ = handshake_step::admission;
  return handshake::ask{result_.peer, expand_digest(offered_), result_.creation, wants_name};
}

action acceptor::on_admission(const handshake::admission& admission) {
  const bool wants_name = result_.peer.find('@') == std::string::npos;
  if (admission.verdict == decision::not_allowed) return refuse(status_code::not_allowed, handshake_errc::refused);
  if (wants_name != (admission.verdict == decision::named)) return fail(handshake_errc::bad_event);
  cookie_ = admission.cookie;
  switch (admission.verdict) {
    case decision::nok: return refuse(status_code::nok, handshake_errc::yielded);
    case decision::alive: put_status(status_code::alive); return write(handshake_step::alive);
    case decision::ok_simultaneous: put_status(status_code::ok_simultaneous); return send_challenge();
    case decision::named:
      if (!valid_node_name(admission.given_name)) return fail(handshake_errc::bad_event);
      result_.peer = admission.given_name;
      result_.creation = admission.given_creation;
      append(output_, config_.prefix, status_message{status_code::named, result_.peer, result_.creation});
      return send_challenge();
    default: put_status(status_code::ok); return send_challenge();
  }
}

action acceptor::on_alive_answer(bytes_view body) {
  const auto status = parse_status(body);
  if (!status) return fail(handshake_errc::bad_message);
  if (status->code == status_code::is_true) return send_challenge();
  if (status->code == status_code::is_false) return fail(handshake_errc::duplicate);
  return fail(handshake_errc::unexpected_status);
}

action acceptor::send_challenge() {
  const bool new_form = form_ == name_form::new_form || offered_.has(flag::handshake_23);
  challenge_message message{};
  message.form = new_form ? name_form::new_form : name_form::old_form;
  message.offered = offered_.has(flag::name_me) ? config_.offer.with(flag::name_me) : config_.offer;
  message.challenge = config_.challenge;
  message.creation = config_.creation;
  message.name = config_.name;
  append(output_, config_.prefix, message);
  const bool complement = form_ == name_form::old_form && new_form;
  return write(complement ? handshake_step::complement : handshake_step::reply);
}

action acceptor::on_complement(bytes_view body) {
  const auto message = parse_complement(body);
  if (!message) return fail(handshake_errc::bad_message);
  offered_ = offered_ | flags{std::uint64_t{message->flags_high} << 32};
  result_.creation = message->creation;
  const flags lacking = missing(offered_, config_.required);
  if (!lacking.empty()) return refuse(status_code::not_allowed, handshake_errc::missing_flags, lacking);
  step_ = handshake_step::reply;
  return next_message();
}

action acceptor::on_reply(bytes_view body) {
  const auto message = parse_reply(body);
  if (!message) return fail(handshake_errc::bad_message);
  if (detail::is_reflection(config_, message->challenge)) return fail(handshake_errc::reflected);
  const auto expected = detail::prove(config_, cookie_, config_.challenge);
  if (!expected) return fail(handshake_errc::digest_unavailable);
  if (!detail::same_proof(message->proof, *expected)) return fail(handshake_errc::wrong_cookie);
  peer_challenge_ = message->challenge;
  phase_ = phase::asking;
  step_ = handshake_step::commit;
  return handshake::commit{};
}

action acceptor::on_commit(handshake::verdict verdict) {
  if (verdict == handshake::verdict::drop) return fail(handshake_errc::superseded);
  const auto proof = detail::prove(config_, cookie_, peer_challenge_);
  if (!proof) return fail(handshake_errc::digest_unavailable);
  result_.peer_flags = expand_digest(offered_);
  result_.negotiated = negotiate(config_.offer, offered_);
  append(output_, config_.prefix, ack_message{*proof});
  return write(handshake_step::finished);
}

action acceptor::write(handshake_step next) {
  phase_ = phase::writing;
  step_ = next;
  return handshake::write{output_};
}

action acceptor::read(handshake_step next) {
  phase_ = phase::reading;
  step_ = next;
  return handshake::read{};
}

action acceptor::refuse(status_code status, handshake_errc code, flags missing) {
  refusal_ = refusal{code, missing};
  put_status(status);
  return write(step_);
}

action acceptor::fail(handshake_errc code, flags missing) {
  const handshake_step where = std::exchange(step_, handshake_step::finished);
  phase_ = phase::ended;
  detail::wipe(cookie_);
  return handshake::failed{{code, where, missing, result_.peer, {}}};
}

void acceptor::put_status(status_code code) { append(output_, config_.prefix, status_message{code, {}, 0}); }

}  // namespace ergo::inline v0::dist
