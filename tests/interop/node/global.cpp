// Names and locks of a cluster with OTP's own global: three nodes of which each is killed in turn, names and servers on
// both sides, conflicts, and locks that nobody has twice.
#include "harness.hpp"

#include <ergo/kernel.hpp>
#include <ergo/otp/global.hpp>
#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>

namespace ergo_interop {
namespace {

namespace global = ergo::otp::global;
using ergo::otp::global_name;

const std::string side = ERGO_SOURCE_DIR "/tests/interop/node/global_side.erl";

std::string side_call(const std::string& function, const std::string& arguments) {
  return "{apply, global_side, " + function + ", [" + arguments + "]}";
}

peer_options preventing_partitions(const release& otp, std::uint16_t port) {
  auto options = peer_at(otp, port);
  options.more.insert(options.more.end(), {"-kernel", "prevent_overlapping_partitions", "true"});
  return options;
}

/// Two Erlang nodes, one of the release and one of the installed one, and our demo, all of which may be killed; a port
/// mapper that outlives them.
class trio {
 public:
  trio(const release& otp, const std::string& how)
      : how_{how}, port_{free_port()}, mapper_{options_for(fresh_name("mapper"), port_)} {
    const auto partner = installed_release().value_or(otp);
    options_ = {preventing_partitions(otp, port_), preventing_partitions(partner, port_)};
    start(0);
    start(1);
    start(2);
    demo_name_ = demo_->name();
    connect();
  }

  [[nodiscard]] bool visible() const { return how_ == "--visible"; }
  [[nodiscard]] std::string name(int number) const {
    return number == 2 ? demo_name_ : options_[static_cast<std::size_t>(number)].name;
  }
  std::string run(int number, const std::string& command) { return erlang(number).run(command); }

  void start(int number) {
    running_[static_cast<std::size_t>(number)] = true;
    if (number == 2) {
      if (demo_stem_.empty()) demo_stem_ = fresh_name("ours");
      demo_ = std::make_unique<demo_node>(demo_stem_, port_, std::vector{how_});
      return;
    }
    auto& made = peers_[static_cast<std::size_t>(number)];
    made = std::make_unique<erlang_peer>(options_[static_cast<std::size_t>(number)]);
    made->load(side);
  }
  void kill(int number) {
    running_[static_cast<std::size_t>(number)] = false;
    if (number == 2) return demo_->process().kill_now();
    erlang(number).kill_now();
  }
  /// From any state to one in which all are connected, and know it.
  void connect() {
    expect_same(run(0, "{ping, " + atom_text(name(1)) + "}"), "pong");
    for (const int number : {0, 1}) expect_same(run(number, "{ping, " + atom_text(demo_name_) + "}"), "pong");
    for (const int number : {0, 1}) {
      expect_same(run(number, side_call("sync", "")), "ok");
      run(number, side_call("watch", atom_text(name(1 - number))));
    }
  }
  /// How often the two Erlang nodes have lost each other since `connect`, as both of them say.
  std::string cuts() { return run(0, side_call("cuts", "")) + run(1, side_call("cuts", "")); }

  /// Registers a process of a node, called as that node is: n0, n1, n2.
  void register_name(int number) {
    const auto asking = number == 0 ? 0 : 1;
    const auto process = number == 2 ? "{apply, rpc, call, [" + atom_text(demo_name_) + ", erlang, whereis, [echo]]}"
                                     : side_call("sleeper", "");
    run(asking, "{set, process, " + process + "}");
    const auto arguments = atom_text(name(number)) + ", n" + std::to_string(number) + ", {var, process}";
    expect_same(run(asking, side_call("register_at", arguments)), "yes");
  }
  /// All that run come to see the names of exactly these nodes.
  void all_see(const std::string& when, const std::vector<int>& those) {
    for (const int number : {0, 1, 2}) {
      if (std::ranges::find(those, number) == those.end()) continue;
      std::vector<ergo::term> wanted;
      for (const int other : those) {
        if (visible() || (number == 2) == (other == 2)) wanted.push_back(entry(other));
      }
      const auto text = ergo::etf::to_text(ergo::etf::make_list(wanted));
      std::string seen;
      try {
        eventually(when, [&] { return (seen = names_at(number)) == text; }, 20s);
      } catch (const std::exception&) {
        expect_same(seen, text);
        throw;
      }
    }
  }

