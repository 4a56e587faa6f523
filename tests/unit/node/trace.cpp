// Trace lines.
#include "trace.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace ergo;
using namespace ergo::detail;

TEST_CASE("the words of ERGO_TRACE are categories, and others do not count") {
  CHECK(parse_trace("") == trace_category::none);
  CHECK(parse_trace("node") == trace_category::node);
  CHECK(parse_trace("dist") == trace_category::dist);
  CHECK(parse_trace("node,dist") == trace_category::all);
  CHECK(parse_trace("all") == trace_category::all);
  CHECK(parse_trace("nodes,,dist,x") == trace_category::dist);
}

TEST_CASE("categories are switched on and off one by one") {
  tracer traced{trace_category::none, [](std::string_view) {}};
  CHECK_FALSE(traced.on(trace_category::node));
  traced.enable(trace_category::all);
  CHECK(traced.on(trace_category::node));
  CHECK(traced.on(trace_category::dist));
  traced.disable(trace_category::node);
  CHECK_FALSE(traced.on(trace_category::node));
  CHECK(traced.on(trace_category::dist));
}

TEST_CASE("a line says direction, peer, operation, both ends and bytes, and leaves out what is not known") {
  std::vector<std::string> lines;
  const tracer traced{trace_category::all, [&](std::string_view line) { lines.emplace_back(line); }};
  traced.message({direction::in, "erl@h"_atom, "SEND_SENDER", "<a@h.1.0>", "echo", 57});
  traced.message({direction::out, "erl@h"_atom, "SEND", {}, "<a@h.2.0>", 9});
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "dist in peer=erl@h SEND_SENDER from=<a@h.1.0> to=echo bytes=57");
  CHECK(lines[1] == "dist out peer=erl@h SEND to=<a@h.2.0> bytes=9");
}

TEST_CASE("a routing decision names the kind, never the payload") {
  std::string line;
  const tracer traced{trace_category::node, [&](std::string_view text) { line = text; }};
  signal envelope;
  envelope.kind = signal_kind::cast;
  envelope.payload = term{"secret_payload"_atom};
  traced.routing(envelope, destination{"echo"_atom, "erl@h"_atom}, "decision=connect");
  CHECK(line == "node route cast to={echo,erl@h} decision=connect");
}

TEST_CASE("every kind of signal has a name") {
  for (auto kind = 0; kind <= static_cast<int>(signal_kind::operation_done); ++kind)
    CHECK_FALSE(name_of(static_cast<signal_kind>(kind)).empty());
  CHECK(name_of(signal_kind::group_leader) == "group_leader");
  CHECK(name_of(signal_kind::unlink_ack) == "unlink_ack");
}
