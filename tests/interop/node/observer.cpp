// Observer attached to a node of ours: what each release's asks, and the program itself, with its windows.
#include "harness.hpp"
#include "scoreboard.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <stdexcept>
#include <string_view>

namespace ergo_interop {
namespace {

namespace files = std::filesystem;

/// The demo, and an Erlang node that looks at it.
class attached {
 public:
  explicit attached(const release& otp, const std::vector<std::string>& through = {})
      : port_{free_port()},
        mapper_{options_for(fresh_name("cpp"), port_)},
        demo_{fresh_name("demo"), port_},
        erl_{peer_options_for(otp, port_, through)} {
    erl_.load(ERGO_SOURCE_DIR "/tests/interop/node/observer_side.erl");
    eventually("they are connected", [&] { return erl_.run("{apply, net_adm, ping, [" + node() + "]}") == "pong"; });
  }
  [[nodiscard]] std::string node() const { return "'" + demo_.name() + "'"; }
  [[nodiscard]] std::string run(const std::string& function, const std::string& more = "") {
    return erl_.run("{apply, observer_side, " + function + ", [" + node() + more + "]}");
  }

 private:
  static peer_options peer_options_for(const release& otp, std::uint16_t port,
                                       const std::vector<std::string>& through) {
    auto options = peer_at(otp, port);
    options.through = through;
    return options;
  }
  std::uint16_t port_;
  our_node mapper_;
  demo_node demo_;
  erlang_peer erl_;
};

/// The number of a display, or nothing where it does not come up: a container may forbid it.
std::string number_of(program& display) {
  try {
    return display.read_line(20s);
  } catch (const std::runtime_error&) {
    return {};
  }
}

bool is_program(std::string_view name) {
  return std::ranges::any_of(std::to_array<files::path>({"/usr/bin", "/usr/local/bin"}),
                             [&](const files::path& folder) { return files::exists(folder / name); });
}

TEST_CASE("What observer asks besides the records of processes, each release gets in its shapes") {
  for_every_release("observer: ports, tables, sockets, load charts, applications", [](const release& otp) {
    attached on{otp};
    expect_same(on.run("data"), "[]");
    expect_same(on.run("ports"), "[]");
    expect_same(on.run("load"), "[]");
    expect_same(on.run("applications", R"(, {kernel, "user"})"), "[]");
  });
}

TEST_CASE("observer itself shows every page of a node of ours and logs no error", "[installed][clear]") {
  if (!is_program("Xvfb")) SKIP("there is no Xvfb");
  for_installed("observer with its windows: pictures of all pages", [](const release& otp) {
    const auto folder = files::path{ERGO_INTEROP_DIR}.parent_path() / "observer";
    files::remove_all(folder);
    files::create_directories(folder);
    program display{{"Xvfb", "-displayfd", "1", "-screen", "0", "1000x700x24", "-nolisten", "tcp", "-fbdir", folder}};
    const auto number = number_of(display);
    if (number.empty()) return remark("Xvfb shows no display here: observer is not opened");
    attached on{otp, {"env", "DISPLAY=:" + number}};
    const auto screen = (folder / "Xvfb_screen0").string();
    const auto seen = on.run("windows", ", \"" + screen + "\", \"" + folder.string() + "\"");
    if (seen == "no_observer") return remark("there is no observer in this Erlang");
    expect(seen.starts_with(R"({["System","Load Charts")"), seen);
    expect(seen.ends_with(",[],true}"), seen);
  });
}

}  // namespace
}  // namespace ergo_interop