 private:
  erlang_peer& erlang(int number) { return *peers_[static_cast<std::size_t>(number)]; }
  [[nodiscard]] ergo::term entry(int number) const {
    return parsed("{n" + std::to_string(number) + ", " + atom_text(name(number)) + "}");
  }
  std::string names_at(int number) {
    if (number != 2) return run(number, side_call("names", ""));
    const auto asking = running_[0] ? 0 : 1;
    return run(asking, side_call("names_at", atom_text(demo_name_)));
  }
  std::string how_;
  std::uint16_t port_;
  our_node mapper_;
  std::vector<peer_options> options_;
  std::array<std::unique_ptr<erlang_peer>, 2> peers_;
  std::array<bool, 3> running_{};
  std::string demo_stem_;
  std::string demo_name_;
  std::unique_ptr<demo_node> demo_;
};

void kill_each_in_turn(const release& otp, const std::string& how) {
  trio on{otp, how};
  if (otp.number != "23") expect_same(on.run(0, side_call("prevents", "")), "true");
  for (const int number : {0, 1, 2}) on.register_name(number);
  on.all_see("after the registrations", {0, 1, 2});
  for (const int victim : {2, 0, 1}) {
    expect_same(on.cuts(), "00");
    on.kill(victim);
    std::vector<int> others{0, 1, 2};
    std::erase(others, victim);
    on.all_see("after a node was killed", others);
    if (victim == 2) expect_same(on.cuts(), "00");
    on.start(victim);
    on.connect();
    on.all_see("after it is back without its name", others);
    on.register_name(victim);
    on.all_see("after it has its name again", {0, 1, 2});
  }
  expect_same(on.cuts(), "00");
}

TEST_CASE("Names of three nodes are right whichever of them is killed, and we cut no link between the others") {
  for_every_release("global: three nodes, ours visible, each killed with -9 in turn",
                    [](const release& otp) { kill_each_in_turn(otp, "--visible"); });
}

TEST_CASE("A hidden node has names of its own, and cuts no link between the others") {
  for_every_release("global: three nodes, ours hidden, each killed with -9 in turn",
                    [](const release& otp) { kill_each_in_turn(otp, "--hidden"); });
}

/// Our visible node with the services of a cluster, and an Erlang one.
class pair_of_nodes {
 public:
  explicit pair_of_nodes(const release& otp)
      : in{otp, with_services(), {"-kernel", "prevent_overlapping_partitions", "true"}} {
    in.peer().load(side);
  }
  static ergo::node_options with_services() {
    ergo::node_options options;
    options.visibility = ergo::visibility::visible;
    options.boot = ergo::kernel::boot();
    return options;
  }
  /// Connects, and waits until both have taken over each other's names.
  void connect() {
    in.connect(true);
    expect_same(in.erl(side_call("sync", "")), "ok");
    const ergo::destination server{"global_name_server"_atom};
    eventually("we have their names",
               [&] { return in.ours().call(server, "get_synced"_atom) == ergo::etf::list(in.peer_atom()); });
  }
  [[nodiscard]] std::optional<ergo::pid> ours(const std::string& name) {
    return global::whereis_name(in.node().local(), global_name{ergo::atom::of(name)});
  }
  std::string theirs(const std::string& name) { return in.erl("{apply, global, whereis_name, [" + name + "]}"); }

