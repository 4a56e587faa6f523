// Erlang's `-proto_dist inet_tls`, both ways: what passes, what does not and why, and certificates that change.
#include "certified.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sstream>

namespace ergo_interop {
namespace {

constexpr std::string_view only_1_3 = "{versions, ['tlsv1.3']}";
constexpr int burst = 20'000;
constexpr std::size_t large = 8U << 20;

ergo::task<ergo::term> cast_burst(ergo::process& self, ergo::destination to) {
  for (int number = 1; number <= burst; ++number) ergo::otp::cast(self, to, number);
  const ergo::term take{"take"_atom};
  const auto taken = co_await ergo::otp::call<ergo::term>(self, to, take, 30s);
  if (!taken) co_return taken.error().reason();
  co_return *taken;
}

void all_in_order(const ergo::term& taken) {
  const auto items = taken.items();
  expect(taken.is_list() && items.size() == burst, "not a list of all: " + ergo::etf::to_text(taken, {.limit = 100}));
  for (int index = 0; index < burst; ++index) {
    expect(items[static_cast<std::size_t>(index)].as_integer() == index + 1,
           "out of order at " + std::to_string(index));
  }
}

/// Everything that two nodes usually say to each other, in both directions.
void talk(world& in) {
  expect_same(in.erl("{echo_all, " + in.at("echo") + "}"), "all");
  in.erl("{set, big, {apply, binary, copy, [<<\"binary\">>, " + std::to_string(large / 6) + "]}}");
  in.erl("{set, back, {call, " + in.at("echo") + ", {var, big}}}");
  expect_same(in.erl("{apply, erlang, '=:=', [{var, big}, {var, back}]}"), "true");
  const auto binary = ergo::etf::binary(std::string(large, 'x'));
  expect(in.ours().call(in.erl_server(), binary, 20s) == binary, "8 MiB came back as something else");
  running here{in.node(), cast_burst, in.erl_server()};
  expect_same(in.erl("{burst, " + in.at("recorder") + ", 20000}"), "true");
  all_in_order(here.get());
}

void talk_both_ways(world& in) {
  for (const bool they_first : {true, false}) {
    in.connect(they_first);
    talk(in);
  }
}

/// Neither gets to the other; each says what must be in its words.
void refused(world& in, std::string_view when_we_call, std::string_view when_they_call) {
  const auto connected = in.node().connect(in.peer().name());
  expect(!connected.has_value(), "we got through");
  const auto why = connected.error().message();
  expect(why.find(when_we_call) != std::string::npos, "we say: " + why);
  // One refusal in a second is reported.
  eventually(std::string{"we report: "}.append(when_they_call), [&] {
    expect_same(in.erl("{ping, " + in.cpp() + "}"), "pang");
    return in.ours().reported(when_they_call);
  });
  expect(in.node().nodes(ergo::node_set::all).empty(), "somebody is connected");
}

std::string watch_of(const std::string& node) { return "{watch_plain, {echo, " + node + "}, " + node + "}"; }

void refused_with(world& in, const ergo::tls_options& ours, std::string_view when_we_call,
                  std::string_view when_they_call) {
  expect(in.node().reload_tls(ours).has_value(), "the certificates cannot be replaced");
  in.node().disconnect(in.peer().name());
  eventually("they see the end", [&] { return in.erl("{connected, " + in.cpp() + "}") == "false"; });
  refused(in, when_we_call, when_they_call);
}

TEST_CASE("Over TLS as Erlang has it by default: calls, 8 MiB and bursts, whoever connects") {
  for_every_release("TLS by default: echo, 8 MiB, 20,000 casts both ways at once", [](const release& otp) {
    const certified by;
    world in{otp, with_tls(by.ours()), by.erlang()};
    talk_both_ways(in);
  });
}

TEST_CASE("Over TLS and IPv6 at once, with certificates for the address") {
  if (!std::filesystem::exists("/proc/net/if_inet6")) SKIP("this computer has no IPv6");
  for_every_release("TLS over IPv6 (inet6_tls): names at ::1, both directions", [](const release& otp) {
    const certified by;
    auto about = certified::usual();
    about.hosts = {"::1"};
    by.write("six", by.signer().issue(about));
    const auto epmd = free_port();
    auto options = options_for("", epmd);
    options.name = fresh_name("cpp") + "@::1";
    options.tls = by.ours(by.signer().issue(about));
    our_node ours{options};
    auto theirs = peer_at(otp, epmd, "::1");
    theirs.more = by.erlang("six", "six");
    theirs.more[1] = "inet6_tls";
    erlang_peer peer{theirs};
    const auto echo = "{echo_all, {echo, " + ours.quoted_name() + "}}";
    const auto end_it = [&] {
      ours->disconnect(peer.name());
      eventually("they saw it", [&] { return peer.run("{connected, " + ours.quoted_name() + "}") == "false"; });
    };
    // Callers of OTP 23 and 25 find no IPv6 address in a certificate: their own nodes do not meet either.
    const bool finds_addresses = otp.number != "23" && otp.number != "25";
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), finds_addresses ? "pong" : "pang");
    if (finds_addresses) {
      expect_same(peer.run(echo), "all");
      end_it();
    }
    const auto connected = ours->connect(peer.name());
    expect(connected.has_value(), connected ? "" : connected.error().message());
    expect_same(peer.run(echo), "all");
    expect_term(ours.call({"erl_server"_atom, parsed(atom_text(peer.name())).as_atom().value()}, "hello"_atom),
                "hello");
    end_it();
    // Whose certificate is for another address is refused.
    about.hosts = {"::2"};
    by.write("six", by.signer().issue(about));
    auto strange = theirs;
    strange.name = fresh_name("erl") + "@::1";
    erlang_peer other{strange};
    const auto refused = ours->connect(other.name());
    expect(!refused.has_value(), "a certificate for another address was believed");
    expect(refused.error().message().find("not for the host ::1") != std::string::npos, refused.error().message());
  });
}

