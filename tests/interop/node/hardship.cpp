// Nodes whose computer fails them: next to no processor (R07), a full disk, a narrow line.
#include "harness.hpp"
#include "network.hpp"

#include <ergo_test/outside.hpp>
#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace ergo_interop {
namespace {

using steady = std::chrono::steady_clock;

std::string content(const std::filesystem::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

// ----- R07 ----------------------------------------------------------------------------------------------------------

TEST_CASE("A node whose group may compute 2 ms in 100 is not taken for dead, nor takes others for dead",
          "[installed]") {
  std::vector<std::chrono::seconds> times{1s, 2s};
  if (ergo::test::rounds(false, true)) times.insert(times.end(), {4s, 8s});
  for (const auto time : times) {
    const auto seconds = std::to_string(time / 1s);
    for_installed("2 % of a processor for 3 tick times: no nodedown; T = " + seconds + " s (R07)",
                  [&](const release& otp) {
                    world in{otp, {}, {"-kernel", "net_ticktime", seconds}};
                    demo_node demo{fresh_name("demo"), in.port(), {"--tick-time", seconds}};
                    const auto node = atom_text(demo.name());
                    expect_same(in.erl("{watch_plain, {echo, " + node + "}, " + node + "}"), "watched");
                    const ergo::test::starved_group group{2ms};
                    group.take(demo.process().id());
                    int calls = 0;
                    for (const auto until = steady::now() + 3 * time; steady::now() < until; ++calls)
                      expect_same(in.erl("{call, {echo, " + node + "}, well}"), "well");
                    expect_same(in.erl("{watched_plain, 0}"), "{no_down,no_nodedown}");
                    expect(calls > 0, "it has not answered");
                    expect(group.waits() > 0, "it has not been starved");
                  });
  }
}

// ----- disks --------------------------------------------------------------------------------------------------------

std::set<std::string> files_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& one : std::filesystem::directory_iterator{folder}) names.insert(one.path().filename());
  return names;
}

/// The demo with that home folder; what it prints goes to `log`, or with errors to our hands where that is empty.
std::vector<std::string> demo_at(const std::string& name, const std::string& home, std::uint16_t port,
                                 const std::string& log = {}) {
  const auto there = log.empty() ? std::string{"exec \"$@\" 2>&1"} : "exec \"$@\" >" + log + " 2>&1";
  return {"env",
          "-u",
          "XDG_CONFIG_HOME",
          "-u",
          "ERGO_COOKIE_FILE",
          "HOME=" + home,
          "sh",
          "-c",
          there,
          "sh",
          program_from("ERGO_PROGRAM_DEMO"),
          "--sname",
          name,
          "--epmd-port",
          std::to_string(port)};
}

/// All that it prints until it ends, and how it ends.
std::pair<std::string, int> end_of(program& one) {
  std::string said;
  try {
    for (;;) said += one.read_line() + "\n";
  } catch (const std::runtime_error&) {
    return {said, one.wait()};
  }
}

TEST_CASE("A cookie that does not fit on the disk is a clear error that leaves no draft behind, and mended by room",
          "[installed]") {
  among_ourselves("full disk: no cookie file, no draft, a clear error", [] {
    const ergo::test::small_disk disk{16};
    const auto home = disk.folder().string();
    const auto name = fresh_name("demo") + "@localhost";
    const auto port = free_port();
    disk.fill();
    program refused{demo_at(name, home, port)};
    const auto [said, code] = end_of(refused);
    expect(code == 1, "it ended with " + std::to_string(code));
    expect(said.find(home + "/.erlang.cookie") != std::string::npos, "no file is named: " + said);
    expect(said.find("No space left on device") != std::string::npos, "no reason is given: " + said);
    expect(files_in(disk.folder()) == std::set<std::string>{"filling"}, "it left something behind");
    disk.make_room();
    program started{demo_at(name, home, port)};
    while (started.read_line().find(" is ready") == std::string::npos) {
    }
    expect(files_in(disk.folder()) == std::set<std::string>{".erlang.cookie"}, "it made something else");
    expect(content(disk.folder() / ".erlang.cookie").size() > 28, "the cookie is not all there");
  });
}

