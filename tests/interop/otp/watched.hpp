// The C++ twins of the state machine and the event handler in watched.erl.
#pragma once

#include <ergo/otp/gen_event.hpp>
#include <ergo/otp/gen_statem.hpp>

namespace ergo_interop {

/// The state machine: goes on and off, and counts.
class watched {
 public:
  ergo::term init() { return ergo::term{ergo::atom::of("off")}; }
  ergo::otp::transition handle_event(const ergo::otp::state_event& event, const ergo::term& state);
  ergo::otp::transition code_change(const ergo::term& old_version, const ergo::term& state, const ergo::term& data,
                                    const ergo::term& extra);

 private:
  ergo::otp::transition counted(const ergo::term& what);

  std::int64_t count_ = 0;
  ergo::term last_{ergo::atom::of("none")};
  BOOST_DESCRIBE_CLASS(watched, (), (), (), (count_, last_))
};

/// The handler: its state is its count.
class bell {
 public:
  void handle_event(const ergo::term& event);
  std::int64_t handle_call() { return count_; }
  [[nodiscard]] ergo::term state() const { return ergo::term{count_}; }
  void state(const ergo::term& next);
  void code_change(const ergo::term& old_version, const ergo::term& state, const ergo::term& extra);

 private:
  std::int64_t count_ = 0;
};

/// Starts either as `sys` is to see it: `latch` or `bells`, with `printer` as its group leader.
[[nodiscard]] ergo::task<ergo::result<ergo::pid>> start_watched(ergo::process& self, ergo::atom kind,
                                                                ergo::pid printer);

}  // namespace ergo_interop
