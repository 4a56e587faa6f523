// A terminal on descriptors: text in order, slow and closed readers, input only when it is wanted.
#include "standard_streams.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/otp/io.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/runtime.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>

using namespace ergo;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 20s;

struct pipe_ends {
  pipe_ends() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
  }
  ~pipe_ends() {
    close_end(0);
    close_end(1);
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;

  void close_end(std::size_t which) {
    if (ends[which] >= 0) ::close(std::exchange(ends[which], -1));
  }
  [[nodiscard]] int in() const { return ends[0]; }
  [[nodiscard]] int out() const { return ends[1]; }
  /// The next `count` bytes, for which it waits.
  [[nodiscard]] std::string read(std::size_t count) const {
    std::string all;
    std::array<char, 4096> part{};
    while (all.size() < count) {
      const auto got = ::read(in(), part.data(), std::min(part.size(), count - all.size()));
      if (got <= 0) break;
      all.append(part.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  void write(std::string_view text) const {
    if (::write(out(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      throw std::runtime_error{"cannot write"};
  }
  [[nodiscard]] int unread() const {
    int count = -1;
    ::ioctl(in(), FIONREAD, &count);
    return count;
  }

  std::array<int, 2> ends{-1, -1};
};

using outcome = std::shared_ptr<std::promise<std::string>>;

/// Prints `times` times, and says how that ended: `ok`, or the reason of the first failure.
task<> print_often(process& self, pid device, std::string text, int times, outcome how) {
  for (int count = 0; count < times; ++count) {
    const auto put = co_await otp::io::put_chars(self, device, text);
    if (put) continue;
    how->set_value(etf::to_text(put.error().context()));
    co_return;
  }
  how->set_value("ok");
}

task<> read_line(process& self, pid device, outcome what) {
  const auto line = co_await otp::io::get_line(self, device, "");
  what->set_value(!line ? "error" : *line ? **line : "end");
}

/// A runtime with a device on standard streams.
struct stage {
  explicit stage(const kernel::detail::stream_options& options)
      : device{
            *otp::io::start_device(runtime.anonymous(), std::make_shared<kernel::detail::standard_streams>(options))} {}

  template <typename Body, typename... Argument>
  std::future<std::string> run(Body body, Argument... argument) {
    const auto how = std::make_shared<std::promise<std::string>>();
    REQUIRE(runtime.spawn(runtime.anonymous(), body, device, std::move(argument)..., how));
    return how->get_future();
  }
  static std::string get(std::future<std::string>& from) {
    return from.wait_for(patience) == std::future_status::ready ? from.get() : "too late";
  }

  ergo::runtime runtime;
  pid device;
};

std::string numbered_lines(int count) {
  std::string all;
  for (int line = 0; line < count; ++line) all += std::to_string(line) + "\n";
  return all;
}

}  // namespace

TEST_CASE("what is printed goes out in order, and whoever prints need not wait for a reader") {
  const pipe_ends screen;
  stage on{{.out = screen.out()}};
  const auto text = numbered_lines(100);
  auto done = on.run(print_often, text, 20);
  CHECK(stage::get(done) == "ok");
  std::string all;
  for (int count = 0; count < 20; ++count) all += text;
  CHECK(screen.read(all.size()) == all);
}

TEST_CASE("who prints more than a slow reader takes waits, and nothing is lost") {
  const pipe_ends screen;
  stage on{{.out = screen.out(), .unwritten = 64U << 10}};
  const auto text = numbered_lines(10'000);
  constexpr int times = 40;  // far more than the pipe and the bound take
  auto done = on.run(print_often, text, times);
  const auto begin = screen.read(text.size());
  CHECK(begin == text);
  CHECK(done.wait_for(0s) != std::future_status::ready);
  bool equal = true;
  for (int count = 1; count < times; ++count) equal = equal && screen.read(text.size()) == text;
  CHECK(equal);
  CHECK(stage::get(done) == "ok");
}

TEST_CASE("a closed standard output is an error for who prints, and no signal for the program") {
  pipe_ends screen;
  screen.close_end(0);
  stage on{{.out = screen.out()}};
  auto done = on.run(print_often, std::string{"x"}, 1'000'000);
  CHECK(stage::get(done) == "epipe");
  auto again = on.run(print_often, std::string{"x"}, 1);
  CHECK(stage::get(again) == "epipe");
}

TEST_CASE("a standard output that closes ends the wait of those who print") {
  pipe_ends screen;
  stage on{{.out = screen.out(), .unwritten = 1}};
  auto done = on.run(print_often, numbered_lines(100'000), 2);
  CHECK(screen.read(10).size() == 10);
  screen.close_end(0);
  CHECK(stage::get(done) == "epipe");
}

TEST_CASE("standard input is read when somebody wants it, line by line, and ends for everybody") {
  const pipe_ends screen;
  pipe_ends keyboard;
  stage on{{.in = keyboard.in(), .out = screen.out()}};
  keyboard.write("one\ntwo\nrest");
  auto printed = on.run(print_often, std::string{"begun"}, 1);
  CHECK(stage::get(printed) == "ok");
  CHECK(screen.read(5) == "begun");
  CHECK(keyboard.unread() == 12);
  for (const std::string expected : {"one\n", "two\n"}) {
    auto line = on.run(read_line);
    CHECK(stage::get(line) == expected);
  }
  keyboard.close_end(1);
  for (const std::string expected : {"rest", "end", "end"}) {
    auto line = on.run(read_line);
    CHECK(stage::get(line) == expected);
  }
}

TEST_CASE("without standard input every reader is at its end") {
  const pipe_ends screen;
  stage on{{.out = screen.out()}};
  auto line = on.run(read_line);
  CHECK(stage::get(line) == "end");
}

TEST_CASE("a device may be killed while its output stands still, and what it had taken is written") {
  const pipe_ends screen;
  const auto streams = std::make_shared<kernel::detail::standard_streams>(
      kernel::detail::stream_options{.out = screen.out(), .unwritten = 1});
  ergo::runtime runtime;
  const auto first = *otp::io::start_device(runtime.anonymous(), streams);
  const auto text = numbered_lines(50'000);
  const auto lost = std::make_shared<std::promise<std::string>>();
  REQUIRE(runtime.spawn(runtime.anonymous(), print_often, first, text, 1, lost));
  CHECK(screen.read(4) == text.substr(0, 4));
  runtime.exit(first, exit_reason{"kill"_atom});
  auto how = lost->get_future();
  CHECK(stage::get(how) == "killed");
  const auto second = *otp::io::start_device(runtime.anonymous(), streams);
  const auto more = std::make_shared<std::promise<std::string>>();
  REQUIRE(runtime.spawn(runtime.anonymous(), print_often, second, std::string{"next"}, 1, more));
  CHECK(screen.read(text.size() - 4) == text.substr(4));
  CHECK(screen.read(4) == "next");
  auto done = more->get_future();
  CHECK(stage::get(done) == "ok");
}

TEST_CASE("streams that end write what they have taken, as far as that goes") {
  const pipe_ends screen;
  const auto text = numbered_lines(5'000);  // less than the pipe holds
  {
    stage on{{.out = screen.out()}};
    auto done = on.run(print_often, text, 1);
    CHECK(stage::get(done) == "ok");
  }
  CHECK(screen.read(text.size()) == text);
  const auto begun = std::chrono::steady_clock::now();
  {
    stage stuck{{.out = screen.out()}};
    auto done = stuck.run(print_often, numbered_lines(100'000), 1);
    CHECK(stage::get(done) == "ok");
  }
  CHECK(std::chrono::steady_clock::now() - begun < patience);
}
