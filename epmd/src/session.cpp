// One connection's decisions. Every path out of a registration goes through `end`, so that a name is freed once.
#include "ergo/epmd/session.hpp"

#include <new>
#include <utility>

namespace ergo::inline v0::epmd {
namespace {

/// What the C daemon puts where a refused registration has no creation.
constexpr std::uint32_t refused_creation = 99;

session_report report_on(happening what, const directory_entry& entry) {
  return {.what = what,
          .asked = opcode::alive2,
          .name = entry.node.name,
          .creation = entry.creation(),
          .port = entry.node.port};
}

std::optional<opcode> opcode_in(std::string_view body) {
  if (body.empty()) return std::nullopt;
  switch (const auto code = static_cast<opcode>(body.front())) {
    case opcode::alive2:
    case opcode::port_please2:
    case opcode::names:
    case opcode::dump:
    case opcode::kill:
    case opcode::stop: return code;
  }
  return std::nullopt;
}

}  // namespace

session::action session::resume(const event& what, directory& names, std::uint32_t now) try {
  return decide(what, names, now);
} catch (const std::bad_alloc&) {
  return give_up(names);
}

session::action session::decide(const event& what, directory& names, std::uint32_t now) {
  if (phase_ == phase::closed) return {};
  if (const auto* bytes = std::get_if<received>(&what)) return on_bytes(bytes->bytes, names, now);
  if (std::holds_alternative<reply_sent>(what)) return on_reply_sent(names);
  if (const auto* out = std::get_if<dismissed>(&what)) return end(out->reason, names);
  return end(errc::closed_early, names);
}

session::action session::on_bytes(std::string_view bytes, directory& names, std::uint32_t now) {
  if (phase_ != phase::reading) return end(errc::not_silent, names);
  const auto complete = reader_.feed(bytes);
  if (!complete) return fail(complete.error());
  if (!*complete) return {.next = step::read};
  auto asked = parse_request(reader_.body());
  if (!asked) return fail(asked.error(), opcode_in(reader_.body()));
  return std::visit([&](const auto& kind) { return serve(kind, names, now); }, *asked);
}

session::action session::on_reply_sent(directory& names) {
  switch (phase_) {
    case phase::granting: phase_ = phase::registered; return {.next = step::read};
    case phase::refusing: phase_ = phase::lingering; return {.next = step::read};
    case phase::answering: phase_ = phase::closed; return {.next = kills_ ? step::kill : step::close};
    default: return end(errc::stopped, names);
  }
}

/// Leaves any phase for good. A kill that was granted happens even when its answer cannot be delivered.
session::action session::end(errc reason, directory& names) {
  const auto left = std::exchange(phase_, phase::closed);
  action last{.next = kills_ ? step::kill : step::close};
  if (left == phase::registered || left == phase::granting) {
    // STOP may have taken the name away already; then its report is out, too.
    if (const auto* entry = names.remove(terms_.id)) last.report = report_on(happening::unregistered, *entry);
  } else if (left == phase::reading) {
    last.report.what = happening::failed;
  }
  last.report.problem = reason;
  return last;
}

/// As `end`, without a name in the report: that would need memory.
session::action session::give_up(directory& names) noexcept {
  phase_ = phase::closed;
  action last{.next = kills_ ? step::kill : step::close};
  last.report.what = names.remove(terms_.id) != nullptr ? happening::unregistered : happening::failed;
  last.report.problem = errc::no_memory;
  return last;
}

session::action session::fail(errc problem, std::optional<opcode> asked) {
  phase_ = phase::closed;
  return {.next = step::close, .report = {.what = happening::failed, .problem = problem, .asked = asked}};
}

session::action session::answer(opcode asked, std::string reply) {
  phase_ = phase::answering;
  return {.next = step::send, .reply = std::move(reply), .report = {.what = happening::answered, .asked = asked}};
}

session::action session::serve(const alive2_request& asked, directory& names, std::uint32_t now) {
  if (terms_.peer != locality::local) return fail(errc::not_local, opcode::alive2);
  const auto version = asked.node.highest_version;
  const auto added = names.add(asked.node, terms_.id, terms_.descriptor, now);
  if (!added && added.error() == errc::too_many_names) return fail(errc::too_many_names, opcode::alive2);
  action out{.next = step::send};
  if (added) {
    phase_ = phase::granting;
    out.reply = encode_alive2_answer({.result = 0, .creation = (*added)->creation()}, version);
    out.report = report_on(happening::registered, **added);
  } else {
    phase_ = phase::refusing;
    out.reply = encode_alive2_answer({.result = 1, .creation = refused_creation}, version);
    out.report = {.what = happening::refused,
                  .problem = added.error(),
                  .asked = opcode::alive2,
                  .name = asked.node.name,
                  .port = asked.node.port};
  }
  return out;
}

session::action session::serve(const port_please2_request& asked, directory& names, std::uint32_t) {
  const auto* found = names.find(asked.name);
  auto out = answer(opcode::port_please2, found ? encode_port2_answer(found->node) : encode_port2_not_found());
  out.report.name = asked.name;
  out.report.problem = found ? errc::ok : errc::not_found;
  return out;
}

session::action session::serve(const names_request&, directory& names, std::uint32_t) {
  return answer(opcode::names, names.names_answer(terms_.epmd_port));
}

session::action session::serve(const dump_request&, directory& names, std::uint32_t) {
  if (terms_.peer != locality::local) return fail(errc::not_local, opcode::dump);
  return answer(opcode::dump, names.dump_answer(terms_.epmd_port));
}

session::action session::serve(const kill_request&, directory& names, std::uint32_t) {
  if (terms_.peer != locality::local) return fail(errc::not_local, opcode::kill);
  kills_ = terms_.check == command_check::relaxed || names.living().empty();
  auto out = answer(opcode::kill, kills_ ? "OK" : "NO");
  if (kills_)
    out.report.what = happening::killed;
  else
    out.report.problem = errc::not_allowed;
  return out;
}

session::action session::serve(const stop_request& asked, directory& names, std::uint32_t) {
  if (terms_.peer != locality::local) return fail(errc::not_local, opcode::stop);
  if (terms_.check != command_check::relaxed) return fail(errc::not_allowed, opcode::stop);
  const auto* gone = names.remove(asked.name);
  // The C daemon says both words for an unknown name; clients read seven bytes.
  auto out = answer(opcode::stop, gone ? "STOPPED" : "NOEXISTSTOPPED");
  out.report.name = asked.name;
  if (gone) {
    out.evicted = gone->owner;
    out.second_report = report_on(happening::unregistered, *gone);
  } else {
    out.report.problem = errc::not_found;
  }
  return out;
}

}  // namespace ergo::inline v0::epmd
