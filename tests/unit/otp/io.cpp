// The client's side of the I/O protocol: what a device is asked, and what comes of each of its answers.
#include "support.hpp"

#include <ergo/otp/io.hpp>

using namespace ergo;
using namespace ergo::test;

namespace {

/// What was read, in a form that a test can compare.
std::string shown(const ergo::result<std::optional<std::string>>& read) {
  if (!read) return "error: " + etf::to_text(read.error().reason());
  return *read ? **read : "end";
}

/// A device that notes each request and gives it the next answer.
task<> scripted(process& self, std::vector<term> answers, std::vector<term>* asked) {
  for (const auto& answer : answers) {
    const auto got = co_await self.receive_any();
    const auto parts = got.payload().elements();
    if (parts.size() != 4 || !parts[0].is("io_request"_atom)) co_return;
    asked->push_back(parts[3]);
    self.send(*parts[1].as_pid(), etf::tuple("io_reply"_atom, parts[2], answer));
  }
  co_await self.sleep(forever);
}

/// A device that ends with `how` instead of an answer.
task<exit_reason> dying(process& self, term how) {
  (void)co_await self.receive_any();
  co_return exit_reason{how};
}

struct scripted_device {
  scripted_device(world& on, std::vector<term> answers) : id{on.spawn(scripted, std::move(answers), &asked)} {}
  std::vector<term> asked;
  pid id;
};

term parsed(std::string_view text) { return *etf::parse(text); }

}  // namespace

TEST_CASE("text is printed as UTF-8 in a binary, formatted text too") {
  world here;
  scripted_device device{here, {"ok"_atom, "ok"_atom, "ok"_atom}};
  here.run(
      [](process& self, pid to) -> task<> {
        const auto plain = co_await otp::io::put_chars(self, to, "grüße\n");
        CHECK(plain.has_value());
        const auto formatted = co_await otp::io::format(self, to, "ü ~p: ~ts~n", etf::list(1, etf::binary("ö")));
        CHECK(formatted.has_value());
        const auto bare = co_await otp::io::format(self, to, "done~n");
        CHECK(bare.has_value());
        CHECK(self.unread() == 0);
      },
      device.id);
  CHECK(device.asked == std::vector{etf::tuple("put_chars"_atom, "unicode"_atom, etf::binary("grüße\n")),
                                    etf::tuple("put_chars"_atom, "unicode"_atom, etf::binary("ü 1: ö\n")),
                                    etf::tuple("put_chars"_atom, "unicode"_atom, etf::binary("done\n"))});
}

TEST_CASE("who names no device uses its group leader, and without one the user of its node") {
  world here;
  scripted_device leader{here, {"ok"_atom, "ok"_atom, "ok"_atom, "eof"_atom, "eof"_atom}};
  here.run(
      [](process& self, pid device) -> task<> {
        CHECK(otp::io::default_device(self) == destination{"user"_atom});
        const auto nobody = co_await otp::io::put_chars(self, "lost");
        CHECK(nobody.error() == errc::noproc);
        self.group_leader(device);
        const auto plain = co_await otp::io::put_chars(self, "here");
        CHECK(plain.has_value());
        const auto formatted = co_await otp::io::format(self, "~w", etf::list("there"_atom));
        CHECK(formatted.has_value());
        auto wanted = etf::tuple("put_chars"_atom, "latin1"_atom, etf::binary("everywhere"));
        const auto raw = co_await otp::io::request(self, "standard_io"_atom, std::move(wanted));
        CHECK(raw == term{"ok"_atom});
        const auto line = co_await otp::io::get_line(self, "? ");
        CHECK(shown(line) == "end");
        const auto characters = co_await otp::io::get_chars(self, "? ", 2);
        CHECK(shown(characters) == "end");
      },
      leader.id);
  CHECK(leader.asked ==
        std::vector{parsed("{put_chars, unicode, <<\"here\">>}"), parsed("{put_chars, unicode, <<\"there\">>}"),
                    parsed("{put_chars, latin1, <<\"everywhere\">>}"), parsed("{get_line, unicode, <<\"? \">>}"),
                    parsed("{get_chars, unicode, <<\"? \">>, 2}")});
}

TEST_CASE("input is text, whether it comes as a binary or as a list, or the end") {
  world here;
  scripted_device device{here, {etf::binary("eins\n"), etf::text_list("größe\n"), term{}, "eof"_atom}};
  here.run(
      [](process& self, pid from) -> task<> {
        const auto binary = co_await otp::io::get_line(self, from, "> ");
        CHECK(shown(binary) == "eins\n");
        const auto list = co_await otp::io::get_line(self, from, "> ");
        CHECK(shown(list) == "größe\n");
        const auto nothing = co_await otp::io::get_chars(self, from, "", 0);
        CHECK(shown(nothing) == "");
        const auto end = co_await otp::io::get_chars(self, from, "", 9);
        CHECK(shown(end) == "end");
      },
      device.id);
}

