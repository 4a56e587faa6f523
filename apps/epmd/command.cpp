// Texts, streams and exit codes are those of Erlang's port mapper.
#include "command.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "ergo/epmd/client.hpp"

namespace ergo::epmd_program {
namespace {

/// Erlang's command waits for ever; an hour is long enough for a server with delays, and an end.
constexpr std::chrono::hours patience{1};

/// Runs one operation to its end.
template <typename T, typename Begin>
epmd::answer<T> complete(std::uint16_t port, Begin begin) {
  boost::asio::io_context io{1};
  epmd::client one{io.get_executor(), {.port = port, .timeout = patience}};
  std::optional<epmd::answer<T>> got;
  begin(one, [&](epmd::answer<T> answer) { got = std::move(answer); });
  io.run();
  return std::move(got).value_or(std::unexpected{epmd::error{epmd::errc::stopped, {}}});
}

/// Asks at ::1 and, if nobody is there, at 127.0.0.1.
template <typename T, typename Begin>
epmd::answer<T> ask(const options& asked, Begin begin) {
  epmd::answer<T> answer;
  for (const std::string_view host : {"::1", "127.0.0.1"}) {
    answer = complete<T>(asked.port, [&](epmd::client& one, auto token) { begin(one, host, std::move(token)); });
    if (answer || answer.error().code != epmd::errc::cannot_connect) break;
  }
  return answer;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int report_no_server() {
  std::fputs("epmd: Cannot connect to local epmd\n", stderr);
  return 1;
}

int list(const options& asked) {
  const bool silent = asked.what == command::started;
  const auto answer = ask<epmd::listing>(asked, [&](epmd::client& one, std::string_view host, auto token) {
    if (asked.what == command::dump)
      one.async_dump(host, std::move(token));
    else
      one.async_names(host, std::move(token));
  });
  if (silent) return answer ? 0 : 1;
  if (!answer && answer.error().code == epmd::errc::cannot_connect) return report_no_server();
  if (!answer) return print("epmd: no response from local epmd\n"), 1;
  print("epmd: up and running on port " + std::to_string(answer->epmd_port) + " with data:\n");
  print(answer->text);
  return 0;
}

/// A server that did not say what it should.
int report_odd_answer(const epmd::error& why) {
  using epmd::errc;
  if (why.code == errc::cannot_connect) return report_no_server();
  if (why.code == errc::closed_early && !why.cause)
    print("epmd: local epmd responded with <>\n");
  else if (why.code == errc::closed_early || why.code == errc::timed_out)
    print("epmd: failed to read answer from local epmd\n");
  else
    print("epmd: " + std::string{epmd::describe(why.code)} + "\n");
  return 1;
}

int kill(const options& asked) {
  const auto answer = ask<epmd::kill_answer>(
      asked, [](epmd::client& one, std::string_view host, auto token) { one.async_kill(host, std::move(token)); });
  if (!answer) return report_odd_answer(answer.error());
  if (*answer == epmd::kill_answer::killed) return print("Killed\n"), 0;
  return print("Killing not allowed - living nodes in database.\n"), 1;
}

int stop(const options& asked) {
  constexpr std::size_t longest_name = 1000;
  if (asked.stop_name.size() > longest_name) return print("epmd: Name too long!"), 1;
  const auto answer = ask<epmd::stop_answer>(asked, [&](epmd::client& one, std::string_view host, auto token) {
    one.async_stop(host, asked.stop_name, std::move(token));
  });
  if (!answer) return report_odd_answer(answer.error());
  print(*answer == epmd::stop_answer::stopped ? "STOPPED\n" : "NOEXIST\n");
  return 0;
}

}  // namespace

int run_command(const options& asked) {
  switch (asked.what) {
    case command::kill: return kill(asked);
    case command::stop: return stop(asked);
    default: return list(asked);
  }
}

}  // namespace ergo::epmd_program
