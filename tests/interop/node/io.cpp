// Group leaders across nodes: text goes to whoever asked for it, wherever the code runs that prints it; and Erlang's
// log events reach the node of their group leader.
#include "harness.hpp"

#include <ergo/kernel.hpp>
#include <ergo/otp/io.hpp>
#include <ergo/otp/io_device.hpp>
#include <ergo/rpc.hpp>

#include <catch2/catch_test_macros.hpp>

#include <deque>
#include <mutex>

namespace ergo_interop {
namespace {

namespace io = ergo::otp::io;

/// A terminal that keeps what is printed, and types the lines that it was given, one for each wish.
class paper final : public io::terminal {
 public:
  ergo::task<std::expected<void, ergo::term>> write(ergo::process& /*self*/, std::string bytes,
                                                    io::encoding /*as*/) override {
    const std::scoped_lock lock{mutex_};
    text_ += bytes;
    co_return std::expected<void, ergo::term>{};
  }
  void want(ergo::process& /*self*/, const io::input_port& port, io::input_kind /*kind*/) override {
    const std::scoped_lock lock{mutex_};
    if (lines_.empty()) {
      ++waiting_;
      return;
    }
    port.feed(lines_.front());
    lines_.pop_front();
  }
  void type(std::initializer_list<std::string> lines) {
    const std::scoped_lock lock{mutex_};
    lines_.insert(lines_.end(), lines);
  }
  std::string take() {
    const std::scoped_lock lock{mutex_};
    return std::exchange(text_, "");
  }
  int waiting() {
    const std::scoped_lock lock{mutex_};
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::string text_;
  std::deque<std::string> lines_;
  int waiting_ = 0;
};

ergo::task<ergo::result<void>> print_twice(ergo::process& self, std::string text) {
  const auto plain = co_await io::put_chars(self, text + "\n");
  if (!plain) co_return plain;
  co_return co_await io::format(self, "~p ~ts~n", ergo::etf::list("again"_atom, ergo::etf::binary(text)));
}

/// Our node with the services of a member of a cluster, `user` on paper, and a group leader on the Erlang side.
class io_stage {
 public:
  explicit io_stage(const release& otp) : in{otp, with_services()} {
    in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/io_side.erl");
    in.erl("{apply, io_side, start, []}");
    const auto made = io::start_device(in.node().local(), user, {.name = "user"_atom});
    expect(made.has_value(), "our user starts");
    expect(in.node().provide("ours", "print", print_twice).has_value(), "a function that prints");
    in.connect(true);
    in.erl("{set, user, {remote_whereis, " + in.cpp() + ", user}}");
  }

  static ergo::node_options with_services() {
    ergo::kernel::options services;
    services.global = false;
    services.user.enabled = false;
    ergo::node_options options;
    options.boot = ergo::kernel::boot(services);
    return options;
  }
  /// What `io_side:call` gives for a process of Erlang whose group leader is `leader`: that name or `{var, user}`.
  std::string call(const std::string& leader, const std::string& how, const std::string& module,
                   const std::string& function, const std::string& arguments) {
    return in.erl("{apply, io_side, call, [" + leader + ", " + how + ", " + in.cpp() + ", " + module + ", " + function +
                  ", " + arguments + "]}");
  }
  /// What a function of `io` gives for a process of Erlang whose group leader is our `user`.
  std::string at_our_user(const std::string& function, const std::string& arguments) {
    return call("{var, user}", "here", "io", function, arguments);
  }
  std::string printed_there() { return std::string{in.remote("{apply, io_side, take, []}").bytes()}; }

