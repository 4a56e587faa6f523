// Our `io_lib:format` against that of a live Erlang: random formats and arguments must give the same text, or be
// refused by both.
#include "harness.hpp"

#include <ergo/etf/big_integer.hpp>
#include <ergo/etf/codec.hpp>
#include <ergo/otp/io_format.hpp>

#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cmath>
#include <random>

namespace ergo_interop {
namespace {

using ergo::term;

/// Makes random terms, formats and arguments; the same for the same seed.
class format_writer {
 public:
  /// Releases from 26 on are asked for maps in the order of their keys.
  format_writer(std::uint64_t seed, bool ordered) : random_{seed}, ordered_{ordered} {}

  /// `{Format, Arguments}`.
  term write() {
    std::string format;
    arguments_.clear();
    for (auto left = 1 + below(3); left > 0; --left) {
      format += one_of(std::array{"", "", "a", "x = ", "\t", "\n", "three words here, ", "\xc3\xa9"});
      format += directive();
    }
    if (below(60) == 0) format += one_of(std::array{"~", "~q", "~5", "~-p", "~p", "~.w", "~K"});
    if (below(60) == 0) arguments_.push_back(leaf());
    const bool binary = below(8) == 0;
    return ergo::etf::tuple(binary ? ergo::etf::binary(format) : ergo::etf::text_list(format),
                            ergo::etf::make_list(arguments_));
  }

 private:
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  template <std::size_t Size>
  std::string one_of(const std::array<const char*, Size>& words) {
    return words[below(Size)];
  }

  std::string number(unsigned bound) {
    if (below(6) != 0) return std::to_string(below(bound));
    arguments_.emplace_back(below(bound));
    return "*";
  }

  std::string field(unsigned bound) {
    std::string text;
    if (below(3) == 0) {
      if (below(4) == 0) text += "-";
      text += number(bound);
    }
    if (below(4) == 0) text += "." + number(bound);
    if (below(6) == 0) text += (text.find('.') == text.npos ? ".." : ".") + one_of(std::array{"0", "_", "x", "."});
    return text;
  }

  std::string directive() {
    std::string text = "~";
    const auto kind = below(12);
    if (kind >= 9) {
      text += pretty() + (kind == 9 ? "P" : "p");
      with(tree(4));
      if (kind == 9) arguments_.emplace_back(below(25));
      return text;
    }
    constexpr std::array widths{20U, 8U, 30U, 40U, 40U, 30U, 30U, 90U, 90U};
    text += field(widths[kind]);
    text += plain(kind);
    return text;
  }

  /// A directive other than `~p` behind its field, and its arguments.
  std::string plain(unsigned kind) {
    const auto modifier = one_of(std::array{"", "t"});
    switch (kind) {
      case 0: return one_of(std::array{"n", "~"});
      case 1: with(character()); return modifier + "c";
      case 2: with(any_float()); return one_of(std::array{"e", "f", "g"});
      case 3: with(any_integer()); return one_of(std::array{"b", "B", "+", "#"});
      case 4:
        with(any_integer());
        with(prefix());
        return one_of(std::array{"x", "X"});
      case 5:
      case 6: with(below(12) == 0 ? tree(2) : text(3)); return modifier + "s";
      case 7: with(tree(3)); return ordered() + modifier + "w";
      default:
        with(tree(3));
        arguments_.emplace_back(below(15));
        return ordered() + modifier + "W";
    }
  }

  std::string pretty() {
    std::string text;
    if (below(3) == 0) text += number(140);
    if (below(8) == 0) text += "." + number(60);
    return text + ordered() + one_of(std::array{"", "", "t", "l", "tl"});
  }
  std::string ordered() { return ordered_ ? "k" : ""; }

  void with(const term& argument) { arguments_.push_back(below(200) == 0 ? leaf() : argument); }

  int character() {
    switch (below(6)) {
      case 0: return static_cast<int>(below(13));  // without CR, which joins a LF
      case 1: return 0x7F + static_cast<int>(below(0x81));
      case 2: return 0x391 + static_cast<int>(below(17));  // Greek: no character of it joins another
      default: return 'a' + static_cast<int>(below(26));
    }
  }

  term prefix() {
    return below(3) == 0 ? atom() : below(9) == 0 ? ergo::etf::binary("0x") : ergo::etf::text_list("0x");
  }

