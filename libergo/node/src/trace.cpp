// Trace lines.
#include "trace.hpp"

#include <ergo/etf/text.hpp>

#include <array>
#include <cstdio>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

void to_standard_error(std::string_view line) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
}

void add(std::string& line, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  line.append(" ").append(key).append("=").append(value);
}

constexpr std::array<std::string_view, 24> kinds{
    "message",      "cast",          "call",        "exit_message", "down",      "node_down",
    "node_news",    "timer",         "reply",       "reply_failed", "call_done", "link",
    "unlink",       "unlink_ack",    "link_exit",   "exit",         "monitor",   "demonitor",
    "group_leader", "spawn_request", "spawn_reply", "inspect",      "wake",      "operation_done"};
static_assert(kinds.size() == static_cast<std::size_t>(signal_kind::operation_done) + 1);

}  // namespace

tracer::tracer(trace_category categories, trace_sink sink)
    : categories_{static_cast<std::uint8_t>(categories)},
      sink_{sink ? std::move(sink) : trace_sink{to_standard_error}} {}

void tracer::write(std::string line) const { sink_(line); }

void tracer::message(const traced_message& seen) const {
  std::string line = seen.way == direction::in ? "dist in" : "dist out";
  add(line, "peer", seen.peer.text());
  line.append(" ").append(seen.operation);
  add(line, "from", seen.from);
  add(line, "to", seen.to);
  add(line, "bytes", std::to_string(seen.bytes));
  write(std::move(line));
}

void tracer::routing(const signal& envelope, const destination& to, std::string_view decision) const {
  std::string line = "node route ";
  line.append(name_of(envelope.kind));
  if (envelope.from != pid{}) add(line, "from", etf::to_text(term{envelope.from}));
  add(line, "to", etf::to_text(to.to_term()));
  line.append(" ").append(decision);
  write(std::move(line));
}

void tracer::note(std::string_view text) const { write("node " + std::string{text}); }

trace_category parse_trace(std::string_view list) noexcept {
  auto found = trace_category::none;
  while (!list.empty()) {
    const auto comma = list.find(',');
    const auto word = list.substr(0, comma);
    if (word == "node") found = found | trace_category::node;
    if (word == "dist") found = found | trace_category::dist;
    if (word == "all") found = trace_category::all;
    list = comma == list.npos ? std::string_view{} : list.substr(comma + 1);
  }
  return found;
}

std::string_view name_of(signal_kind kind) noexcept { return kinds[static_cast<std::size_t>(kind)]; }

}  // namespace ergo::inline v0::detail
