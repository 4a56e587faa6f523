// Cookies: where the demo finds or makes one, what it refuses, and what others can see of it.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace ergo_interop {
namespace {

std::string content(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// A new empty home folder.
std::string new_home() {
  const auto path = std::filesystem::path{ERGO_INTEROP_DIR} / fresh_name("home");
  std::filesystem::create_directories(path);
  return path.string();
}

/// The demo as a user with that home folder starts it, with errors in its output.
std::vector<std::string> demo_at(const std::string& home, std::uint16_t port, const std::vector<std::string>& more) {
  std::vector<std::string> words{"env",
                                 "-u",
                                 "ERGO_COOKIE_FILE",
                                 "-u",
                                 "XDG_CONFIG_HOME",
                                 "HOME=" + home,
                                 "sh",
                                 "-c",
                                 "exec \"$@\" 2>&1",
                                 "sh",
                                 program_from("ERGO_PROGRAM_DEMO"),
                                 "--epmd-port",
                                 std::to_string(port)};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string said_until_ready(program& demo) {
  std::string said;
  do {
    said += demo.read_line() + "\n";
  } while (said.find(" is ready") == std::string::npos);
  return said;
}

TEST_CASE("A cookie that our node made is one that Erlang accepts", "[installed]") {
  for_installed("cookie file: made 0400, random, shared with erl", [](const release& otp) {
    const auto port = free_port();
    const auto home = new_home();
    const auto file = home + "/.erlang.cookie";
    const auto name = fresh_name("demo") + "@localhost";
    program demo{demo_at(home, port, {"--sname", name})};
    const auto said = said_until_ready(demo);
    struct stat facts{};
    expect(stat(file.c_str(), &facts) == 0, "no cookie was made");
    expect(S_ISREG(facts.st_mode) && (facts.st_mode & 07777) == 0400, "others can read it");
    const auto cookie = content(file).substr(0, content(file).find('\n'));
    // Of 26 letters each: 28 are 131 bits.
    expect(cookie.size() >= 28 && std::set<char>{cookie.begin(), cookie.end()}.size() > 8, "it is too simple");
    expect(said.find(cookie) == std::string::npos, "it was printed");
    auto theirs = peer_at(otp, port);
    theirs.cookie.clear();
    theirs.home = home;
    erlang_peer peer{theirs};
    expect_same(peer.run("{ping, " + atom_text(name) + "}"), "pong");
    auto stranger = peer_at(otp, port);
    erlang_peer other{stranger};
    expect_same(other.run("{ping, " + atom_text(name) + "}"), "pang");
  });
}

TEST_CASE("A cookie that Erlang made is one that our node accepts", "[installed]") {
  for_installed("cookie file: made by erl, read by ours", [](const release& otp) {
    const auto port = free_port();
    const auto home = new_home();
    our_node mapper{options_for(fresh_name("mapper"), port)};
    auto theirs = peer_at(otp, port);
    theirs.cookie.clear();
    theirs.home = home;
    erlang_peer peer{theirs};
    const auto name = fresh_name("demo") + "@localhost";
    program demo{demo_at(home, port, {"--sname", name})};
    (void)said_until_ready(demo);
    expect_same(peer.run("{ping, " + atom_text(name) + "}"), "pong");
  });
}

TEST_CASE("A cookie on the command line is accepted with one warning and seen by nobody afterwards", "[installed]") {
  among_ourselves("cookie on the command line: warned of, overwritten", [] {
    for (const std::string form : {"--cookie ", "--cookie="}) {
      const std::string secret = "Very-Secret-Indeed";
      std::vector<std::string> words{"--sname", fresh_name("demo") + "@localhost", "--trace", "node,dist"};
      if (form.back() == '=') {
        words.push_back(form + secret);
      } else {
        words.insert(words.end(), {"--cookie", secret});
      }
      program demo{demo_at(new_home(), free_port(), words)};
      const auto said = said_until_ready(demo);
      const auto seen = content("/proc/" + std::to_string(demo.id()) + "/cmdline");
      expect(seen.find("--cookie") != std::string::npos, "not its command line");
      expect(seen.find(secret) == std::string::npos, "its command line shows the cookie");
      expect(said.find(secret) == std::string::npos, "the cookie was printed");
      const auto warned = said.find("warning: a cookie on the command line");
      expect(warned != std::string::npos && said.find("warning", warned + 1) == std::string::npos, "not one warning");
    }
  });
}

TEST_CASE("A cookie file that others can read is refused with the cure and without the secret", "[installed]") {
  among_ourselves("cookie file: wider permissions and folders are refused", [] {
    const std::string secret = "Very-Secret-Indeed";
    for (const auto mode : {0444U, 0640U, 0604U, 0660U}) {
      const auto home = new_home();
      const auto file = home + "/.erlang.cookie";
      std::ofstream{file} << secret << "\n";
      expect(chmod(file.c_str(), mode) == 0, "no permissions");
      program demo{demo_at(home, free_port(), {"--sname", fresh_name("demo") + "@localhost"})};
      const auto said = demo.read_line();
      expect(said.find("chmod 400 " + file) != std::string::npos, "no cure: " + said);
      expect(said.find(secret) == std::string::npos, "the cookie was printed");
      expect(demo.wait() == 1, "it did not fail");
    }
    const auto home = new_home();
    std::filesystem::create_directory(home + "/.erlang.cookie");
    program demo{demo_at(home, free_port(), {"--sname", fresh_name("demo") + "@localhost"})};
    expect(demo.read_line().find("is not a regular file") != std::string::npos, "a folder was read");
    expect(demo.wait() == 1, "it did not fail");
  });
}

}  // namespace
}  // namespace ergo_interop