  term any_float() {
    switch (below(5)) {
      case 0: return static_cast<double>(below(2000)) / 8;
      case 1: return static_cast<double>(below(100'000)) / -1000;
      case 2:
        return one_float(
            std::array{0.0, 0.1, 0.5, 9.5, 0.05, 99.95, 9999.5, 1e22, 1e23, 5e-324, 1.7976931348623157e308});
      case 3: return std::ldexp(1.0 + below(1000) / 1000.0, static_cast<int>(below(200)) - 100);
      default: return static_cast<double>(random_() >> 11U) / 9007199254740992.0;
    }
  }
  template <std::size_t Size>
  double one_float(const std::array<double, Size>& values) {
    return values[below(Size)];
  }

  term any_integer() {
    switch (below(4)) {
      case 0: return below(300);
      case 1: return -static_cast<std::int64_t>(below(100'000));
      case 2: return static_cast<std::int64_t>(random_());
      default: return ergo::etf::big_integer{static_cast<std::int64_t>(random_())} * random_() * (1 + below(99));
    }
  }

  term atom() {
    const auto name = one_of(std::array{"ok", "error", "undefined", "Upper", "two words", "", "a@b", "it's",
                                        "caf\xc3\xa9", "\xce\xbb\xcf\x8c", "a_rather_long_name_of_an_atom", "end",
                                        "nil", "x", "gen_server", "b\\n\n"});
    return ergo::etf::atom::of(name);
  }

  std::string bytes(unsigned longest) {
    std::string made;
    for (auto left = below(longest); left > 0; --left) made += static_cast<char>('a' + below(26));
    switch (below(8)) {
      case 0: made += "\xc3\xa9t\xc3\xa9"; break;
      case 1: made += "\xe9t\xe9"; break;
      case 2: made += std::string{"\0\1\2", 3}; break;
      case 3: made += "\xce\xbb\xcf\x8c\xce\xb3\xce\xbf\xcf\x82"; break;
      case 4: made += "\"quoted\"\n\t\\"; break;
      default: break;
    }
    for (auto left = below(longest); left > 0; --left) made += static_cast<char>('a' + below(26));
    return made;
  }

  /// Deep lists of characters and binaries, as `~s` wants them, or an atom.
  term text(unsigned levels) {
    if (below(4) == 0) return atom();
    if (below(3) == 0) return ergo::etf::binary(bytes(12));
    std::vector<term> parts;
    for (auto left = below(8); left > 0; --left) {
      const auto kind = below(6);
      if (kind == 0 && levels > 0) {
        const auto part = text(levels - 1);
        parts.push_back(part.is_atom() ? term{} : part);
      } else {
        parts.emplace_back(kind == 1 ? character() : 'a' + static_cast<int>(below(26)));
      }
    }
    return ergo::etf::make_list(parts, below(8) == 0 && !parts.empty() ? ergo::etf::binary("tail") : term{});
  }

  term leaf() {
    switch (below(10)) {
      case 0: return any_float();
      case 1: return any_integer();
      case 2: return below(700);  // below the characters that join the one before them
      case 3: return ergo::etf::binary(bytes(below(8) == 0 ? 90 : 12));
      case 4: return ergo::etf::text_list(bytes(below(8) == 0 ? 90 : 12));
      case 5: return bits();
      case 6: return ergo::etf::tuple();
      case 7: return ergo::etf::external_fun(ergo::etf::atom::of("lists"), ergo::etf::atom::of("map"), 2);
      default: return atom();
    }
  }

  /// Bytes that are no UTF-8 beyond ASCII.
  term bits() {
    std::string made;
    for (auto left = below(below(6) == 0 ? 120 : 8); left > 0; --left) {
      const auto byte = below(256);
      made += static_cast<char>(byte >= 0xC2 && byte < 0xF5 ? 0xFF : byte);
    }
    return made.empty() ? ergo::etf::binary("") : ergo::etf::bit_string(made, below(2) == 0 ? 8 : 1 + below(8));
  }

  term tree(unsigned levels) {
    if (levels == 0 || below(4) == 0) return leaf();
    std::vector<term> children;
    for (auto left = below(below(6) == 0 ? 16 : 6); left > 0; --left) children.push_back(tree(levels - 1));
    switch (below(5)) {
      case 0: children.insert(children.begin(), atom()); [[fallthrough]];
      case 1: return ergo::etf::make_tuple(children);
      case 2:
        if (children.size() % 2 != 0) children.pop_back();
        return ergo::etf::make_map(children);
      case 3:
        if (!children.empty() && below(3) == 0) return ergo::etf::make_list(children, leaf());
        [[fallthrough]];
      default: return ergo::etf::make_list(children);
    }
  }

  std::mt19937_64 random_;
  bool ordered_;
  std::vector<term> arguments_;
};

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4U];
    text += digits[static_cast<unsigned char>(byte) & 0xFU];
  }
  return text;
}

std::string from_hexadecimal(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2)
    bytes += static_cast<char>(std::stoi(std::string{text.substr(at, 2)}, nullptr, 16));
  return bytes;
}

/// What Erlang made of `pairs`.
std::vector<term> answers_of(erlang_peer& peer, const std::vector<term>& pairs) {
  const auto question = encode_to_string(ergo::etf::make_list(pairs));
  const auto answer = peer.run("{apply, formats, answers, [\"" + hexadecimal(question) + "\"]}");
  expect(answer.starts_with('"') && answer.ends_with('"'), answer);
  const auto bytes = from_hexadecimal(std::string_view{answer}.substr(1, answer.size() - 2));
  const auto decoded = ergo::etf::decode(std::as_bytes(std::span{bytes}));
  expect(decoded.has_value(), "no term: " + answer);
  const auto items = decoded->value.items();
  expect(items.size() == pairs.size(), "not as many answers as questions");
  return {items.begin(), items.end()};
}

/// Compares `count` random formats, and how many of them were printed.
std::size_t compare_formats(erlang_peer& peer, format_writer& writer, std::size_t count, bool unicode) {
  ergo::otp::io_format_options options;
  options.unicode = unicode;
  std::vector<term> pairs;
  while (pairs.size() < count) pairs.push_back(writer.write());
  const auto wanted = answers_of(peer, pairs);
  std::size_t printed = 0;
  for (std::size_t at = 0; at < count; ++at) {
    const auto parts = pairs[at].elements();
    const auto ours = ergo::otp::io_format(parts[0], parts[1], options);
    const bool same = ours ? wanted[at].is_binary() && wanted[at].bytes() == *ours : wanted[at].is_atom();
    expect(same, "io_lib:format of " + ergo::etf::to_text(pairs[at]) + "\nours:\n" + (ours ? *ours : "badarg") +
                     "\nErlang's:\n" + (wanted[at].is_binary() ? std::string{wanted[at].bytes()} : "badarg"));
    if (ours) ++printed;
  }
  return printed;
}

void compare_on(const release& otp, bool unicode) {
  const auto port = free_port();
  our_node ours{options_for(fresh_name("cpp"), port), runtime_for(otp)};
  auto options = peer_at(otp, port);
  if (unicode) options.more = {"+pc", "unicode"};
  erlang_peer peer{options};
  peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/formats.erl");
  const auto seed = ergo::test::from_environment("ERGO_FORMAT_SEED", 1);
  const auto count = ergo::test::from_environment("ERGO_FORMATS", 3'000);
  constexpr int maps_without_order = 26;
  format_writer writer{seed, std::stoi(otp.number) >= maps_without_order};
  constexpr std::size_t batch = 50;
  std::size_t printed = 0;
  std::size_t compared = 0;
  for (; compared < count; compared += batch) printed += compare_formats(peer, writer, batch, unicode);
  expect(printed > compared / 2, "most formats were refused, with ERGO_FORMAT_SEED=" + std::to_string(seed));
}

constexpr int prints_as_we_do = 25;  // OTP 23 prints large floats in a way of its own

TEST_CASE("Random formats and arguments give the same text as in Erlang") {
  for_every_release("random io_lib:format calls", [](const release& otp) { compare_on(otp, false); }, prints_as_we_do);
}

TEST_CASE("Random formats give the same text as in an Erlang whose printable range is Unicode") {
  for_every_release(
      "random io_lib:format calls with +pc unicode", [](const release& otp) { compare_on(otp, true); },
      prints_as_we_do);
}

}  // namespace
}  // namespace ergo_interop
