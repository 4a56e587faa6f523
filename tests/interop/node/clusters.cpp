// One program in several clusters, secrets for certain peers, and what the environment decides.
#include "harness.hpp"

#include <ergo/otp/call.hpp>
#include <ergo/reactor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>
#include <filesystem>
#include <fstream>

namespace ergo_interop {
namespace {

/// Passes a call on to a server that only another node of this program reaches.
class bridge {
 public:
  explicit bridge(ergo::destination to) : to_{to} {}

  ergo::task<ergo::otp::result> handle_call(ergo::process& self, const ergo::term& request) {
    auto answer = co_await ergo::otp::call<ergo::term>(self, to_, request, 10s);
    if (!answer) self.exit(ergo::exit_reason::from(answer.error()));
    co_return ergo::otp::reply(*answer);
  }

 private:
  ergo::destination to_;
};

/// A node of ours in a cluster of its own: port mapper, secret, and one Erlang node, `erl@localhost` in every cluster.
struct cluster {
  std::uint16_t port = free_port();
  std::unique_ptr<ergo::node> ours;
  std::unique_ptr<erlang_peer> peer;

  cluster(ergo::runtime& on, const release& otp, const std::string& name, const std::string& cookie) {
    auto options = options_for(name, port);
    options.cookie = cookie;
    options.on_event = [](const ergo::event&) {};
    auto started = ergo::node::start(on, options);
    expect(started.has_value(), started ? "" : started.error().message());
    ours = *std::move(started);
    auto theirs = peer_at(otp, port);
    theirs.name = "erl@localhost";
    theirs.cookie = cookie;
    peer = std::make_unique<erlang_peer>(theirs);
  }
  [[nodiscard]] std::string name() const { return atom_text(ours->name().text()); }
};

/// Starts `gate` on `from`, which leads to the Erlang node of `to`.
void build_bridge(cluster& from, cluster& to) {
  ergo::otp::start_options inside;
  inside.name = "exit"_atom;
  const ergo::destination far{"erl_server"_atom, "erl@localhost"_atom};
  expect(ergo::otp::start<bridge>(to.ours->local(), inside, far).has_value(), "no exit");
  ergo::otp::start_options outside;
  outside.name = "gate"_atom;
  const ergo::destination out{"exit"_atom, to.ours->name()};
  expect(ergo::otp::start<bridge>(from.ours->local(), outside, out).has_value(), "no gate");
}

TEST_CASE("One program bridges two clusters with different secrets, port mappers, and nodes of the same name") {
  for_every_release("two clusters, two cookies, two epmds: bridged by one program", [](const release& otp) {
    auto of = runtime_for(otp);
    of.cores = 2;
    ergo::runtime shared{ergo::networked(of)};
    cluster left{shared, otp, fresh_name("left"), "left_secret"};
    cluster right{shared, otp, fresh_name("right"), "right_secret"};
    build_bridge(left, right);
    build_bridge(right, left);
    const auto ask = [](cluster& from) {
      return from.peer->run("{call, {gate, " + from.name() + "}, {run, {apply, erlang, get_cookie, []}}}");
    };
    expect_same(ask(left), "right_secret");
    expect_same(ask(right), "left_secret");
    expect_same(left.peer->run("{call, {gate, " + left.name() + "}, {run, nodes}}"),
                "{[],[" + ergo::etf::to_text(right.ours->name()) + "]}");
    expect_same(left.peer->run("{ping, " + right.name() + "}"), "pang");
    // What happens in one cluster is nothing to the other.
    right.peer->kill_now();
    eventually("the right one sees it", [&] { return right.ours->nodes(ergo::node_set::all).empty(); });
    expect(left.ours->is_connected("erl@localhost"), "the left one saw it too");
    expect_same(left.peer->run("{ping, " + left.name() + "}"), "pong");
  });
}

TEST_CASE("One peer has a secret of its own, all others that of the node") {
  for_every_release("cookie per peer: both directions, beside the common one", [](const release& otp) {
    const auto port = free_port();
    auto theirs = peer_at(otp, port);
    theirs.cookie = "for_one_only";
    auto options = options_for(fresh_name("cpp"), port);
    options.peer_cookies.emplace(theirs.name, theirs.cookie);
    our_node ours{options};
    erlang_peer special{theirs};
    erlang_peer common{peer_at(otp, port)};
    for (auto* const peer : {&special, &common}) {
      expect_same(peer->run("{ping, " + ours.quoted_name() + "}"), "pong");
      ours->disconnect(peer->name());
      eventually("they saw it", [&] { return peer->run("{connected, " + ours.quoted_name() + "}") == "false"; });
      const auto connected = ours->connect(peer->name());
      expect(connected.has_value(), connected ? "" : connected.error().message());
    }
    auto wrong = peer_at(otp, port);
    wrong.cookie = "for_one_only";  // right, but not for that name
    erlang_peer stranger{wrong};
    expect_same(stranger.run("{ping, " + ours.quoted_name() + "}"), "pang");
  });
}

/// The demo with these variables and nothing else that could tell it a cookie or a port mapper.
class demo_in {
 public:
  demo_in(const std::string& name, const std::vector<std::string>& variables) : program_{words(name, variables)} {
    while (program_.read_line().find(" is ready") == std::string::npos) {
    }
  }

