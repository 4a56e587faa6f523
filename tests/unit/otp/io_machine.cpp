// What a device answers: each request of the I/O protocol in all its forms, and what is none.
#include "io_machine.hpp"

#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace ergo;
using otp::io::detail::io_machine;
using otp::io::detail::io_reply;
using otp::io::detail::io_want;
using otp::io::detail::io_write;

namespace {

term parsed(std::string_view text) {
  const auto read = etf::parse(text);
  INFO(text);
  REQUIRE(read);
  return *read;
}

/// A machine whose terminal notes what is printed, and fails on demand; every reply is noted as text.
struct tester {
  explicit tester(otp::io::device_options options = {}, otp::io::detail::io_abilities can = {})
      : machine{options}, able{can} {}

  void ask(const term& request, std::int64_t as = 1) {
    machine.ask(pid{}, term{as}, request, able);
    settle();
  }
  void ask(std::string_view request, std::int64_t as = 1) { ask(parsed(request), as); }
  void feed(std::string_view bytes) {
    machine.feed(bytes);
    settle();
  }
  void end() {
    machine.end_input();
    settle();
  }
  void settle() {
    while (auto step = machine.next()) {
      if (const auto* const text = std::get_if<io_write>(&*step)) {
        printed += text->bytes;
        const std::expected<void, term> broken = std::unexpected{term{"epipe"_atom}};
        machine.written(works ? std::expected<void, term>{} : broken);
      } else if (const auto* const reply = std::get_if<io_reply>(&*step)) {
        replies.push_back(etf::to_text(reply->as) + " " + etf::to_text(reply->value));
      } else {
        wanted += std::get<io_want>(*step).kind == otp::io::input_kind::secret ? 's' : 'p';
      }
    }
  }
  /// The only reply since the last time.
  std::string answer(std::string_view request) {
    replies.clear();
    ask(request);
    return replies.size() == 1 ? replies[0].substr(2) : "replies: " + std::to_string(replies.size());
  }
  std::string take_printed() { return std::exchange(printed, ""); }

  io_machine machine;
  otp::io::detail::io_abilities able;
  bool works = true;
  std::string printed;
  std::string wanted;
  std::vector<std::string> replies;
};

/// `[[[…]]]`, `depth` lists around nothing.
term nested_lists(std::size_t depth) {
  term made;
  for (std::size_t level = 0; level < depth; ++level) made = etf::list(made);
  return made;
}

}  // namespace

TEST_CASE("text is printed from every form in which it is sent") {
  struct row {
    std::string_view request;
    std::string_view text;
  };
  const row table[] = {
      {"{put_chars, unicode, <<\"gr\\x{fc}n\"/utf8>>}", "grün"},
      {"{put_chars, unicode, [\"a\", [98 | <<\"c\">>], <<>>, [[100]] | <<195, 188>>]}", "abcdü"},
      {"{put_chars, unicode, [<<195>>, <<188>>]}", "ü"},
      {"{put_chars, unicode, [8730]}", "√"},
      {"{put_chars, unicode, []}", ""},
      {"{put_chars, latin1, <<252>>}", "ü"},
      {"{put_chars, latin1, [[252], \"x\"]}", "üx"},
      {"{put_chars, <<252>>}", "ü"},
      {"{put_chars, unicode, io_lib, format, [\"~p-~ts~n\", [a, <<195, 188>>]]}", "a-ü\n"},
      {"{put_chars, unicode, io_lib, fwrite, [<<\"~w\">>, [\"a\"]]}", "[97]"},
      {"{put_chars, unicode, io_lib, write, [\"a\"]}", "[97]"},
      {"{put_chars, unicode, io_lib, print, [\"a\"]}", "\"a\""},
      {"{put_chars, unicode, io_lib, nl, []}", "\n"},
      {"{put_chars, latin1, io_lib, format, [\"~s\", [[252]]]}", "ü"},
      {"{put_chars, io_lib, format, [\"~b\", [7]]}", "7"},
  };
  tester device;
  for (const auto& [request, text] : table) {
    INFO(request);
    CHECK(device.answer(request) == "ok");
    CHECK(device.take_printed() == text);
  }
}

