// Cookie files (attack S06).
#include "cookie.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace ergo::detail;
namespace fs = std::filesystem;

namespace {

/// A folder that goes with the test.
class folder {
 public:
  folder() {
    auto pattern = (fs::temp_directory_path() / "ergo-cookie-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~folder() { fs::remove_all(path_); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] std::string text() const { return path_.string(); }

 private:
  fs::path path_;
};

void write(const std::string& path, std::string_view text, mode_t mode) {
  fs::create_directories(fs::path{path}.parent_path());
  std::ofstream{path} << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

mode_t mode_of(const std::string& path) {
  struct stat facts{};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 07777;
}

}  // namespace

TEST_CASE("white space around and inside a cookie does not count, as in OTP") {
  CHECK(parse_cookie("SECRET\n") == "SECRET");
  CHECK(parse_cookie(" SE CRET\r\n") == "SECRET");
  CHECK_FALSE(parse_cookie(""));
  CHECK_FALSE(parse_cookie("\n"));
  CHECK_FALSE(parse_cookie(std::string_view{"a\0b", 3}));
  CHECK(parse_cookie(std::string(255, 'x')));
  CHECK_FALSE(parse_cookie(std::string(256, 'x')));
}

TEST_CASE("a fresh cookie is 32 capital letters that follow the random bytes") {
  std::array<std::byte, 32> random{};
  CHECK(cookie_from(random) == std::string(32, 'A'));
  random.fill(std::byte{27});
  CHECK(cookie_from(random) == std::string(32, 'B'));
}

TEST_CASE("a file that only its owner can read is read") {
  const folder home;
  write(home / "c", "MYCOOKIE\n", 0400);
  CHECK(read_cookie_file(home / "c") == "MYCOOKIE");
  write(home / "d", "OTHER", 0600);
  CHECK(read_cookie_file(home / "d") == "OTHER");
}

TEST_CASE("a file that others may read is refused, with the cure and without the secret") {
  const folder home;
  for (const mode_t mode : {0440U, 0404U, 0644U, 0420U}) {
    write(home / "c", "TOPSECRET", 0600);
    REQUIRE(::chmod((home / "c").c_str(), mode) == 0);
    const auto cookie = read_cookie_file(home / "c");
    REQUIRE_FALSE(cookie);
    CHECK(cookie.error().find("chmod 400") != std::string::npos);
    CHECK(cookie.error().find("TOPSECRET") == std::string::npos);
  }
}

TEST_CASE("what is no regular file is refused") {
  const folder home;
  CHECK_FALSE(read_cookie_file(home.text()));
  REQUIRE(::mkfifo((home / "pipe").c_str(), 0600) == 0);
  CHECK_FALSE(read_cookie_file(home / "pipe"));
}

TEST_CASE("a file without a usable cookie is refused") {
  const folder home;
  write(home / "c", "\n\n", 0400);
  const auto cookie = read_cookie_file(home / "c");
  REQUIRE_FALSE(cookie);
  CHECK(cookie.error().find("printable") != std::string::npos);
}

TEST_CASE("a missing file gives an empty cookie, and creating it one that only its owner can read") {
  const folder home;
  CHECK(read_cookie_file(home / "none") == "");
  const auto made = create_cookie_file(home / "none");
  REQUIRE(made);
  CHECK(made->size() == 32);
  CHECK(std::ranges::all_of(*made, [](char letter) { return letter >= 'A' && letter <= 'Z'; }));
  CHECK(mode_of(home / "none") == 0400);
  CHECK(read_cookie_file(home / "none") == *made);
  CHECK(std::distance(fs::directory_iterator{home.text()}, fs::directory_iterator{}) == 1);
}

TEST_CASE("whoever loses the race for a new file reads the winner's") {
  const folder home;
  write(home / "c", "WINNER", 0400);
  CHECK(create_cookie_file(home / "c") == "WINNER");
}

TEST_CASE("a cookie that cannot be stored says where") {
  const folder home;
  const auto made = create_cookie_file(home / "no/such/folder/c");
  REQUIRE_FALSE(made);
  CHECK(made.error().find("no/such/folder") != std::string::npos);
}

TEST_CASE("the home folder comes before the configuration folder, and a chosen file before both") {
  const folder home;
  const cookie_places places{.chosen = {}, .home = home.text(), .config = home / "config"};
  write(home / "config/erlang/.erlang.cookie", "CONFIG", 0400);
  CHECK(find_cookie(places) == "CONFIG");
  write(home / ".erlang.cookie", "HOME", 0400);
  CHECK(find_cookie(places) == "HOME");
  write(home / "mine", "CHOSEN", 0400);
  CHECK(find_cookie({.chosen = home / "mine", .home = home.text(), .config = {}}) == "CHOSEN");
}

TEST_CASE("the first cookie of a user is made at home and found again") {
  const folder home;
  const cookie_places places{.chosen = {}, .home = home.text(), .config = home / "config"};
  const auto made = find_cookie(places);
  REQUIRE(made);
  CHECK(mode_of(home / ".erlang.cookie") == 0400);
  CHECK(find_cookie(places) == *made);
}

TEST_CASE("a readable home cookie is refused even where another file would do") {
  const folder home;
  write(home / ".erlang.cookie", "HOME", 0644);
  write(home / "config/erlang/.erlang.cookie", "CONFIG", 0400);
  CHECK_FALSE(find_cookie({.chosen = {}, .home = home.text(), .config = home / "config"}));
}

TEST_CASE("without any place the error names the ways to give a cookie") {
  const auto cookie = find_cookie({});
  REQUIRE_FALSE(cookie);
  CHECK(cookie.error().find("ERGO_COOKIE_FILE") != std::string::npos);
}
