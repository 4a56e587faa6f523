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
  /// The data of the user's object.
  [[nodiscard]] virtual term data() const = 0;
  /// Whether `take_data` can do something.
  [[nodiscard]] virtual bool data_are_replaceable() const noexcept = 0;
  /// Takes data that look like those of `data()`; throws when they do not.
  virtual void take_data(const term& next) = 0;
  [[nodiscard]] std::optional<term> on_code_change(process& self, const term& old_version, const term& extra) override;

  /// What `init` decided.
  void opened(process& self, transition first) { apply(self, opening(std::move(first))); }
  void open_later(process& self, task<transition> work) { run(self, open_with(std::move(work))); }
  /// What the code of a state decided about the present event.
  void decide(transition decision) { decision_ = std::move(decision); }
  void decide_later(task<transition> work) { later_ = std::move(work); }

  [[nodiscard]] const term& present_state() const noexcept;
  /// Does what a change of code decided; the reason when it was refused.
  [[nodiscard]] std::optional<term> changed(transition decision);

 private:
  // What `sys` sees is that of a gen_statem.
  [[nodiscard]] atom system_module() const noexcept final { return "gen_statem"_atom; }
  [[nodiscard]] task<term> replace_system_state(process& self, new_state next) final;
  [[nodiscard]] term system_status(process& self, const status_facts& facts) const final;
  [[nodiscard]] std::string describe_event(process& self, const term& event) const final;
  [[nodiscard]] term event_of_arrival(const message& received) const final;
  void note_answer(process& /*self*/, const term& /*value*/) final {}
  void note_state(process& /*self*/) final {}
  void note_end(process& self, const exit_reason& reason) final;
  void add_to_status(status& all) const final;
  void report(process& self, const status& shown) const final;

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
  using timer = std::pair<std::uint64_t, reference>;
  [[nodiscard]] std::vector<timer>::const_iterator timer_of(const message& info) const;
  [[nodiscard]] std::optional<std::uint64_t> take_timer(const message& info);

  std::unique_ptr<statem_machine> machine_;
  std::optional<transition> first_;
  std::optional<transition> decision_;
  task<transition> later_;
  bool tired_ = false;  // many events have been handled without a break
  std::vector<timer> timers_;
};

}  // namespace ergo::inline v0::otp::detail