TEST_CASE("what is no text, no format or no function that a device runs is answered with an error and prints nothing") {
  struct row {
    std::string_view request;
    std::string_view answer;
  };
  const row table[] = {
      {"{put_chars, unicode, <<255>>}", "{error,put_chars}"},
      {"{put_chars, unicode, [-1]}", "{error,put_chars}"},
      {"{put_chars, unicode, [55296]}", "{error,put_chars}"},
      {"{put_chars, unicode, [1114112]}", "{error,put_chars}"},
      {"{put_chars, unicode, [97 | 98]}", "{error,put_chars}"},
      {"{put_chars, unicode, [<<195>>, 188]}", "{error,put_chars}"},
      {"{put_chars, unicode, abc}", "{error,put_chars}"},
      {"{put_chars, unicode, 97}", "{error,put_chars}"},
      {"{put_chars, unicode, [[\"a\", b]]}", "{error,put_chars}"},
      {"{put_chars, unicode, <<1:3>>}", "{error,put_chars}"},
      {"{put_chars, latin1, [256]}", "{error,put_chars}"},
      {"{put_chars, utf16, \"a\"}", "{error,request}"},
      {"{put_chars, unicode, io_lib, format, [\"~p\", []]}", "{error,format}"},
      {"{put_chars, unicode, io_lib, format, [\"~p\", [1|2]]}", "{error,format}"},
      {"{put_chars, unicode, io_lib, format, [\"~*c\", [100000000, 97]]}", "{error,format}"},
      {"{put_chars, unicode, io_lib, format, [\"~p\", [1], []]}", "{error,format}"},
      {"{put_chars, latin1, io_lib, format, [\"~ts\", [[8730]]]}", "{error,format}"},
      {"{put_chars, unicode, os, cmd, [\"id\"]}", "{error,cmd}"},
      {"{put_chars, unicode, io_lib, nl, nothing}", "{error,nl}"},
      {"{put_chars, unicode, 1, 2, 3}", "{error,request}"},
      {"{put_chars, utf16, io_lib, nl, []}", "{error,request}"},
      {"{get_until, unicode, '', erl_scan, tokens, [1]}", "{error,enotsup}"},
      {"{get_until, '', erl_scan, tokens, [1]}", "{error,enotsup}"},
      {"{get_chars, unicode, '', -1}", "{error,request}"},
      {"{get_chars, unicode, '', many}", "{error,request}"},
      {"{get_line, utf16, ''}", "{error,request}"},
      {"get_password", "{error,enotsup}"},
      {"{get_password, unicode}", "{error,enotsup}"},
      {"{get_password, utf16}", "{error,request}"},
      {"{get_geometry, columns}", "{error,enotsup}"},
      {"{get_geometry, depth}", "{error,request}"},
      {"{setopts, [{encoding, utf16}]}", "{error,enotsup}"},
      {"{setopts, [binary | list]}", "{error,enotsup}"},
      {"{setopts, binary}", "{error,enotsup}"},
      {"{setopts, [{binary, maybe}]}", "{error,enotsup}"},
      {"{setopts, [{echo, false}]}", "{error,enotsup}"},
      {"{setopts, [{expand_fun, none}]}", "{error,enotsup}"},
      {"{requests, [getopts | getopts]}", "{error,request}"},
      {"{requests, getopts}", "{error,request}"},
      {"{put_chars}", "{error,request}"},
      {"{}", "{error,request}"},
      {"[]", "{error,request}"},
      {"nothing", "{error,request}"},
      {"#{a => 1}", "{error,request}"},
  };
  tester device;
  for (const auto& [request, answer] : table) {
    INFO(request);
    CHECK(device.answer(request) == answer);
  }
  CHECK(device.printed.empty());
  CHECK(device.wanted.empty());
  CHECK(device.answer("getopts") == "[{echo,true},{binary,false},{encoding,unicode}]");
}