 private:
  static std::vector<std::string> words(const std::string& name, const std::vector<std::string>& variables) {
    std::vector<std::string> all{"env", "-u", "ERGO_COOKIE_FILE", "-u", "XDG_CONFIG_HOME", "-u", "ERL_EPMD_ADDRESS"};
    all.insert(all.end(), variables.begin(), variables.end());
    all.insert(all.end(),
               {program_from("ERGO_PROGRAM_DEMO"), name.ends_with("localhost") ? "--sname" : "--name", name});
    return all;
  }
  program program_;
};

/// A cookie file of that content which only we can read, in a folder that is made.
void write_cookie(const std::filesystem::path& file, const std::string& cookie) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream{file} << cookie << "\n";
  expect(chmod(file.c_str(), 0400) == 0, "cannot protect " + file.string());
}

TEST_CASE("The cookie is found in the home folder, else in XDG_CONFIG_HOME, else in .config", "[installed]") {
  for_installed("cookie: ~/.erlang.cookie, XDG_CONFIG_HOME, ~/.config", [](const release& otp) {
    const auto port = free_port();
    our_node mapper{options_for(fresh_name("mapper"), port)};
    const auto home = std::filesystem::path{ERGO_INTEROP_DIR} / fresh_name("home");
    const auto xdg = std::filesystem::path{ERGO_INTEROP_DIR} / fresh_name("xdg");
    std::filesystem::create_directories(home);
    const std::vector<std::string> variables{"HOME=" + home.string(), "XDG_CONFIG_HOME=" + xdg.string(),
                                             "ERL_EPMD_PORT=" + std::to_string(port)};
    const std::vector<std::string> no_xdg{variables[0], variables[2]};
    const auto meets = [&](const std::vector<std::string>& with, const std::string& cookie) {
      const auto name = fresh_name("demo") + "@localhost";
      const demo_in demo{name, with};
      auto theirs = peer_at(otp, port);
      theirs.cookie = cookie;
      erlang_peer peer{theirs};
      expect_same(peer.run("{ping, " + atom_text(name) + "}"), "pong");
    };
    write_cookie(home / ".config/erlang/.erlang.cookie", "in_dot_config");
    meets(no_xdg, "in_dot_config");
    write_cookie(xdg / "erlang/.erlang.cookie", "in_xdg");
    meets(variables, "in_xdg");
    write_cookie(home / ".erlang.cookie", "at_home");
    meets(variables, "at_home");
  });
}

TEST_CASE("ERL_EPMD_PORT and ERL_EPMD_ADDRESS say where our port mapper is, as they do for Erlang's", "[installed]") {
  for_installed("ERL_EPMD_PORT, ERL_EPMD_ADDRESS: where ours listens", [](const release& otp) {
    const auto port = free_port();
    const auto home = std::filesystem::path{ERGO_INTEROP_DIR} / fresh_name("home");
    write_cookie(home / ".erlang.cookie", "interop");
    const auto name = fresh_name("demo");
    const std::vector<std::string> variables{"HOME=" + home.string(), "ERL_EPMD_PORT=" + std::to_string(port)};
    auto addressed = variables;
    addressed.emplace_back("ERL_EPMD_ADDRESS=127.0.0.5");
    const std::string ask = "{apply, erl_epmd, names, [{127,0,0,5}]}";
    {
      const demo_in demo{name + "@localhost", variables};
      erlang_peer peer{peer_at(otp, port)};
      expect_same(peer.run("{ping, " + atom_text(name + "@localhost") + "}"), "pong");
      expect_same(peer.run(ask), "{error,address}");
    }
    const demo_in demo{name + "@localhost", addressed};
    erlang_peer peer{peer_at(otp, port)};
    expect_same(peer.run("{ping, " + atom_text(name + "@localhost") + "}"), "pong");
    const auto names = peer.run(ask);
    expect(names.find(name) != std::string::npos, "at 127.0.0.5: " + names);
  });
}

}  // namespace
}  // namespace ergo_interop
