// What `ergo-doctor` says of nodes that are well, and of everything that can be in the way of a connection.
#include "certified.hpp"
#include "harness.hpp"
#include "sockets.hpp"

#include <catch2/catch_test_macros.hpp>

#include <functional>

namespace ergo_interop {
namespace {

constexpr std::uint32_t loopback = 0x7F00'0001;

/// All that a program says until it ends.
std::string all_of(program& speaker) {
  std::string said;
  for (;;) {
    try {
      said += speaker.read_line(20s) + "\n";
    } catch (const std::runtime_error&) {
      return said;
    }
  }
}

/// An examination that goes on.
class doctor {
 public:
  doctor(std::uint16_t epmd_port, const std::string& peer, const std::vector<std::string>& more = {})
      : program_{words(epmd_port, peer, more)} {}

  /// Its exit code, and everything that it said.
  std::pair<int, std::string> verdict() {
    const auto said = all_of(program_);
    return {program_.wait(), said};
  }
  /// Ends the scenario unless the last line is about `step`, says all `parts`, and the exit code is that of the step.
  void expect_failure(int code, const std::string& step, const std::vector<std::string>& parts) {
    const auto [ended, said] = verdict();
    expect(ended == code, "exit code " + std::to_string(ended) + " after\n" + said);
    const auto line = said.substr(said.rfind('\n', said.size() - 2) + 1);
    expect(line.starts_with(step + " failed: "), said);
    expect(line.find("; ") != std::string::npos, "no cure: " + said);
    for (const auto& part : parts)
      expect(line.find(part) != std::string::npos, std::string{"no word of "}.append(part).append(": ").append(said));
  }