TEST_CASE("requests of any depth and width are answered") {
  tester device;
  constexpr std::size_t depth = 1'000'000;
  device.ask(etf::tuple("put_chars"_atom, "unicode"_atom, nested_lists(depth)));
  term deep{"getopts"_atom};
  for (std::size_t level = 0; level < 100'000; ++level) deep = etf::tuple("requests"_atom, etf::list(deep));
  device.ask(deep, 2);
  std::vector<term> many(100'000, parsed("{put_chars, unicode, \"x\"}"));
  device.ask(etf::tuple("requests"_atom, etf::make_list(many)), 3);
  device.ask(etf::tuple("put_chars"_atom, "unicode"_atom, "io_lib"_atom, "format"_atom,
                        etf::list(etf::binary("~p"), etf::list(nested_lists(depth)))),
             4);
  REQUIRE(device.replies.size() == 4);
  CHECK(device.replies[0] == "1 ok");
  CHECK(device.replies[1] == "2 [{echo,true},{binary,false},{encoding,unicode}]");
  CHECK(device.replies[2] == "3 ok");
  CHECK(device.replies[3] == "4 ok");
  const auto expected = std::string(many.size(), 'x') + std::string(depth + 1, '[') + std::string(depth + 1, ']');
  CHECK((device.printed == expected));  // too much to show
}

TEST_CASE("lines are read as lists or binaries, in the client's encoding") {
  tester device;
  device.feed("eins\nzw\xc3\xb6lf\r\ndrei\n\xe2\x88\x9a\nf\xc3\xbcnf\n\xff\nsechs");
  CHECK(device.answer("{get_line, unicode, ''}") == "\"eins\\n\"");
  CHECK(device.answer("{setopts, [binary]}") == "ok");
  CHECK(device.answer("{get_line, unicode, ''}") == "<<\"zwölf\\n\"/utf8>>");
  CHECK(device.answer("{get_line, ''}") == "<<\"drei\\n\">>");
  CHECK(device.answer("{get_line, latin1, ''}") == "{error,{no_translation,unicode,latin1}}");
  CHECK(device.answer("{get_line, latin1, ''}") == "<<\"fünf\\n\">>");
  CHECK(device.answer("{get_line, unicode, ''}") == "{error,{no_translation,unicode,unicode}}");
  device.replies.clear();
  device.ask("{get_line, unicode, ''}");
  CHECK(device.replies.empty());
  device.end();
  CHECK(device.replies == std::vector<std::string>{"1 <<\"sechs\">>"});
  CHECK(device.answer("{get_line, unicode, ''}") == "eof");
  CHECK(device.answer("{get_chars, unicode, '', 3}") == "eof");
}

TEST_CASE("characters are counted, not bytes") {
  tester device;
  device.feed("a\xc3\xbc");
  CHECK(device.answer("{get_chars, unicode, '', 2}") == "\"aü\"");
  CHECK(device.answer("{get_chars, '', 0}") == "[]");
  device.replies.clear();
  device.ask("{get_chars, unicode, '', 3}");
  device.feed("b\xe2");
  device.feed("\x88");
  CHECK(device.replies.empty());
  device.feed(
      "\x9a"
      "cd");
  CHECK(device.replies == std::vector<std::string>{"1 \"b√c\""});
  device.replies.clear();
  device.ask("{get_chars, unicode, '', 1000000000000}");
  device.end();
  CHECK(device.replies == std::vector<std::string>{"1 \"d\""});
}

TEST_CASE("with encoding latin1 bytes are characters both ways") {
  tester device;
  CHECK(device.answer("{setopts, [{encoding, latin1}, binary]}") == "ok");
  CHECK(device.answer("{put_chars, unicode, [252, 8730, 97]}") == "ok");
  CHECK(device.take_printed() ==
        "\xfc\\x{221A}"
        "a");
  device.feed("\xfc\n");
  CHECK(device.answer("{get_line, unicode, ''}") == "<<\"ü\\n\"/utf8>>");
  device.feed("\xfc\n");
  CHECK(device.answer("{get_line, latin1, ''}") == "<<\"ü\\n\">>");
  device.feed("\xfc\xfd\n");
  CHECK(device.answer("{get_chars, unicode, '', 1}") == "<<\"ü\"/utf8>>");
  CHECK(device.answer("getopts") == "[{echo,true},{binary,true},{encoding,latin1}]");
  CHECK(device.answer("{setopts, [list, unicode]}") == "ok");
  CHECK(device.answer("{setopts, [{list, false}, utf8, {echo, true}]}") == "ok");
  CHECK(device.answer("getopts") == "[{echo,true},{binary,true},{encoding,unicode}]");
}

TEST_CASE("options are taken all or not at all") {
  tester device;
  CHECK(device.answer("{setopts, [binary, {encoding, latin1}, {no, option}]}") == "{error,enotsup}");
  CHECK(device.answer("getopts") == "[{echo,true},{binary,false},{encoding,unicode}]");
}

TEST_CASE("prompts are shown when somebody waits, and again after others have printed") {
  tester device;
  device.ask("{get_line, unicode, <<\"name: \">>}", 1);
  CHECK(device.take_printed() == "name: ");
  CHECK(device.wanted == "p");
  device.ask("{get_line, unicode, {format, \"~w> \", [2]}}", 2);
  CHECK(device.take_printed().empty());
  device.ask("{put_chars, unicode, \"news\\n\"}", 3);
  CHECK(device.take_printed() == "news\nname: ");
  device.ask("getopts", 4);
  CHECK(device.take_printed().empty());
  device.feed("bob");
  CHECK(device.wanted == "pp");
  device.feed("\nali");
  CHECK(device.take_printed() == "2> ");
  device.feed("ce\n");
  CHECK(device.replies == std::vector<std::string>{"3 ok", "4 [{echo,true},{binary,false},{encoding,unicode}]",
                                                   "1 \"bob\\n\"", "2 \"alice\\n\""});
  struct row {
    std::string_view prompt;
    std::string_view shown;
  };
  const row table[] = {{"''", ""},
                       {"'a b'", "a b"},
                       {"[252, \"x\"]", "üx"},
                       {"{format, \"~p\", []}", "???"},
                       {"{a, \"b\"}", "{a,\"b\"}"},
                       {"[a]", "???"}};
  for (const auto& [prompt, shown] : table) {
    device.feed("line\n");
    CHECK(device.answer("{get_line, unicode, " + std::string{prompt} + "}") == "\"line\\n\"");
    CHECK(device.take_printed() == shown);
  }
}

TEST_CASE("a list of requests goes on until the first error, and the last answer is the reply") {
  tester device;
  CHECK(device.answer("{requests, [{put_chars, unicode, \"a\"}, {put_chars, unicode, \"b\"}]}") == "ok");
  CHECK(device.take_printed() == "ab");
  CHECK(device.answer("{requests, [{put_chars, \"a\"}, nonsense, {put_chars, \"b\"}]}") == "{error,request}");
  CHECK(device.take_printed() == "a");
  CHECK(device.answer("{requests, []}") == "ok");
  CHECK(device.answer("{requests, [getopts, {requests, []}]}") == "ok");
  CHECK(device.answer("{requests, [{requests, [{put_chars, \"a\"}, {setopts, [x]}]}, {put_chars, \"b\"}]}") ==
        "{error,enotsup}");
  CHECK(device.take_printed() == "a");
}

TEST_CASE("a list of requests that reads keeps its turn among the readers, while others print") {
  tester device;
  device.ask("{requests, [{get_line, \"1> \"}, {put_chars, \"then \"}, {get_line, \"2> \"}, {put_chars, \"done\"}]}",
             1);
  device.ask("{get_line, \"3> \"}", 2);
  CHECK(device.take_printed() == "1> ");
  device.feed("one\n");
  CHECK(device.take_printed() == "then 2> ");
  device.ask("{put_chars, \"news \"}", 3);
  CHECK(device.take_printed() == "news 2> ");
  device.feed("two\nthree\n");
  CHECK(device.take_printed() == "done3> ");
  CHECK(device.replies == std::vector<std::string>{"3 ok", "1 ok", "2 \"three\\n\""});
}

TEST_CASE("a terminal that cannot print makes each text an error, and reading goes on") {
  tester device;
  device.works = false;
  CHECK(device.answer("{put_chars, \"a\"}") == "{error,epipe}");
  CHECK(device.answer("{requests, [{put_chars, \"a\"}, {put_chars, \"b\"}]}") == "{error,epipe}");
  device.feed("line\n");
  CHECK(device.answer("{get_line, \"prompt\"}") == "\"line\\n\"");
}

TEST_CASE("a terminal that can do more is used for it") {
  tester device{{}, {.size = otp::io::geometry{120, 50}, .keeps_secrets = true}};
  CHECK(device.answer("{get_geometry, columns}") == "120");
  CHECK(device.answer("{get_geometry, rows}") == "50");
  device.replies.clear();
  device.ask("{get_password, unicode}");
  CHECK(device.wanted == "s");
  device.feed("secret\n");
  CHECK(device.replies == std::vector<std::string>{"1 \"secret\\n\""});
  CHECK(device.answer("{setopts, [{echo, false}]}") == "ok");
  device.ask("{get_line, ''}");
  CHECK(device.wanted == "ss");
}

TEST_CASE("a device formats no more than it was told") {
  otp::io::device_options options;
  options.characters = 10;
  options.unicode = true;
  tester device{options};
  CHECK(device.answer("{put_chars, unicode, io_lib, format, [\"~10c\", [97]]}") == "ok");
  CHECK(device.answer("{put_chars, unicode, io_lib, format, [\"~11c\", [97]]}") == "{error,format}");
  device.printed.clear();
  CHECK(device.answer("{put_chars, unicode, io_lib, format, [\"~tp\", [[8730]]]}") == "ok");
  CHECK(device.printed == "\"√\"");
}
