// Control messages that only some releases send or understand, and those of releases that do not exist yet.
#include "harness.hpp"
#include "scoreboard.hpp"
#include "sockets.hpp"

#include <ergo/dist/flags.hpp>

#include <catch2/catch_test_macros.hpp>

#include <future>
#include <set>

namespace ergo_interop {
namespace {

using ergo::etf::is_tagged;
using ergo::etf::tuple;

std::string side(world& in, const std::string& function, const std::string& arguments) {
  return in.erl("{apply, signals_side, " + function + ", [" + arguments + "]}");
}

void load_side(world& in, const std::string& module) {
  in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/" + module + ".erl");
}

// ----- aliases and priority -----------------------------------------------------------------------------------------

ergo::urgency urgency_in(const ergo::term& told) {
  return told.is("priority"_atom) ? ergo::urgency::priority : ergo::urgency::ordinary;
}

bool is_release(const ergo::message& one) { return one.payload().is("release"_atom); }

/// Does what Erlang tells it with aliases, its own and theirs; keeps everything else until it is asked for `report`.
/// Reads nothing between `hold` and `release`. Ends at `stop`.
ergo::task<ergo::exit_reason> partner(ergo::process& self) {
  self.trap_exits(ergo::exits::trapped);
  ergo::reference alias{};
  std::vector<ergo::term> kept;
  for (;;) {
    const auto received = co_await self.receive_any();
    const auto told = received.to_term();
    const auto at = [&](std::size_t element) -> const ergo::term& { return told.elements()[element]; };
    if (told.is("stop"_atom)) co_return ergo::exit_reason::normal();
    if (told.is("hold"_atom)) {
      (void)co_await self.receive_if(is_release);
    } else if (is_tagged(told, "make_alias"_atom, 3)) {
      alias = self.make_alias(ergo::alias_use::until_dropped, urgency_in(at(2)));
      self.send(*at(1).as_pid(), tuple("alias"_atom, alias));
    } else if (is_tagged(told, "drop_alias"_atom, 2)) {
      (void)self.drop_alias(alias);
      self.send(*at(1).as_pid(), "dropped"_atom);
    } else if (is_tagged(told, "send_over"_atom, 4)) {
      self.send(*at(1).as_reference(), at(2), urgency_in(at(3)));
    } else if (is_tagged(told, "exit_over"_atom, 4)) {
      self.exit(*at(1).as_reference(), ergo::exit_reason{at(2)}, urgency_in(at(3)));
    } else if (is_tagged(told, "tell"_atom, 3)) {
      self.send(*at(1).as_pid(), at(2));
    } else if (is_tagged(told, "lead"_atom, 3)) {
      self.group_leader(self.id(), *at(1).as_pid());
      self.send(*at(2).as_pid(), "done"_atom);
    } else if (is_tagged(told, "report"_atom, 2)) {
      self.send(*at(1).as_pid(), tuple("report"_atom, ergo::etf::make_list(kept)));
      kept.clear();
    } else if (const auto exit = received.as<ergo::exit_message>()) {
      kept.push_back(tuple("exit"_atom, exit->reason.value()));
    } else {
      kept.push_back(told);
    }
  }
}

/// A partner for one scenario, known to Erlang as `{var, p}`.
class partnered {
 public:
  explicit partnered(world& in) : in_{in} {
    load_side(in, "signals_side");
    const auto name = fresh_name("partner");
    ergo::spawn_options named;
    named.name = parsed(name).as_atom().value();
    const auto spawned = in.node().spawn(named, ergo::make_body(partner));
    expect(spawned.has_value(), "no partner");
    pid_ = *spawned;
    in.erl("{set, p, {remote_whereis, " + in.cpp() + ", " + name + "}}");
  }
  ~partnered() { in_.node().send(pid_, "stop"_atom); }
  partnered(const partnered&) = delete;
  partnered& operator=(const partnered&) = delete;

