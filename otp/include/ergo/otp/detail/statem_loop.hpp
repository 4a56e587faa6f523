// The part of a state machine's process that needs no template: carries the machine's orders out and brings it what
// arrives. Its life from init to terminate is that of a server.
#pragma once

#include <ergo/otp/detail/server_loop.hpp>
#include <ergo/otp/transition.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace ergo::inline v0::otp::detail {

class statem_machine;

/// Runs a state machine. Derived classes call `opened` or `open_later` from `on_init`, `decide` or `decide_later` from
/// `on_event`.
class statem_loop : public server_loop {
 public:
  ~statem_loop() override;
  /// `{State, Data}`, as `sys:get_state/1` of a gen_statem.
  [[nodiscard]] term state() const override;

 protected:
  explicit statem_loop(bool enters_states);

  virtual void on_event(process& self, const state_event& event, const term& state) = 0;
  virtual void on_end(process& self, const exit_reason& reason, const term& state) = 0;
  /// The data of the user's object; `[]` where there is nothing to show.
  [[nodiscard]] virtual term data() const = 0;

  /// What `init` decided.
  void opened(process& self, transition first) { apply(self, opening(std::move(first))); }
  void open_later(process& self, task<transition> work) { run(self, open_with(std::move(work))); }
  /// What the code of a state decided about the present event.
  void decide(transition decision) { decision_ = std::move(decision); }
  void decide_later(task<transition> work) { later_ = std::move(work); }

 private:
  void on_call(process& self, const message& request, const from& caller) final;
  void on_cast(process& self, const message& cast) final;
  void on_info(process& self, const message& info) final;
  void on_continue(process& self, const term& argument) final;
  void on_terminate(process& self, const exit_reason& reason) final;

  [[nodiscard]] result opening(transition first);
  task<result> open_with(task<transition> work);
  void receive_event(process& self, const message& received);
  void go_on(process& self);
  task<result> go_on_later(process& self);
  [[nodiscard]] std::optional<result> advance(process& self);
  void carry_out_orders(process& self);
  void stop_timer(process& self, std::uint64_t timer);
  [[nodiscard]] std::optional<std::uint64_t> take_timer(const message& info);

  std::unique_ptr<statem_machine> machine_;
  std::optional<transition> first_;
  std::optional<transition> decision_;
  task<transition> later_;
  bool tired_ = false;  // many events have been handled without a break
  std::vector<std::pair<std::uint64_t, reference>> timers_;
};

}  // namespace ergo::inline v0::otp::detail
