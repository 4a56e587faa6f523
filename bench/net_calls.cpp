// Calls between two nodes in two OS processes, and in one: of one pair and of 120, with several payloads.
#include "nodes.hpp"
#include "servers.hpp"
#include "workload.hpp"

#include <ergo/node.hpp>
#include <ergo/otp/call.hpp>

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ergo_bench {
namespace {

using namespace ergo;

// Binaries are compared whole in the first and the last call, as the reference does it, and by their length otherwise.
bool is_echo(const term& sent, const term& back, bool whole) {
  if (sent.is_binary() && !whole) return back.bytes().size() == sent.bytes().size();
  return sent == back;
}

task<> echo_loop(process& self, destination to, term sent, std::int64_t count, std::shared_ptr<finish_line> done) {
  for (std::int64_t number = 0; number < count; ++number) {
    const auto back = co_await otp::call<term>(self, to, sent);
    if (!back) co_return done->fail(back.error().message());
    if (!is_echo(sent, *back, number == 0 || number + 1 == count)) co_return done->fail("a call was answered wrongly");
  }
  done->arrive();
}

// Calls `peer` from `callers` processes of `here`, each with its own server there.
measurement call_peer(node& here, const std::string& peer, const request& wanted, unsigned callers) {
  const auto sent = payload_for(here, wanted.variant);
  auto done = std::make_shared<finish_line>(callers);
  const auto each = std::max<std::int64_t>(1, static_cast<std::int64_t>(wanted.operations) / callers);
  const bool counts = wanted.variant == "number";
  const stopwatch watch;
  for (unsigned number = 0; number < callers; ++number) {
    const destination to{echo_name(number), atom::of(peer)};
    const auto started = counts ? here.spawn(caller_loop, to, each, done) : here.spawn(echo_loop, to, sent, each, done);
    if (!started) throw std::runtime_error{started.error().message()};
  }
  done->wait();
  return watch.read(static_cast<std::uint64_t>(each) * callers);
}

// They are there a moment after `connect` has returned.
connection_counters counters_of(const node& here, const std::string& peer) {
  for (int tries = 0; tries < 1'000; ++tries) {
    if (const auto found = here.counters(peer)) return *found;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  throw std::runtime_error{"the connection has no counters"};
}

// What a call and its answer take on the wire; throws when the raw counterpart of the variant sends something else.
std::vector<figure> wire_figures(const connection_counters& before, const connection_counters& after,
                                 const request& wanted) {
  const auto per_call = [&](std::uint64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(wanted.operations);
  };
  const auto out = per_call(after.bytes_out - before.bytes_out);
  const auto in = per_call(after.bytes_in - before.bytes_in);
  const auto raw = raw_echo_sizes(wanted.variant);
  const auto is_near = [](double bytes, std::size_t assumed) {
    return std::abs(bytes - static_cast<double>(assumed)) <= std::max(4.0, 0.02 * bytes);
  };
  if (wanted.peer_is_ours && wanted.operations >= 100 && !(is_near(out, raw.there) && is_near(in, raw.back)))
    throw std::runtime_error{"the raw counterpart must send " + std::to_string(out) + " and " + std::to_string(in) +
                             " bytes"};
  return {{"wire-there", out, "bytes"}, {"wire-back", in, "bytes"}};
}

}  // namespace

measurement net_call_seq(const request& wanted) {
  const auto here = start_caller(wanted.cores);
  connect(*here, wanted.peer);
  const auto before = counters_of(*here, wanted.peer);
  auto made = call_peer(*here, wanted.peer, wanted, 1);
  made.more = wire_figures(before, counters_of(*here, wanted.peer), wanted);
  return made;
}

measurement net_call_many(const request& wanted) {
  const auto here = start_caller(wanted.cores);
  connect(*here, wanted.peer);
  return call_peer(*here, wanted.peer, wanted, echo_servers);
}

// Each node has a runtime of its own: two nodes of one runtime would exchange envelopes instead of packets. The peer in
// the other process has nothing to do.
measurement net_call_many_in_one(const request& wanted) {
  const auto here = start_caller(wanted.cores);
  const auto there = start_node("callee" + std::to_string(getpid()) + "@localhost", wanted.cores);
  start_echo_servers(*there);
  const std::string name{there->name().text()};
  connect(*here, name);
  return call_peer(*here, name, wanted, echo_servers);
}

}  // namespace ergo_bench
