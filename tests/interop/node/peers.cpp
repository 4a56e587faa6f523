// Programs of ours that Erlang's `peer` starts (OTP 25 and later): over distribution and over the alternative
// connection; every way to stop them, the loss of either side, starts that fail.
#include "harness.hpp"
#include "scoreboard.hpp"

#include <catch2/catch_test_macros.hpp>

#include <signal.h>
#include <unistd.h>

#include <fstream>

namespace ergo_interop {
namespace {

constexpr int first_release = 25;

/// An Erlang node that can start our demo, and the port mapper of both.
class origin {
 public:
  explicit origin(const release& otp, const std::string& host = "localhost") : origin{otp, host, free_port()} {}

  [[nodiscard]] std::string run(const std::string& function, const std::string& arguments) {
    return erl_.run("{apply, peers_side, " + function + ", [" + arguments + "]}");
  }
  /// Starts the demo with options besides `exec` and the cookie.
  pid_t start(const std::string& options) {
    const auto started = parsed(run("start", exec_ + ", " + options));
    expect(started.is_tuple(2), ergo::etf::to_text(started));
    node_ = started.elements()[0].as_atom().value();
    return static_cast<pid_t>(started.elements()[1].as_integer().value());
  }
  [[nodiscard]] const std::string& exec() const noexcept { return exec_; }
  [[nodiscard]] ergo::atom node() const noexcept { return node_; }
  [[nodiscard]] erlang_peer& erl() noexcept { return erl_; }
  [[nodiscard]] our_node& ours() noexcept { return mapper_; }
  /// How a node of ours starts there that runs the port mapper.
  [[nodiscard]] static ergo::node_options mapper_options(const std::string& host, std::uint16_t port) {
    auto options = options_for(fresh_name("cpp"), port);
    if (host != "localhost") options.name = fresh_name("cpp") + "@" + host;
    return options;
  }

 private:
  origin(const release& otp, const std::string& host, std::uint16_t port)
      : mapper_{mapper_options(host, port)}, erl_{peer_options_for(otp, host, port)}, exec_{exec_of(otp)} {
    erl_.load(ERGO_SOURCE_DIR "/tests/interop/node/peers_side.erl");
  }
  static peer_options peer_options_for(const release& otp, const std::string& host, std::uint16_t port) {
    auto options = peer_at(otp, port, host);
    options.long_names = host != "localhost";
    return options;
  }
  /// `exec` for peer: a node in another root starts the program in ours.
  static std::string exec_of(const release& otp) {
    const auto program = program_from("ERGO_PROGRAM_DEMO");
    if (otp.installed()) return '"' + program + '"';
    const auto root = "--mount=/proc/" + std::to_string(::getpid()) + "/ns/mnt";
    return R"({"/usr/bin/nsenter", [")" + root + R"(", "--", ")" + program + "\"]}";
  }

  our_node mapper_;
  erlang_peer erl_;
  std::string exec_;
  ergo::atom node_;
};

/// Whether a program has ended; nobody may have waited for it.
bool has_ended(pid_t process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
  std::string line;
  return !std::getline(file, line) || line.find(") Z ") != line.npos;
}

void for_every_origin(const std::string& scenario, const std::function<void(const release&)>& body) {
  for (const auto& otp : releases()) {
    if (std::stoi(otp.number) < first_release)
      remark("OTP " + otp.number + " has no module peer: its scenarios are about OTP 25 and later");
  }
  for_every_release(scenario, body, first_release);
}

TEST_CASE("peer:start starts a program of ours, whose servers answer, and each kind of shutdown ends it") {
  for_every_origin("peer: start over distribution, stop in each way", [](const release& otp) {
    origin from{otp};
    const auto own = atom_text(from.erl().name());
    for (const std::string shutdown : {"halt", "{halt, 3000}", "close", "5000", "infinity"}) {
      const auto process = from.start("#{shutdown => " + shutdown + "}");
      const auto node = atom_text(from.node().text());
      expect_same(from.erl().run("{apply, erpc, call, [" + node + ", demo, add, [2, 3]]}"), "5");
      expect_same(from.erl().run("{call, {counter, " + node + "}, {add, 5}}"), "5");
      expect_same(from.run("state", "latest"), "running");
      expect_same(from.run("stop", "latest"), "{false,true}");
      expect(has_ended(process), "ended: " + shutdown);
    }
    (void)from.start("#{shutdown => {5000, " + own + "}}");
    expect_same(from.run("stop", "latest"), "{false,true}");
  });
}

TEST_CASE("name, host, long names, arguments and environment of a peer are what peer:start says") {
  for_every_origin("peer: options", [](const release& otp) {
    origin from{otp, "127.0.0.1"};
    const auto name = fresh_name("named");
    const auto other = free_port();
    our_node elsewhere{origin::mapper_options("127.0.0.1", other)};
    (void)from.start("#{name => " + name + R"(, host => "127.0.0.1", longnames => true})");
    expect_same(from.node().text(), name + "@127.0.0.1");
    const auto line = from.run("command_line", "latest");
    expect(line.find("interop") == line.npos && line.find("xxxxxxx") != line.npos, "no cookie: " + line);
    expect_same(from.run("stop", "latest"), "{false,true}");

    // A variable that has an effect: the port mapper that it registers with.
    const auto variable = "[{\"ERL_EPMD_PORT\", \"" + std::to_string(other) + "\"}]";
    expect_same(
        from.run("attempt", from.exec() + R"(, #{connection => 0, name => there, host => "127.0.0.1", env => )" +
                                variable + R"(, args => ["-setcookie", "interop", "-hidden"]})")
            .substr(0, 4),
        "{ok,");
    expect(elsewhere->connect("there@127.0.0.1").has_value(), "registered where the environment says");
    const auto hidden = elsewhere->nodes(ergo::node_set::hidden);
    expect(std::ranges::find(hidden, ergo::atom::of("there@127.0.0.1")) != hidden.end(), "-hidden is heeded");
  });
}

TEST_CASE("a boot is waited for, told later, or not told, and one that fails is a timeout as with erl") {
  for_every_origin("peer: wait_boot, failing starts", [](const release& otp) {
    origin from{otp};
    expect_same(from.run("boot_later", from.exec()), "both");
    const auto attempt = [&](const std::string& options) {
      return from.run("attempt", from.exec() + ", #{wait_boot => 800, " + options + "}");
    };
    const std::string timeout = "{exit,timeout}";
    const auto taken = from.ours().name();
    expect_same(attempt("name => " + atom_text(taken.substr(0, taken.find('@')))), timeout);
    expect_same(attempt(R"(args => ["-setcookie", "other"])"), timeout);
    expect_same(attempt(R"(args => ["-setcookie", "interop", "-eval", "halt()."])"), timeout);
    const auto nobody = R"([{"ERL_EPMD_PORT", ")" + std::to_string(free_port()) + "\"}]";
    const auto no_mapper = R"(args => ["-setcookie", "interop", "-start_epmd", "false"], env => )" + nobody;
    expect_same(attempt(no_mapper), timeout);
    // Who cannot start does not connect either.
    expect_same(attempt("connection => 0, " + no_mapper + R"(, name => some, host => "localhost")"), timeout);
  });
}