 private:
  world& in_;
  ergo::pid pid_{};
};

TEST_CASE("Messages over an alias arrive until it is dropped, in both directions") {
  in_every_world(
      "aliases: ours and theirs, until they are dropped (OTP 24)",
      [](world& in) {
        const partnered with{in};
        expect_same(side(in, "sends_to_alias", "{var, p}, plain"), "[first,last]");
        expect_same(side(in, "hears_alias", "{var, p}"), "[]");
      },
      24);
}

TEST_CASE("Priority messages and exits are taken by ours, and go to the front where the alias heeds them") {
  in_every_world(
      "priority: send, exit, link, monitor, both ways (OTP 28)",
      [](world& in) {
        const partnered with{in};
        expect_same(side(in, "sends_to_alias", "{var, p}, priority"), "[first,last]");
        expect_same(side(in, "sends_priority", "{var, p}, why"), "[{exit,{over_alias,why}},{exit,{to_pid,why}}]");
        expect_same(side(in, "hears_priority", "{var, p}"), "[four,{exit,five},one,two,three,{exit,six},last]");
        expect_same(side(in, "sends_mixed", "{var, p}, priority"), "[three,{exit,four},six,one,two,{exit,five},seven]");
        expect_same(side(in, "sends_mixed", "{var, p}, ordinary"), "[one,two,three,{exit,four},{exit,five},six,seven]");
        in.erl("{set, s, {remote_sleeper, none, " + in.cpp() + "}}");
        expect_same(side(in, "watches_with_priority", "{var, s}"), "[{exit,boom},{down,boom},earlier]");
      },
      28);
}

TEST_CASE("Our process gives a process of Erlang its group leader") {
  in_every_world("group_leader/2 from ours", [](world& in) {
    const partnered with{in};
    expect_same(side(in, "led_from", "{var, p}"), "true");
  });
}

TEST_CASE("Native records go there and come back the same") {
  in_every_world(
      "native records, both ways (OTP 29)",
      [](world& in) {
        load_side(in, "records_side");
        expect_same(in.erl("{apply, records_side, echoed, [" + in.at("echo") + "]}"), "true");
        const auto theirs = in.remote("{apply, records_side, terms, []}");
        const auto record = theirs.items()[0].as_record();
        expect(record.has_value() && record->name == "vector"_atom && record->exported, ergo::etf::to_text(theirs));
        expect(in.ours().call(in.erl_server(), theirs) == theirs, "came back differently");
      },
      29);
}

// ----- sequence-trace tokens ----------------------------------------------------------------------------------------

/// The operations that a node has received.
struct seen_operations {
  std::mutex mutex;
  std::set<std::string, std::less<>> names;