TEST_CASE("what a device refuses is an error with its reason") {
  world here;
  const auto no_translation = parsed("{no_translation, unicode, latin1}");
  scripted_device device{
      here,
      {etf::tuple("error"_atom, no_translation), parsed("{error, enotsup}"), parsed("{error, request}"), "maybe"_atom,
       parsed("{error, interrupted}"), etf::list("no"_atom), 7, parsed("{error, enotsup}")}};
  here.run(
      [](process& self, pid to, term reason) -> task<> {
        const auto strange = co_await otp::io::put_chars(self, to, "√");
        CHECK(strange.error() == error{errc::badarg, reason});
        const auto unsupported = co_await otp::io::put_chars(self, to, "a");
        CHECK(unsupported.error() == error{errc::not_supported, "enotsup"_atom});
        const auto unknown = co_await otp::io::put_chars(self, to, "b");
        CHECK(unknown.error() == error{errc::not_supported, "request"_atom});
        const auto odd = co_await otp::io::put_chars(self, to, "c");
        CHECK(odd.error() == error{errc::bad_answer, "maybe"_atom});
        const auto interrupted = co_await otp::io::get_line(self, to, "");
        CHECK(interrupted.error() == error{errc::badarg, "interrupted"_atom});
        const auto no_text = co_await otp::io::get_line(self, to, "");
        CHECK(no_text.error() == error{errc::bad_answer, etf::list("no"_atom)});
        const auto no_input = co_await otp::io::get_line(self, to, "");
        CHECK(no_input.error() == error{errc::bad_answer, 7});
        const auto raw = co_await otp::io::request(self, to, "getopts"_atom);
        CHECK(raw == etf::tuple("error"_atom, "enotsup"_atom));
      },
      device.id, no_translation);
}

TEST_CASE("a format that does not fit its arguments asks no device") {
  world here;
  scripted_device device{here, {"ok"_atom}};
  here.run(
      [](process& self, pid to) -> task<> {
        const auto missing = co_await otp::io::format(self, to, "~p ~p", etf::list(1));
        CHECK(missing.error() == error{errc::badarg, "format"_atom});
        const auto unknown = co_await otp::io::format(self, to, "~!");
        CHECK(unknown.error() == errc::badarg);
        const auto huge = co_await otp::io::format(self, to, "~*s", etf::list(1 << 30, etf::binary("")));
        CHECK(huge.error() == errc::system_limit);
      },
      device.id);
  CHECK(device.asked.empty());
}

TEST_CASE("a device that ends in the middle of a request is an error at once") {
  world here;
  const auto crashing = here.spawn(dying, term{"eio"_atom});
  const auto leaving = here.spawn(dying, term{"normal"_atom});
  const auto dead = here.spawn(dying, term{"normal"_atom});
  here.settle();
  here.runtime().exit(dead, exit_reason{"kill"_atom});
  here.settle();
  here.run(
      [](process& self, pid first, pid second, pid third) -> task<> {
        const auto crashed = co_await otp::io::put_chars(self, first, "x");
        CHECK(crashed.error() == error{errc::exited, "eio"_atom});
        const auto left = co_await otp::io::get_line(self, second, "x");
        CHECK(left.error() == error{errc::exited, "normal"_atom});
        const auto gone = co_await otp::io::put_chars(self, third, "x");
        CHECK(gone.error() == errc::noproc);
        const auto unnamed = co_await otp::io::put_chars(self, "nobody"_atom, "x");
        CHECK(unnamed.error() == errc::noproc);
        const destination far{"user"_atom, "far@nowhere"_atom};
        const auto lost = co_await otp::io::put_chars(self, far, "x");
        CHECK(lost.error() == error{errc::nodedown, "far@nowhere"_atom});
        const pid stranger{*etf::node_id::make("far@nowhere"_atom, 1), 5, 0};
        const auto lost_too = co_await otp::io::put_chars(self, stranger, "x");
        CHECK(lost_too.error() == error{errc::nodedown, "far@nowhere"_atom});
        CHECK(self.unread() == 0);
      },
      crashing, leaving, dead);
}

TEST_CASE("a process that is its own device is told so") {
  world here;
  here.run([](process& self) -> task<> {
    const auto by_pid = co_await otp::io::put_chars(self, self.id(), "x");
    CHECK(by_pid.error() == errc::calling_self);
    const auto registered = self.register_name("screen"_atom);
    CHECK(registered.has_value());
    const auto by_name = co_await otp::io::put_chars(self, "screen"_atom, "x");
    CHECK(by_name.error() == errc::calling_self);
    const destination full{"screen"_atom, self.node().name()};
    const auto by_full_name = co_await otp::io::put_chars(self, full, "x");
    CHECK(by_full_name.error() == errc::calling_self);
  });
}

TEST_CASE("other messages, and replies to other requests, stay in the mailbox while a device is waited for") {
  world here;
  here.run([](process& self) -> task<> {
    const auto device = self.spawn([](process& me) -> task<> {
      const auto got = co_await me.receive_any();
      const auto parts = got.payload().elements();
      const auto asker = *parts[1].as_pid();
      me.send(asker, "hello"_atom);
      me.send(asker, etf::tuple("io_reply"_atom, me.make_ref(), "wrong"_atom));
      me.send(asker, etf::tuple("io_reply"_atom, parts[2], "right"_atom));
    });
    const auto reply = co_await otp::io::request(self, device, "getopts"_atom);
    CHECK(reply == term{"right"_atom});
    CHECK(self.unread() == 2);
  });
}

TEST_CASE("a wait for a device can be abandoned at any point") {
  abandon_everywhere([](process& self) -> task<> {
    const auto device = self.spawn([](process& me) -> task<> {
      const auto got = co_await me.receive_any();
      const auto parts = got.payload().elements();
      me.send(*parts[1].as_pid(), etf::tuple("io_reply"_atom, parts[2], etf::binary("a line of some length\n")));
    });
    (void)co_await otp::io::get_line(self, device, "a prompt that no small string holds: ");
  });
}