TEST_CASE("a peer ends with its origin, and its origin notices when it is killed") {
  for_every_origin("peer: loss of either side, kill -9 of either side", [](const release& otp) {
    origin from{otp};
    for (const std::string options : {"#{}", "#{connection => 0}"}) {
      const auto first = from.start(options);
      expect_same(from.run("lose", "latest"), "true");
      expect(has_ended(first), "ends with the process that has started it: " + options);

      const auto second = from.start(options);
      const auto reason = options == "#{}" ? "{nodedown, " + atom_text(from.node().text()) + "}" : "tcp_closed";
      ::kill(second, SIGKILL);
      expect_same(from.run("noticed", "latest, " + reason), "true");
    }
    const auto by_distribution = from.start("#{}");
    const auto by_connection = from.start("#{connection => 0}");
    from.erl().kill_now();
    eventually("both end with the killed node", [&] { return has_ended(by_distribution) && has_ended(by_connection); });
  });
}

TEST_CASE("over the alternative connection functions are called and messages sent, in a network or in none") {
  for_every_origin("peer: connection => 0, {Ip, Port}, standard_io", [](const release& otp) {
    origin from{otp};
    for (const std::string connection : {"0", "{{127, 0, 0, 1}, 0}", "standard_io"}) {
      const auto alone = from.start("#{connection => " + connection + "}");
      expect(from.node() == "nonode@nohost"_atom, from.node().text());
      expect_same(from.run("classes", "latest"), "{alive,false}");
      expect_same(from.run("round_trips", "latest"), "[sent_by_cast,sent_by_name,sent_by_pid]");
      expect_same(from.run("stop", "latest"), "{false,true}");
      expect(has_ended(alone), "ended: " + connection);

      const auto name = fresh_name("both");
      (void)from.start("#{connection => " + connection + ", name => " + name + R"(, host => "localhost"})");
      expect_same(from.node().text(), name + "@localhost");
      expect_same(from.run("classes", "latest"), "{alive,true}");
      expect_same(from.erl().run("{apply, erpc, call, [" + name + "@localhost, demo, add, [2, 3]]}"), "5");
      expect_same(from.run("stop", "latest"), "{false,true}");
    }
  });
}

TEST_CASE("what a peer's processes print goes to the group leader of who has started it") {
  for_every_origin("peer: printing over distribution and each connection", [](const release& otp) {
    origin from{otp};
    expect_same(from.run("printed", from.exec() + ", #{connection => 0}"), "{ok,[said]}");
    expect_same(from.run("printed", from.exec() + ", #{}"), "{ok,[said,<<\"by user\">>]}");
    const auto by_stdio = from.run("printed", from.exec() + ", #{connection => standard_io}");
    expect(by_stdio.starts_with("{ok,[") && by_stdio.find("said") != by_stdio.npos, by_stdio);
    expect(by_stdio.find("nonode@nohost is ready") != by_stdio.npos, "the program's own output: " + by_stdio);
  });
}

}  // namespace
}  // namespace ergo_interop
