// The command line of Erlang's port mapper. It is read by a table of our own and not by Boost.Program_options,
// because its rules are others: arguments count from left to right, a command is the last argument or the line is
// wrong, options may be repeated, and any mistake prints one fixed text.
#include "options.hpp"

#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <string_view>

#include "ergo/epmd/environment.hpp"

namespace ergo::epmd_program {
namespace {

using words = std::span<char* const>;

constexpr std::string_view usage =
    R"(usage: epmd [-d|-debug] [DbgExtra...] [-address List]
            [-port No] [-daemon] [-relaxed_command_check]
       epmd [-d|-debug] [-port No] [-names|-kill|-stop name]

See the Erlang epmd manual page for info about the usage.

Regular options
    -address List
        Let epmd listen only on the comma-separated list of IP
        addresses (and on the loopback interface).
    -port No
        Let epmd listen to another port than default 4369
    -d
    -debug
        Enable debugging. This will give a log to
        the standard error stream. It will shorten
        the number of saved used node names to 5.

        If you give more than one debug flag you may
        get more debugging information.
    -daemon
        Start epmd detached (as a daemon)
    -relaxed_command_check
        Allow this instance of epmd to be killed with
        epmd -kill even if there are registered nodes.
        Also allows forced unregister (epmd -stop).
    -systemd
        Wait for socket from systemd. The option makes sense
        when started from .socket unit.

DbgExtra options
    -packet_timeout Seconds
        Set the number of seconds a connection can be
        inactive before epmd times out and closes the
        connection (default 60).

    -delay_accept Seconds
        To simulate a busy server you can insert a
        delay between epmd gets notified about that
        a new connection is requested and when the
        connections gets accepted.

    -delay_write Seconds
        Also a simulation of a busy server. Inserts
        a delay before a reply is sent.

Interactive options
    -names
        List names registered with the currently running epmd
    -kill
        Kill the currently running epmd
        (only allowed if -names show empty database or
        -relaxed_command_check was given when epmd was started).
    -stop Name
        Forcibly unregisters a name with epmd
        (only allowed if -relaxed_command_check was given when 
        epmd was started).
)";

/// The number that is all of `text`, from 1 to `highest`.
template <typename Number>
std::optional<Number> number(std::string_view text, Number highest = std::numeric_limits<Number>::max()) {
  Number value{};
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto parsed = std::from_chars(begin, end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end || value < 1 || value > highest) return std::nullopt;
  return value;
}

bool set_seconds(std::chrono::seconds& target, std::string_view text) {
  const auto seconds = number<std::int32_t>(text);
  if (seconds) target = std::chrono::seconds{*seconds};
  return seconds.has_value();
}

bool set_port(options& out, std::string_view text) {
  const auto port = number<std::uint16_t>(text);
  if (port) out.port = *port;
  return port.has_value();
}

/// An option with or without a value. `apply` is false for a bad value.
struct option {
  std::string_view name;
  std::size_t values;
  std::function<bool(options&, std::string_view value)> apply;
};

const std::array regular_options{
    option{"-d", 0, [](options& out, std::string_view) { return ++out.debug, true; }},
    option{"-debug", 0, [](options& out, std::string_view) { return ++out.debug, true; }},
    option{"-packet_timeout", 1, [](options& out, std::string_view v) { return set_seconds(out.packet_timeout, v); }},
    option{"-delay_accept", 1, [](options& out, std::string_view v) { return set_seconds(out.delay_accept, v); }},
    option{"-delay_write", 1, [](options& out, std::string_view v) { return set_seconds(out.delay_write, v); }},
    option{"-daemon", 0, [](options& out, std::string_view) { return out.attached = attachment::daemon, true; }},
    option{"-relaxed_command_check", 0,
           [](options& out, std::string_view) { return out.check = epmd::command_check::relaxed, true; }},
    option{"-address", 1, [](options& out, std::string_view v) { return out.addresses = v, true; }},
    option{"-port", 1, [](options& out, std::string_view v) { return set_port(out, v); }},
    option{"-systemd", 0, [](options& out, std::string_view) { return out.sockets = socket_source::systemd, true; }},
};

/// A command ends the line; `values` follow it.
struct last_word {
  std::string_view name;
  std::size_t values;
  command what;
};

constexpr std::array commands{
    last_word{"-kill", 0, command::kill},       last_word{"-names", 0, command::names},
    last_word{"-started", 0, command::started}, last_word{"-dump", 0, command::dump},
    last_word{"-stop", 1, command::stop},
};

/// Takes one option, or the command, off the front of `rest`; false when the line is wrong.
bool take(options& out, words& rest) {
  const std::string_view name{rest.front()};
  rest = rest.subspan(1);
  for (const auto& known : regular_options) {
    if (known.name != name) continue;
    if (rest.size() < known.values || !known.apply(out, known.values ? rest.front() : "")) return false;
    rest = rest.subspan(known.values);
    return true;
  }
  for (const auto& known : commands) {
    if (known.name != name || rest.size() != known.values) continue;
    out.what = known.what;
    if (known.values) out.stop_name = rest.front();
    rest = {};
    return true;
  }
  return false;
}

bool names_a_port(words arguments) {
  for (const auto* word : arguments)
    if (word == std::string_view{"-port"}) return true;
  return false;
}

}  // namespace

std::expected<options, std::string> read_options(words arguments) {
  options out;
  if (const auto environment = epmd::read_environment()) {
    out.port = environment->port;
    out.addresses = environment->addresses;
    out.check = environment->check;
  } else if (!names_a_port(arguments)) {
    return std::unexpected{"epmd: ERL_EPMD_PORT is not a port number from 1 to 65535\n"};
  }
  for (auto rest = arguments; !rest.empty();)
    if (!take(out, rest)) return std::unexpected{std::string{usage}};
  return out;
}

}  // namespace ergo::epmd_program
