// Which event is worth which line, at which debug level. The texts are those of Erlang's port mapper, so that a log
// watcher written for it keeps working; numbers it prints and we do not keep are left out.
#include "narrator.hpp"

#include <string>

namespace ergo::epmd_program {
namespace {

using epmd::errc;
using epmd::happening;
using epmd::opcode;
using epmd::server_event;
using epmd::session_report;

std::string request_name(std::optional<opcode> asked) {
  if (!asked) return "request";
  switch (*asked) {
    case opcode::alive2: return "ALIVE2_REQ";
    case opcode::port_please2: return "PORT2_REQ";
    case opcode::names: return "NAMES_REQ";
    case opcode::dump: return "DUMP_REQ";
    case opcode::kill: return "KILL_REQ";
    case opcode::stop: return "STOP_REQ";
  }
  return "request";
}

std::string quoted(const std::string& name) { return '"' + printable(name) + '"'; }

std::string node_text(const session_report& report) {
  return "'" + printable(report.name) + ":" + std::to_string(report.creation) + "', port " +
         std::to_string(report.port);
}

/// Why a client was closed without an answer.
std::string failure(const server_event& event) {
  const auto& report = event.report;
  switch (report.problem) {
    case errc::closed_early:
      return "got partial packet only on file descriptor " + std::to_string(event.descriptor) + " (" +
             std::to_string(event.received_bytes) + ")";
    case errc::bad_length: return "invalid packet size";
    case errc::trailing_bytes: return "got more bytes in packet than expected";
    case errc::unknown_request: return "got garbage ";
    case errc::empty_name:
    case errc::truncated: return "packet too small for request " + request_name(report.asked);
    case errc::nul_in_name: return "node name contains ascii 0 in " + request_name(report.asked);
    case errc::not_local: return request_name(report.asked) + " from non local address";
    case errc::not_allowed: return "Disallowed STOP_REQ, no relaxed_command_check";
    case errc::bad_encoding:
    case errc::name_too_long: return "invalid node name in " + request_name(report.asked);
    case errc::timed_out: return "closing because timed out on receive";
    default: return std::string{epmd::describe(report.problem)};
  }
}

std::string refusal(const session_report& report) {
  switch (report.problem) {
    case errc::name_taken: return "node name already occupied " + printable(report.name);
    case errc::name_too_long: return "node name is too long (" + std::to_string(report.name.size()) + ")";
    case errc::bad_encoding: return "invalid node name encoding";
    case errc::extra_too_long: return "extra data is too long";
    default: return std::string{epmd::describe(report.problem)};
  }
}

void narrate_answer(journal& to, const session_report& report) {
  to.say(1, audience::everybody, "** got " + request_name(report.asked));
  const bool found = report.problem == errc::ok;
  switch (report.asked.value_or(opcode::names)) {
    case opcode::port_please2:
      return to.say(1, audience::terminal,
                    std::string{"** sent PORT2_RESP ("} + (found ? "ok" : "error") + ") for " + quoted(report.name));
    case opcode::names: return to.say(1, audience::terminal, "** sent NAMES_RESP");
    case opcode::dump: return to.say(1, audience::terminal, "** sent DUMP_RESP");
    case opcode::kill: return to.say(0, audience::everybody, "Disallowed KILL_REQ, live nodes");
    case opcode::stop:
      return to.say(1, audience::terminal, found ? "** sent STOP_RESP STOPPED" : "** sent STOP_RESP NOEXIST");
    case opcode::alive2: return;
  }
}

void narrate_session(journal& to, const server_event& event) {
  const auto& report = event.report;
  switch (report.what) {
    case happening::registered:
      to.say(1, audience::everybody, "** got ALIVE2_REQ");
      to.say(1, audience::terminal, "registering " + node_text(report));
      return to.say(1, audience::terminal, "** sent ALIVE2_RESP for " + quoted(report.name));
    case happening::refused:
      to.say(1, audience::everybody, "** got ALIVE2_REQ");
      return to.say(0, audience::everybody, refusal(report));
    case happening::unregistered:
      if (report.problem == errc::not_silent)
        to.say(1, audience::terminal, "got more than expected on ALIVE socket " + std::to_string(event.descriptor));
      return to.say(1, audience::terminal, "unregistering " + node_text(report));
    case happening::answered: return narrate_answer(to, report);
    case happening::failed: {
      const bool expected = report.problem == errc::timed_out || report.problem == errc::displaced;
      return to.say(expected ? 1 : 0, expected ? audience::terminal : audience::everybody, failure(event));
    }
    case happening::killed: return to.say(1, audience::everybody, "** got KILL_REQ");
    case happening::nothing: return;
  }
}

}  // namespace

void narrate(journal& to, const server_event& event) {
  switch (event.what) {
    case server_event::kind::session: return narrate_session(to, event);
    case server_event::kind::connected:
      to.say(2, audience::terminal,
             event.where == epmd::locality::local ? "Local peer connected" : "Non-local peer connected");
      return to.say(2, audience::terminal, "opening connection on file descriptor " + std::to_string(event.descriptor));
    case server_event::kind::turned_away:
      return to.say(0, audience::everybody, "no room for another client, closing it");
    case server_event::kind::accept_failed: return to.complain("error in accept", event.cause.value());
    case server_event::kind::address_skipped:
      return to.complain("failed to bind on ipaddr " + event.peer.address().to_string(), event.cause.value());
    case server_event::kind::killed:
      to.say(1, audience::terminal, "epmd killed");
      return to.say(0, audience::everybody, "got KILL_REQ - terminates normal");
  }
}

}  // namespace ergo::epmd_program