TEST_CASE("A node whose log is on a full disk lives, and logs again when there is room", "[installed]") {
  for_installed("full disk under the log: the node lives, the log goes on later", [](const release& otp) {
    const ergo::test::small_disk disk{64};
    const auto log = disk.folder() / "log";
    const auto port = free_port();
    const our_node mapper{options_for(fresh_name("mapper"), port)};
    const auto name = fresh_name("demo") + "@localhost";
    auto words = demo_at(name, "/nonexistent", port, log.string());
    words.insert(words.end(), {"--cookie-file", cookie_file()});
    program demo{words};
    eventually("it is ready", [&] { return content(log).find(" is ready") != std::string::npos; });
    erlang_peer peer{peer_at(otp, port)};
    const auto node = atom_text(name);
    const auto meet_and_part = [&] {
      expect_same(peer.run("{ping, " + node + "}"), "pong");
      expect_same(peer.run("{call, {echo, " + node + "}, well}"), "well");
      expect_same(peer.run("{disconnect, " + node + "}"), "true");
    };
    const auto lines = [&] { return std::ranges::count(content(log), '\n'); };
    const auto at_first = lines();
    meet_and_part();
    eventually("it logs who comes", [&] { return lines() > at_first; });
    disk.fill();
    // Until what is left of its last page is full, too.
    for (int round = 0; round < 200; ++round) meet_and_part();
    const auto full = lines();
    for (int round = 0; round < 20; ++round) meet_and_part();
    expect(lines() == full, "the disk is not full");
    disk.make_room();
    eventually("it logs again", [&] {
      meet_and_part();
      return lines() > full;
    });
  });
}

// ----- lines --------------------------------------------------------------------------------------------------------

constexpr std::uint16_t everywhere = 4'711;

TEST_CASE("A line that takes longer for a message than a silent peer may live drops nobody", "[installed]") {
  for_installed("a narrow line: 2 MB take longer than T, both ways; no nodedown", [](const release& otp) {
    constexpr auto tick_time = 2s;
    constexpr auto size = 2'000'000;  // 4 s at 4 Mbit/s
    network cables{2};
    auto theirs = peer_at(otp, everywhere, network::address(2));
    theirs.through = {"ip", "netns", "exec", cables.space(2)};
    for (const auto* word : {"-erl_epmd_port", "4711", "-kernel", "net_ticktime", "2"}) theirs.more.emplace_back(word);
    theirs.more.insert(theirs.more.end(), {"inet_dist_use_interface", "{10,77,0,2}"});
    erlang_peer peer{theirs};
    auto options = options_for("", free_port());
    options.name = fresh_name("cpp") + "@" + network::address(1);
    options.epmd = ergo::epmd_mode::none;
    options.peer_port = everywhere;
    options.net_ticktime = tick_time;
    std::unique_ptr<our_node> ours;
    cables.on(1, [&] { ours = std::make_unique<our_node>(options); });
    const auto node = ours->quoted_name();
    expect_same(peer.run("{ping, " + node + "}"), "pong");
    expect_same(peer.run("{watch_plain, {echo, " + node + "}, " + node + "}"), "watched");
    for (const unsigned computer : {1U, 2U}) {
      if (const auto lacks = cables.narrow(computer, "4mbit")) return remark("narrow lines are left out: " + *lacks);
    }
    const auto began = steady::now();
    const auto content = ergo::etf::binary(std::string(size, 'x'));
    const auto name = parsed(atom_text(peer.name())).as_atom().value();
    const auto back = ours->call({"erl_server"_atom, name}, content, 60s);
    expect(back == content, "it came back changed");
    expect(steady::now() - began > 2 * tick_time, "the line is not narrow");
    expect_same(peer.run("{watched_plain, 0}"), "{no_down,no_nodedown}");
  });
}

}  // namespace
}  // namespace ergo_interop