  world in;
};

ergo::task<ergo::term> register_as(ergo::process& self, ergo::atom name, ergo::pid who) {
  const auto given = co_await global::register_name(self, global_name(name), who);
  co_return ergo::term{given == global::answer::yes};
}

ergo::task<ergo::term> forget(ergo::process& self, ergo::atom name) {
  const auto done = co_await global::unregister_name(self, global_name(name));
  co_return ergo::term{done.has_value()};
}

ergo::task<ergo::term> ask_by_name(ergo::process& self, ergo::atom name) {
  const global_name server{name};
  const auto given = co_await ergo::otp::call(self, server, 41);
  co_return given ? *given : given.error().reason();
}

TEST_CASE("A name given on one side is known on the other, and calls go to it by name") {
  for_every_release("global: register, unregister and {global, Name} calls in both directions", [](const release& otp) {
    pair_of_nodes on{otp};
    on.connect();
    auto& in = on.in;
    const auto echo = in.node().whereis("echo"_atom).value();
    expect_term(run_process(in.node(), register_as, "from_us"_atom, echo), "true");
    expect_same(in.erl(side_call("ask", "from_us, hello")), "hello");
    expect_term(run_process(in.node(), register_as, "from_us"_atom, echo), "false");

    in.erl("{set, server, " + side_call("serve", "from_them") + "}");
    eventually("we know their name", [&] { return on.ours("from_them").has_value(); });
    expect_term(run_process(in.node(), ask_by_name, "from_them"_atom), "41");
    in.erl("{exit, {var, server}, kill}");
    eventually("a name ends with its process", [&] { return !on.ours("from_them"); });
    expect_term(run_process(in.node(), ask_by_name, "from_them"_atom), "noproc");

    expect_term(run_process(in.node(), forget, "from_us"_atom), "true");
    expect_same(on.theirs("from_us"), "undefined");
    in.erl("{set, sleeper, " + side_call("sleeper", "") + "}");
    expect_same(in.erl("{apply, global, register_name, [from_us, {var, sleeper}]}"), "yes");
    expect(on.ours("from_us")->node.name() == in.peer_atom(), "it is theirs now");
  });
}

ergo::task<> idle(ergo::process& self) { co_await self.sleep(ergo::forever); }

TEST_CASE("Of two processes that got one name while their nodes were apart, one keeps it and the other is ended") {
  for_every_release(
      "global: one name on both sides before they connect, both orders of the nodes", [](const release& otp) {
        pair_of_nodes on{otp};
        auto& in = on.in;
        const auto ours = in.node().spawn(idle).value();
        expect_term(run_process(in.node(), register_as, "shared"_atom, ours), "true");
        in.erl("{set, theirs, " + side_call("sleeper", "") + "}");
        expect_same(in.erl("{apply, global, register_name, [shared, {var, theirs}]}"), "yes");
        on.connect();
        const auto kept = on.ours("shared");
        expect(kept.has_value(), "the name is somebody's");
        const bool we_keep_it = *kept == ours;
        expect_same(in.erl("{apply, global_side, names, []}"),
                    ergo::etf::to_text(ergo::etf::list(ergo::etf::tuple("shared"_atom, kept->node.name()))));
        eventually("the other one is ended", [&] {
          return in.node().runtime().alive(ours) == we_keep_it &&
                 in.erl("{is_alive, {var, theirs}}") == (we_keep_it ? "false" : "true");
        });
      });
}

ergo::task<ergo::term> register_with(ergo::process& self, ergo::atom name, ergo::pid who, ergo::atom function) {
  const auto decided = global::method::function("decide"_atom, function);
  const auto given = co_await global::register_name(self, global_name(name), who, decided);
  co_return ergo::term{given == global::answer::yes};
}

/// Two functions of C++ that decide whose name it is: the process that is not of this node, or nobody.
void provide_decisions(our_node& ours) {
  const auto mine = ours->name();
  const auto other = [mine](const ergo::term&, const ergo::pid& left, const ergo::pid& right) {
    return left.node.name() == mine ? right : left;
  };
  expect(ours->provide("decide", "other", other).has_value(), "decide:other/3");
  const auto nobody = [](const ergo::term&, const ergo::pid&, const ergo::pid&) { return "none"_atom; };
  expect(ours->provide("decide", "nobody", nobody).has_value(), "decide:nobody/3");
}

TEST_CASE(
    "A function of C++ decides whose name it is, asked by us or by an Erlang node that has the name of our process") {
  for_every_release("global: conflicts decided by C++", [](const release& otp) {
    pair_of_nodes on{otp};
    auto& in = on.in;
    provide_decisions(in.ours());
    const auto echo = in.node().whereis("echo"_atom).value();
    expect_term(run_process(in.node(), register_with, "shared"_atom, echo, "other"_atom), "true");
    in.erl("{set, theirs, " + side_call("sleeper", "") + "}");
    expect_same(in.erl("{apply, global, register_name, [shared, {var, theirs}]}"), "yes");
    on.connect();  // our name is the smaller one: we decide
    expect(on.ours("shared")->node.name() == in.peer_atom(), "the other process has the name");
    expect(in.node().runtime().alive(echo), "nobody was ended");

    auto third_options = preventing_partitions(otp, in.port());
    third_options.name = fresh_name("zrl") + "@localhost";  // larger than the other's name: that one decides
    erlang_peer third{third_options};
    third.load(side);
    expect_term(run_process(in.node(), register_with, "nobodys"_atom, echo, "nobody"_atom), "true");
    third.run("{set, theirs, " + side_call("sleeper", "") + "}");
    expect_same(third.run("{apply, global, register_name, [nobodys, {var, theirs}]}"), "yes");
    expect_same(third.run("{ping, " + atom_text(in.peer().name()) + "}"), "pong");
    eventually("the function said that nobody has it", [&] {
      return !on.ours("nobodys") && on.theirs("nobodys") == "undefined" &&
             third.run("{apply, global, whereis_name, [nobodys]}") == "undefined";
    });
    expect_same(third.run("{is_alive, {var, theirs}}"), "true");
  });
}

ergo::task<> enter_and_leave(ergo::process& self, ergo::destination referee) {
  (void)co_await ergo::otp::call(self, referee, "enter"_atom, 20s);
  (void)co_await ergo::otp::call(self, referee, "leave"_atom, 20s);
}

ergo::task<> compete(ergo::process& self, ergo::destination referee, int times, std::vector<ergo::atom> nodes) {
  const global::lock_id id{"the_lock"_atom, self.id()};
  global::lock_options where;
  where.nodes = std::move(nodes);
  const auto body = [referee](ergo::process& me) { return enter_and_leave(me, referee); };
  for (int round = 0; round < times; ++round) (void)co_await global::trans(self, id, body, where);
}

/// Nodes of both languages that all know each other; the first of ours is the port mapper.
class crowd {
 public:
  crowd(const release& otp, int theirs, int ours) : port_{free_port()} {
    for (int count = 0; count < ours; ++count) {
      auto options = options_for(fresh_name("ours"), port_);
      const auto services = pair_of_nodes::with_services();
      options.visibility = services.visibility;
      options.boot = services.boot;
      ours_.push_back(std::make_unique<our_node>(std::move(options)));
    }
    for (int count = 0; count < theirs; ++count) {
      peers_.push_back(std::make_unique<erlang_peer>(preventing_partitions(otp, port_)));
      peers_.back()->load(side);
      for (const auto& one : ours_) expect_same(peers_.back()->run("{ping, " + one->quoted_name() + "}"), "pong");
    }
    for (const auto& one : peers_) expect_same(one->run(side_call("sync", "")), "ok");
  }