TEST_CASE("Over TLS 1.3 with keys that change all the time") {
  for_every_release("TLS 1.3: the same, with new keys each 64 KiB", [](const release& otp) {
    const certified by;
    auto ours = by.ours();
    ours.minimum = ergo::tls_version::tls_1_3;
    ours.rekey_after = 64U << 10;
    world in{otp, with_tls(ours), by.erlang("node", "node", std::string{only_1_3})};
    talk_both_ways(in);
  });
}

TEST_CASE("What a node of ours may not show, and what it must not believe, is refused by either side") {
  for_every_release("TLS: our wrong CA, expired, other host, name check, version", [](const release& otp) {
    const certified by;
    const auto stranger = cert::authority::make("stranger");
    world in{otp, with_tls(by.ours()), by.erlang()};
    in.connect(true);
    refused_with(in, by.ours(stranger.issue(certified::usual())), "does not know who has signed our certificate",
                 "does not know who has signed our certificate");
    auto expired = certified::usual();
    expired.begins = std::chrono::hours{-48};
    expired.ends = std::chrono::hours{-24};
    refused_with(in, by.ours(by.signer().issue(expired)), "does not accept our certificate", "certificate expired");
    auto believes = by.ours();
    believes.authorities = {};
    believes.authorities.text = stranger.own().certificate;
    // They are told whom we believe, and OTP 29 then keeps what it has to itself.
    refused_with(in, believes, "its signer is not among tls_options::authorities",
                 in.release_number() < 29 ? "its signer is not among tls_options::authorities"
                                          : "the peer shows no certificate of tls_options::authorities");
    auto by_name = by.ours();
    by_name.called = by_name.callers = ergo::tls_check::node;
    refused_with(in, by_name, "and not for the node erl", "and not for the node erl");
    if (in.release_number() < 29) {
      auto newest = by.ours();
      newest.minimum = ergo::tls_version::tls_1_3;
      refused_with(in, newest, "{versions, ['tlsv1.3']}", "the peer offers TLS 1.2 at most");
    }
    expect(in.node().reload_tls(by.ours()).has_value(), "the first certificates are good again");
    in.connect(false);
    in.connect(true);
  });
}

TEST_CASE("A node of ours that shows a certificate for another host is refused by Erlang when it is called") {
  for_every_release("TLS: ours is for another host", [](const release& otp) {
    const certified by;
    auto elsewhere = certified::usual();
    elsewhere.hosts = {"elsewhere"};
    world in{otp, with_tls(by.ours(by.signer().issue(elsewhere))), by.erlang()};
    expect_same(in.erl("{ping, " + in.cpp() + "}"), "pang");
    eventually("we report what they say", [&] { return in.ours().reported("the peer refuses"); }, 5s);
  });
}

TEST_CASE("What an Erlang node may not show is refused by ours, in words") {
  for_every_release("TLS: theirs expired, for another host, not shown", [](const release& otp) {
    const certified by;
    auto expired = certified::usual();
    expired.begins = std::chrono::hours{-48};
    expired.ends = std::chrono::hours{-24};
    by.write("expired", by.signer().issue(expired));
    auto elsewhere = certified::usual();
    elsewhere.hosts = {"elsewhere"};
    by.write("elsewhere", by.signer().issue(elsewhere));
    {
      world in{otp, with_tls(by.ours()), by.erlang("expired", "elsewhere")};
      refused(in, "certificate has expired", "its certificate is for elsewhere and not for the host localhost");
    }
    world in{otp, with_tls(by.ours()), by.erlang("elsewhere", "")};
    refused(in, "the peer's certificate is for elsewhere and not for the host localhost",
            "it needs certfile and keyfile in the client list of");
  });
}