  world in;
  std::shared_ptr<paper> user = std::make_shared<paper>();
};

TEST_CASE("What code prints that another node runs here appears at the caller, by whatever way it was called") {
  for_every_release("io: io:format here by rpc, erpc, block_call and spawn", [](const release& otp) {
    io_stage on{otp};
    for (const std::string how : {"rpc", "erpc", "block", "spawn"}) {
      expect_same(on.call("leader", how, "io", "format", "[\"~p~n~ts~n\", [{" + how + ", [1]}, [252, 8730]]]"), "ok");
      expect_same(on.printed_there(), "{" + how + ",[1]}\nü√\n");
      expect_same(on.call("leader", how, "io", "put_chars", "[\"text\"]"), "ok");
      expect_same(on.call("leader", how, "io", "nl", "[]"), "ok");
      expect_same(on.printed_there(), "text\n");
    }
    for (const std::string how : {"rpc", "erpc", "block"}) {
      expect_same(on.call("leader", how, "ours", "print", "[<<\"gr\\x{fc}n\"/utf8>>]"), "ok");
      expect_same(on.printed_there(), "grün\nagain grün\n");
    }
    expect_same(on.user->take(), "");
  });
}

TEST_CASE("Erlang prints at our user and at a group leader of ours, with formats, and is refused what is no text") {
  for_every_release("io: io:format to a device of ours", [](const release& otp) {
    io_stage on{otp};
    expect_same(on.at_our_user("format", "[\"~p ~ts ~5.2f|~n\", [[a, \"b\"], [252], 1.5]]"), "ok");
    expect_same(on.at_our_user("fwrite", "[\"~w~n\", [\"a\"]]"), "ok");
    expect_same(on.at_our_user("put_chars", "[[[\"deep \"], <<\"text\">>, 10]]"), "ok");
    expect_same(on.at_our_user("write", "[{a, 1}]"), "ok");
    expect_same(on.at_our_user("nl", "[]"), "ok");
    expect_same(on.user->take(), "[a,\"b\"] ü  1.50|\n[97]\ndeep text\n{a,1}\n");
    expect_same(on.at_our_user("format", "[\"~p\", []]"), "{error,badarg}");
    expect_same(on.at_our_user("put_chars", "[[-1]]"), "{error,badarg}");
    expect_same(on.at_our_user("columns", "[]"), "{error,enotsup}");
    expect_same(on.at_our_user("setopts", "[[binary]]"), "ok");
    expect_same(on.at_our_user("getopts", "[]"), "[{echo,true},{binary,true},{encoding,unicode}]");
    expect_same(on.at_our_user("requests", "[[{put_chars, unicode, <<\"a\">>}, nl, {format, \"~w\", [b]}]]"), "ok");
    expect_same(on.user->take(), "a\nb");
    expect_same(on.call("leader", "rpc", "io", "format", "[user, \"~w~n\", [here]]"), "ok");
    expect_same(on.user->take(), "here\n");
    expect_same(on.printed_there(), "");
  });
}

TEST_CASE("Erlang reads from a device of ours, in lines and characters") {
  for_every_release("io: get_line, get_chars and read from a device of ours", [](const release& otp) {
    io_stage on{otp};
    on.user->type({"eins zw", "ei\ndrei\n", "vier\n"});
    expect_same(on.at_our_user("get_line", "[\"one> \"]"), "\"eins zwei\\n\"");
    expect_same(on.at_our_user("get_chars", "['', 2]"), "\"dr\"");
    expect_same(on.at_our_user("setopts", "[[binary]]"), "ok");
    expect_same(on.at_our_user("get_line", "[\"two> \"]"), "<<\"ei\\n\">>");
    expect_same(on.at_our_user("get_line", "[\"three> \"]"), "<<\"vier\\n\">>");
    // Each would run a function there that the request names; and a password could be seen.
    expect_same(on.at_our_user("read", "[\"four> \"]"), "{error,enotsup}");
    expect_same(on.at_our_user("fread", "[\"four> \", \"~d\"]"), "{error,enotsup}");
    expect_same(on.at_our_user("scan_erl_form", "[\"four> \"]"), "{error,enotsup}");
    expect_same(on.at_our_user("get_password", "[]"), "{error,enotsup}");
    expect_same(on.user->take(), "one> two> three> ");
  });
}

ergo::task<ergo::term> use_remote_leader(ergo::process& self, ergo::pid leader, ergo::destination by_name) {
  self.group_leader(leader);
  const auto text = co_await io::put_chars(self, "from here\n");
  const auto formatted = co_await io::format(self, "~w~n", ergo::etf::list("a"_atom));
  const auto line = co_await io::get_line(self, by_name, "? ");
  if (!text || !formatted || !line || !*line) co_return "failed"_atom;
  co_return ergo::etf::binary(**line);
}

TEST_CASE(
    "A process of ours prints to and reads from a group leader on an Erlang node, and what it calls there prints "
    "here") {
  for_every_release(
      "io: put_chars, format, get_line to a remote group leader; io:format there for us", [](const release& otp) {
        io_stage on{otp};
        const auto leader = on.in.remote("{whereis, leader}").as_pid();
        expect(leader.has_value(), "a group leader there");
        const ergo::destination by_name{"leader"_atom, on.in.peer_atom()};
        const auto got = run_process(on.in.node(), use_remote_leader, *leader, by_name);
        expect_term(got, "<<\"typed\\n\">>");
        expect_same(on.printed_there(), "from here\na\n? ");
        const ergo::rpc::at there{on.in.peer_atom(), 10s};
        const auto called = ergo::rpc::call(on.in.node(), there, "io", "format", ergo::etf::text_list("~p~n"),
                                            ergo::etf::list(ergo::etf::list("back"_atom)));
        expect(called.has_value(), "io:format there");
        expect_same(on.user->take(), "[back]\n");
      });
}

TEST_CASE("What an Erlang process logs whose group leader is here becomes an event of ours") {
  for_every_release("io: logger and error_logger events of processes with our group leader", [](const release& otp) {
    io_stage on{otp};
    on.in.erl("{apply, io_side, log_everything, []}");
    expect_same(on.call("{var, user}", "here", "io_side", "logs", "[]"), "ok");
    for (const auto* const text : {"bob fell: grün", "what => started", "a plain line", "old style", "{report,old}"})
      eventually("reported: " + std::string{text}, [&] { return on.in.ours().reported(text); });
    on.in.erl("{send, {error_logger, " + on.in.cpp() +
              "}, {notify, {warning_msg, none, {none, \"sent ~w\", [directly]}}}}");
    eventually("reported: sent directly", [&] { return on.in.ours().reported("sent directly"); });
  });
}

ergo::task<ergo::term> read_from(ergo::process& self, ergo::destination device) {
  const auto line = co_await io::get_line(self, device, "? ");
  co_return line ? ergo::term{"line"_atom} : line.error().reason();
}

TEST_CASE("Whoever waits for a device is told when that or its node ends, on either side") {
  for_every_release("io: a device or its node is killed during a request", [](const release& otp) {
    io_stage on{otp};
    auto& in = on.in;
    for (const std::string name : {"ends", "stays"}) in.erl("{apply, io_side, silent, [" + name + "]}");
    running first{in.node(), read_from, ergo::destination{"ends"_atom, in.peer_atom()}};
    running second{in.node(), read_from, ergo::destination{"stays"_atom, in.peer_atom()}};
    for (const std::string name : {"ends", "stays"})
      eventually(name + " is asked", [&] { return in.erl("{apply, io_side, asked, [" + name + "]}") == "1"; });

    in.erl("{set, reader, {apply, io_side, begin_call, [{var, user}, here, none, io, get_line, [\"\"]]}}");
    eventually("a reader waits at our device", [&] { return on.user->waiting() == 1; });
    in.node().runtime().exit(*in.node().whereis("user"_atom), "kill"_atom);
    expect_same(in.erl("{apply, io_side, result, [{var, reader}]}"), "{error,terminated}");
    const auto printed = in.erl("{apply, io_side, call, [{var, user}, here, none, io, nl, []]}");
    expect_same(printed, "{error,terminated}");

    in.erl("{set, ends, {whereis, ends}}");
    in.erl("{exit, {var, ends}, kill}");
    expect_term(first.get(), "killed");
    in.peer().kill_now();
    expect_term(second.get(), "{nodedown," + ergo::etf::to_text(in.peer_atom()) + "}");
  });
}

}  // namespace
}  // namespace ergo_interop
