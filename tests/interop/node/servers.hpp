// The servers of the C++ node that Erlang nodes are tested against.
#pragma once

#include <ergo/node.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/otp/start.hpp>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ergo_interop {

/// Answers each call with the request itself.
class echo {
 public:
  ergo::term handle_call(const ergo::term& request) const { return request; }
};

/// Keeps integers in order of arrival; call `take` returns and clears them.
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

/// Call `ping` gives `pong`: every earlier signal from the caller's node has then been acted on. `{start_sleeper, Name
/// | none}` gives the pid of a new process that ends as it is told; `{whereis, Name}` gives a pid or `undefined`.
class control {
 public:
  ergo::term handle_call(ergo::process& self, const ergo::term& request);
};

/// Call `{stop, Reason}` ends it, `never` is never answered, `{later, Millis}` is answered so late, and `wait_late`
/// when that was done. Anything else is answered with itself.
class trouble {
 public:
  ergo::otp::result handle_call(ergo::process& self, const ergo::term& request, const ergo::otp::from& caller);
  void handle_info(ergo::process& self, const ergo::term& message);

 private:
  std::optional<ergo::otp::from> late_;
  std::optional<ergo::otp::from> waits_;
  bool answered_late_ = false;
};

/// A process that ends with Reason when it is sent `{exit, Reason}`, normally at `stop`; `{cross, Pid, N}` links and
/// unlinks N times.
ergo::task<ergo::exit_reason> sleeper(ergo::process& self);

}  // namespace ergo_interop