  void take(std::string_view line) {
    const auto peer = line.find(" peer=");
    if (!line.starts_with("dist in") || peer == std::string_view::npos) return;
    const auto from = line.find(' ', peer + 1) + 1;
    const std::lock_guard lock{mutex};
    names.emplace(line.substr(from, line.find(' ', from) - from));
  }
  [[nodiscard]] bool has(std::string_view name) {
    const std::lock_guard lock{mutex};
    return names.find(name) != names.end();
  }
};

TEST_CASE("Signals with a sequence-trace token mean what they mean without") {
  for_every_release("sequence-traced: send, call, exit, link, spawn, answer", [](const release& otp) {
    const auto seen = std::make_shared<seen_operations>();
    ergo::node_options options;
    options.trace = ergo::trace_category::dist;
    options.on_trace = [seen](std::string_view line) { seen->take(line); };
    world in{otp, options};
    in.connect(true);
    load_side(in, "signals_side");
    expect_same(side(in, "traced", in.cpp()), "{hurt,boom,normal,[1,2,3]}");
    const auto server = in.remote("{apply, signals_side, answer_traced, [" + in.cpp() + "]}").as_pid();
    expect(server.has_value(), "no server");
    expect_term(in.ours().call(*server, "hello"_atom), "{traced,hello}");
    for (const auto* const name : {"SEND_SENDER_TT", "REG_SEND_TT", "PAYLOAD_EXIT_TT", "SPAWN_REQUEST_TT"})
      expect(seen->has(name), std::string{"it came without a token: "} + name);
    const auto* const answer = in.release_number() < 24   ? "SEND_SENDER_TT"
                               : in.release_number() < 28 ? "ALIAS_SEND_TT"
                                                          : "ALTACT_SIG_SEND";
    expect(seen->has(answer), std::string{"it came without a token: "} + answer);
  });
}

// ----- releases to come ---------------------------------------------------------------------------------------------

constexpr std::uint64_t unknown_flags = std::uint64_t{1} << 31 | std::uint64_t{1} << 45 | std::uint64_t{1} << 63;

TEST_CASE("An operation of a future release closes the connection with a reason that names it", "[installed]") {
  among_ourselves("future release: an unknown operation closes, with its number", [] {
    our_node node{options_for(fresh_name("target"), free_port())};
    for (const int operation : {38, 99, 255}) {
      const raw_socket newer{node->port()};
      expect(log_in(newer, fresh_name("newer") + "@localhost", "interop"), "not let in");
      const auto packet = std::string{"p\x83h\x02"} + "a" + static_cast<char>(operation) + "j";
      (void)newer.send(u32(packet.size()) + packet);
      expect(newer.closes(5s), "not closed");
      eventually("the reason",
                 [&] { return node.reported("unknown operation (operation " + std::to_string(operation) + ")"); });
    }
    expect_term(node.call("echo"_atom, "well"_atom), "well");
  });
}

TEST_CASE("Flags of a future release are ignored, whoever connects", "[installed]") {
  among_ourselves("future release: unknown flags are ignored, both roles", [] {
    const auto port = free_port();
    auto options = options_for("", port);
    options.name = fresh_name("cpp") + "@127.0.0.1";
    options.epmd = ergo::epmd_mode::none;
    options.peer_port = port;
    our_node node{options};
    const auto caller_name = fresh_name("newer") + "@127.0.0.3";
    const raw_socket caller{node->port()};
    expect(log_in(caller, caller_name, "interop", offered_flags | unknown_flags), "not let in");
    eventually("it is connected", [&] { return node->is_connected(caller_name); });

    const raw_listener listener{0x7F00'0002, port};
    const auto name = fresh_name("newer") + "@127.0.0.2";
    auto dialling = std::async(std::launch::async, [&] { return node->connect(name, 10s).has_value(); });
    const auto called = listener.accept();
    expect(accept_as(called, name, "interop", offered_flags | unknown_flags), "it did not prove its cookie");
    expect(dialling.get(), "not connected");
    node->send({"somebody"_atom, parsed(atom_text(name)).as_atom().value()}, "hello"_atom);
    const auto size = called.read(4);
    expect(size.size() == 4 && called.read(1) == "p", "no packet in pass-through form");
  });
}

TEST_CASE("What the releases offer is known to us") {
  for_every_release("early warning: flags that the release offers", [](const release& otp) {
    world in{otp};
    const raw_socket asking{port_at(in.port(), in.peer().name()).value_or(0)};
    const auto offer = offer_of(asking, fresh_name("curious") + "@localhost");
    expect(offer.has_value(), "no challenge");
    ergo::dist::flags known;
    ergo::dist::flags promised;
    for (const auto& row : ergo::dist::flag_table()) {
      known = known.with(row.bit);
      const bool old = row.since != 0 && row.since <= in.release_number();
      if (old && row.bit != ergo::dist::flag::published) promised = promised.with(row.bit);
    }
    const ergo::dist::flags offered{*offer};
    // Debian's OTP 23 is 23.2, whose digest bit and the like came later: what lacks is told, and fails from 25 on.
    const auto lacking = ergo::dist::to_string(promised - offered - ergo::dist::flags{ergo::dist::flag::published});
    if (const auto unknown = offered - known; !unknown.empty())
      remark("early warning: OTP " + otp.number + " offers " + ergo::dist::to_string(unknown) +
             ", which this library does not know");
    expect(lacking.empty(), "it does not offer " + lacking);
  });
}

}  // namespace
}  // namespace ergo_interop