TEST_CASE("A node is asked for a certificate of its own name, and has it") {
  for_every_release("TLS: node-name check passes", [](const release& otp) {
    const certified by;
    const auto port = free_port();
    auto theirs = peer_at(otp, port);
    auto named = certified::usual();
    named.nodes = {theirs.name.substr(0, theirs.name.find('@'))};
    by.write("named", by.signer().issue(named));
    theirs.more = by.erlang("named", "named");
    auto options = options_for(fresh_name("cpp"), port);
    options.tls = by.ours();
    options.tls->called = options.tls->callers = ergo::tls_check::node;
    our_node ours{options};
    erlang_peer peer{theirs};
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    ours->disconnect(peer.name());
    eventually("they see the end", [&] { return peer.run("{connected, " + ours.quoted_name() + "}") == "false"; });
    const auto connected = ours->connect(peer.name());
    expect(connected.has_value(), connected ? "" : connected.error().message());
    expect_same(peer.run("{echo_all, {echo, " + ours.quoted_name() + "}}"), "all");
  });
}

TEST_CASE("A node in the clear and one with TLS each say what the other lacks") {
  for_every_release("TLS against none: a clear reason either way", [](const release& otp) {
    const certified by;
    {
      auto options = with_tls(by.ours());
      options.limits.handshake_step = 1s;
      world in{otp, options};
      refused(in, "says nothing in TLS", "the peer does not speak TLS (Erlang: -proto_dist inet_tls)");
    }
    world in{otp, {}, by.erlang()};
    // OTP 23 closes without a word.
    refused(in,
            in.release_number() > 23 ? "TLS failed: the peer asks for TLS, and this node has none (node_options::tls)"
                                     : "nodes that ask for TLS do so when they are called without it",
            "the peer speaks TLS, and this node has none (node_options::tls)");
  });
}

TEST_CASE("Certificates are renewed in files, and a running node takes them up") {
  for_every_release("TLS: files replaced and read again, nobody restarts", [](const release& otp) {
    const certified by;
    by.write("ours", by.signer().issue(certified::usual()));
    auto options = by.ours();
    options.certificate = {(by.folder() / "ours.pem").string(), {}};
    options.key = {(by.folder() / "ours.key").string(), {}};
    world in{otp, with_tls(options), by.erlang()};
    in.connect(true);
    by.write("ours", cert::authority::make("stranger").issue(certified::usual()));
    expect(in.node().reload_tls().has_value(), "not read again");
    expect_same(in.erl("{call, " + in.at("echo") + ", still}"), "still");
    in.node().disconnect(in.peer().name());
    eventually("they see the end", [&] { return in.erl("{connected, " + in.cpp() + "}") == "false"; });
    refused(in, "does not know who has signed our certificate", "does not know who has signed our certificate");
    by.write("ours", by.signer().issue(certified::usual()));
    expect(in.node().reload_tls().has_value(), "not read again");
    in.connect(false);
    in.connect(true);
  });
}

TEST_CASE("A node killed with -9 is noticed at once over TLS as well, on either side") {
  for_every_release("TLS: killed -9 on either side, and welcome again", [](const release& otp) {
    const certified by;
    world in{otp, with_tls(by.ours()), by.erlang()};
    const auto name = fresh_name("demo");
    for (int round = 0; round < 2; ++round) {
      demo_node demo{name, in.port(), {"--tls", by.folder().string()}};
      const auto node = atom_text(demo.name());
      expect_same(in.erl("{ping, " + node + "}"), "pong");
      expect_same(in.erl(watch_of(node)), "watched");
      demo.process().kill_now();
      expect_same(in.erl("{watched_plain, 5000}"), "{noconnection,nodedown}");
    }
    for (const bool they_first : {true, false}) {
      in.connect(they_first);
      in.peer().kill_now();
      eventually("we notice", [&] { return !in.node().is_connected(in.peer().name()); }, 3s);
      in.start_peer_again();
    }
    in.connect(false);
  });
}

TEST_CASE("ergo-cert makes all that erl and the demo need") {
  for_every_release("ergo-cert: the printed erl line reaches ergo-demo --tls", [](const release& otp) {
    const auto folder = std::filesystem::path{ERGO_INTEROP_DIR} / fresh_name("cert");
    program maker{{program_from("ERGO_PROGRAM_CERT"), folder.string(), "--host", "localhost"}};
    std::vector<std::string> command;
    for (;;) {
      std::istringstream line{maker.read_line()};
      std::string word;
      line >> word;
      if (word == "ergo-demo") break;
      if (word != "erl") continue;
      while (line >> word && word != "-sname") command.push_back(word);
    }
    expect(maker.wait() == 0, "ergo-cert failed");
    expect(command.size() == 4, "no line for erl");
    const auto port = free_port();
    const demo_node demo{fresh_name("demo"), port, {"--tls", folder.string()}};
    auto options = peer_at(otp, port);
    options.more = command;
    erlang_peer peer{options};
    expect_same(peer.run("{ping, " + atom_text(demo.name()) + "}"), "pong");
    expect_same(peer.run("{call, {counter, " + atom_text(demo.name()) + "}, {add, 5}}"), "5");
    peer.run("{start_server, erlang_server}");
    const auto relayed = "{call, {caller, " + atom_text(demo.name()) + "}, {call, " + atom_text(peer.name()) + ", hi}}";
    expect_same(peer.run(relayed), "hi");
  });
}

}  // namespace
}  // namespace ergo_interop