  [[nodiscard]] std::vector<ergo::atom> names() const {
    std::vector<ergo::atom> all;
    for (const auto& one : ours_) all.push_back(ergo::atom::of(one->name()));
    for (const auto& one : peers_) all.push_back(ergo::atom::of(one->name()));
    return all;
  }
  [[nodiscard]] auto& ours() noexcept { return ours_; }
  [[nodiscard]] auto& peers() noexcept { return peers_; }

 private:
  std::uint16_t port_;
  std::vector<std::unique_ptr<our_node>> ours_;
  std::vector<std::unique_ptr<erlang_peer>> peers_;
};

TEST_CASE("A lock that Erlang and we compete for has one holder at a time") {
  for_every_release("global: trans on one id from both languages", [](const release& otp) {
    const int of_each = ergo::test::rounds(2, 4);  // 1,000 transactions of eight nodes by ERGO_TEST_LONG=1
    const int processes = ergo::test::rounds(2, 1);
    const int times = ergo::test::rounds(15, 125);
    crowd on{otp, of_each, of_each};
    const auto nodes = on.names();
    const std::vector<ergo::term> listed{nodes.begin(), nodes.end()};
    auto& first = *on.peers().front();
    first.run(side_call("start_referee", "referee"));
    const auto where = "{referee, " + atom_text(first.name()) + "}";
    const auto wanted = where + ", " + std::to_string(processes) + ", " + std::to_string(times) + ", " +
                        ergo::etf::to_text(ergo::etf::make_list(listed));
    for (const auto& one : on.peers()) one->run(side_call("compete", wanted));
    const ergo::destination referee{"referee"_atom, ergo::atom::of(first.name())};
    for (const auto& one : on.ours()) {
      for (int count = 0; count < processes; ++count)
        expect((*one)->spawn(compete, referee, times, nodes).has_value(), "spawn");
    }
    const auto all = "{" + std::to_string(2 * of_each * processes * times) + ",0}";
    eventually(
        "all have had their turns, alone", [&] { return first.run(side_call("verdict", where)) == all; },
        std::chrono::minutes{ergo::test::rounds(2, 20)});
  });
}

}  // namespace
}  // namespace ergo_interop
