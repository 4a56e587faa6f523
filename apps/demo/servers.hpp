// The gen_servers of the demo, each a plain class, and a function; none knows that it is called over a network.
#pragma once

#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/start.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace demo {

/// Answers each call with the request itself.
class echo {
 public:
  ergo::term handle_call(const ergo::term& request) const { return request; }
};

/// A number: call `{add, N}` or `get`, cast `{add, N}`. Call `crash` ends it abnormally; it comes back with 0.
class counter {
 public:
  std::int64_t add(std::int64_t amount) { return value_ += amount; }
  [[nodiscard]] std::int64_t get() const { return value_; }
  std::int64_t crash();
  void add_later(std::int64_t amount) { value_ += amount; }
  [[nodiscard]] ergo::term state() const { return ergo::term{value_}; }

  static constexpr auto calls =
      ergo::otp::on(ergo::otp::match<"add", std::int64_t>(&counter::add), ergo::otp::match<"get">(&counter::get),
                    ergo::otp::match<"crash">(&counter::crash));
  static constexpr auto casts = ergo::otp::on(ergo::otp::match<"add", std::int64_t>(&counter::add_later));

 private:
  std::int64_t value_ = 0;
};

/// Keeps every integer that arrives as cast or plain message; call `take` returns them in order of arrival and clears.
class recorder {
 public:
  std::vector<std::int64_t> take() { return std::exchange(kept_, {}); }
  void keep(std::int64_t number) { kept_.push_back(number); }

  static constexpr auto calls = ergo::otp::on(ergo::otp::match<"take">(&recorder::take));
  static constexpr auto casts = ergo::otp::on(ergo::otp::match<std::int64_t>(&recorder::keep));
  static constexpr auto infos = ergo::otp::on(ergo::otp::match<std::int64_t>(&recorder::keep));

 private:
  std::vector<std::int64_t> kept_;
};

/// A process that answers each call with `ok`.
class ponger {
 public:
  ergo::term handle_call(const ergo::term& request) const;
};

/// Call `{start, N}` gives a list of N pids of new `ponger` processes, linked to this server.
class pong_server {
 public:
  ergo::task<std::vector<ergo::pid>> start(ergo::process& self, std::int64_t count);

  static constexpr auto calls = ergo::otp::on(ergo::otp::match<"start", std::int64_t>(&pong_server::start));
};

/// Call `{call, Node, Request}` calls `{erlang_server, Node}` with the request and answers what it answered.
class caller {
 public:
  ergo::task<ergo::otp::result> call(ergo::process& self, ergo::atom node, ergo::term request);

  static constexpr auto calls = ergo::otp::on(ergo::otp::match<"call", ergo::atom, ergo::term>(&caller::call));
};

/// Prints a line where its caller's output goes: `ok`, or why it could not be printed.
[[nodiscard]] ergo::task<ergo::result<void>> say(ergo::process& self, std::string text);

}  // namespace demo