 private:
  static std::vector<std::string> words(std::uint16_t epmd_port, const std::string& peer,
                                        const std::vector<std::string>& more) {
    std::vector<std::string> all{"env", "ERGO_COOKIE_FILE=" + cookie_file(), program_from("ERGO_PROGRAM_DOCTOR"),
                                 "--epmd-port", std::to_string(epmd_port)};
    all.insert(all.end(), more.begin(), more.end());
    all.push_back(peer);
    return all;
  }
  program program_;
};

std::string node_part(const std::string& name) { return name.substr(0, name.find('@')); }

TEST_CASE("The doctor finds nothing wrong with nodes that can be connected, and leaves no trace") {
  for_every_release("ergo-doctor: nothing is wrong with Erlang's nodes and ours", [](const release& otp) {
    const auto port = free_port();
    our_node ours{options_for(fresh_name("cpp"), port)};
    erlang_peer peer{peer_at(otp, port)};
    for (const auto& name : {ours.name(), peer.name()}) {
      const auto [code, said] = doctor{port, name}.verdict();
      expect(code == 0, said);
      expect(said.find("epmd: " + name) != std::string::npos && said.find("tcp: ") != std::string::npos, said);
      expect(said.find("name: it is " + name) != std::string::npos, said);
      expect(said.find("all is well: " + name) != std::string::npos, said);
    }
    eventually("it is gone",
               [&] { return ours->nodes(ergo::node_set::all).empty() && peer.run("nodes") == "{[],[]}"; });
  });
}

TEST_CASE("The doctor tells a wrong cookie, a name that is not allowed, and one that is another's") {
  for_every_release("ergo-doctor: cookie, allow list, other name, not registered", [](const release& otp) {
    const auto port = free_port();
    our_node ours{options_for(fresh_name("cpp"), port)};
    auto theirs = peer_at(otp, port);
    theirs.cookie = "something_else";
    erlang_peer peer{theirs};
    doctor{port, peer.name()}.expect_failure(18, "cookie", {"cookie", "erlang:get_cookie()"});
    const auto other = node_part(peer.name()) + "@127.0.0.1";
    doctor{port, other}.expect_failure(16, "name", {peer.name(), "node()"});
    peer.run("{apply, net_kernel, allow, [['somebody@localhost']]}");
    doctor{port, peer.name()}.expect_failure(15, "allow", {"net_kernel:allow/1"});
    doctor{port, "nobody@localhost"}.expect_failure(11, "epmd", {"does not know the name nobody", "epmd -names"});
  });
}

TEST_CASE("The doctor tells what is wrong with nodes of ours", "[installed]") {
  among_ourselves("ergo-doctor: cookie, allow list and closed port of ours", [] {
    const auto port = free_port();
    auto options = options_for(fresh_name("cpp"), port);
    options.cookie = "something_else";
    options.allow = {"friend*@localhost"};
    options.advertised_port = free_port();
    our_node ours{options};
    doctor{port, ours.name()}.expect_failure(12, "tcp", {"Connection refused", "firewall"});
    const std::vector<std::string> direct{"--port", std::to_string(ours->port())};
    doctor{port, ours.name(), direct}.expect_failure(15, "allow", {"node_options::allow"});
    const std::vector<std::string> as_friend{direct[0], direct[1], "--as", "friend1@localhost"};
    doctor{port, ours.name(), as_friend}.expect_failure(18, "cookie", {"cookie"});
    const std::vector<std::string> as_long{direct[0], direct[1], "--as", "friend1@127.0.0.1"};
    doctor{port, ours.name(), as_long}.expect_failure(16, "name", {"-sname"});
  });
}

TEST_CASE("The doctor tells whether a private channel can be made, and that one is missing") {
  for_every_release("ergo-doctor: TLS, another authority, TLS on one side only", [](const release& otp) {
    const auto port = free_port();
    const certified by;
    const certified elsewhere;
    auto options = options_for(fresh_name("cpp"), port);
    options.tls = by.ours();
    our_node ours{options};
    auto theirs = peer_at(otp, port);
    theirs.more = by.erlang();
    erlang_peer peer{theirs};
    our_node open{options_for(fresh_name("open"), port)};
    const std::vector<std::string> certain{"--tls", by.folder().string()};
    for (const auto& name : {ours.name(), peer.name()}) {
      const auto [code, said] = doctor{port, name, certain}.verdict();
      expect(code == 0, said);
      doctor{port, name, {"--tls", elsewhere.folder().string()}}.expect_failure(13, "tls", {"certificate"});
      const auto [in_the_clear, why] = doctor{port, name}.verdict();
      expect(in_the_clear == 13 || in_the_clear == 14, why);
      expect(why.find("TLS") != std::string::npos, why);
    }
    doctor{port, open.name(), certain}.expect_failure(13, "tls", {"both sides use TLS or both do not"});
  });
}

TEST_CASE("The doctor tells a host without address, a port mapper that is down, and one that is something else",
          "[installed]") {
  among_ourselves("ergo-doctor: host, port mapper down, port mapper of another kind", [] {
    const auto port = free_port();
    doctor{port, "cpp@no.such.host.invalid"}.expect_failure(10, "resolve", {"no address", "what is behind the @"});
    doctor{port, "cpp@localhost"}.expect_failure(11, "epmd", {"Connection refused", "firewall"});
    const raw_listener odd{loopback, port};
    doctor asking{port, "cpp@127.0.0.1"};
    {
      const auto asked = odd.accept();
      (void)asked.read(6);
      (void)asked.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    }
    asking.expect_failure(11, "epmd", {"not that of a port mapper"});
  });
}

TEST_CASE("The doctor tells missing capabilities, silence, and a program that is no node", "[installed]") {
  among_ourselves("ergo-doctor: missing flag, silence, no node at the port", [] {
    const auto port = free_port();
    const raw_listener old{loopback, port};
    const std::vector<std::string> there{"--port", std::to_string(port)};
    auto impatient = there;
    impatient.insert(impatient.end(), {"--timeout", "1"});
    const std::string name = "old@127.0.0.1";
    {
      doctor asking{free_port(), name, there};
      const auto peer = old.accept();
      (void)read_message(peer);
      constexpr std::uint64_t without_big_creation = offered_flags & ~(1ULL << 18) & ~(1ULL << 26);
      (void)peer.send(handshake_frame("sok"));
      (void)peer.send(handshake_frame("N" + u64(without_big_creation) + u32(1) + u32(77) + u16(13) + name));
      asking.expect_failure(17, "flags", {"BIG_CREATION", "newer Erlang/OTP"});
    }
    {
      doctor asking{free_port(), name, impatient};
      const auto silent = old.accept();
      asking.expect_failure(19, "time", {"too long"});
    }
    {
      doctor asking{free_port(), name, there};
      const auto web = old.accept();
      (void)web.send("HTTP/1.1 400 Bad Request\r\n\r\n");
      asking.expect_failure(14, "protocol", {"TLS"});
    }
  });
}

TEST_CASE("The doctor explains itself", "[installed]") {
  among_ourselves("ergo-doctor: help and wrong use", [] {
    const auto run = [](const std::vector<std::string>& more) {
      std::vector<std::string> words{"sh", "-c", "exec \"$@\" 2>&1", "sh", program_from("ERGO_PROGRAM_DOCTOR")};
      words.insert(words.end(), more.begin(), more.end());
      program ran{words};
      const auto said = all_of(ran);
      return std::pair{ran.wait(), said};
    };
    const auto [helped, text] = run({"--help"});
    expect(helped == 0 && text.find("18 cookie") != std::string::npos, text);
    for (const std::vector<std::string>& wrong : {std::vector<std::string>{}, {"nohost"}, {"--unknown", "a@b"}}) {
      const auto [code, said] = run(wrong);
      expect(code == 1 && said.starts_with("ergo-doctor: "), said);
    }
  });
}

}  // namespace
}  // namespace ergo_interop
