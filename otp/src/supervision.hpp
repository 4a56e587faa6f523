// What a running supervisor does with its children: one kind for children that are known one by one, one for those of a
// `simple_one_for_one`. What is to be done after an end, restart.cpp decides.
#pragma once

#include "child_process.hpp"
#include "child_table.hpp"

#include <expected>

namespace ergo::inline v0::otp::detail {

/// The children of one supervisor and all that is done to them, on the supervisor's process. Nothing is re-entered:
/// what suspends is awaited before the next message is looked at.
class supervision {
 public:
  /// Checks a specification; fails with the reason for which such a supervisor does not start.
  [[nodiscard]] static std::expected<std::unique_ptr<supervision>, term> make(supervisor_spec spec);
  virtual ~supervision() = default;
  supervision(const supervision&) = delete;
  supervision& operator=(const supervision&) = delete;

  /// Starts the children of the specification: the outcome of `init`.
  virtual task<result> start(process& self) = 0;
  virtual task<> stop_all(process& self) = 0;
  virtual task<result> child_ended(process& self, pid who, exit_reason why) = 0;
  /// A start has failed and is to be tried again.
  virtual task<result> try_again(process& self, term id) = 0;
  /// The wait before a restart is over.
  virtual task<result> wait_over(process& self, term id, std::uint64_t attempt) = 0;

  virtual task<result> start_child(process& self, term written) = 0;
  virtual task<result> add_child(process& self, child_spec spec) = 0;
  virtual task<result> terminate_child(process& self, term id) = 0;
  virtual task<result> restart_child(process& self, term id) = 0;
  virtual term delete_child(const term& id) = 0;
  [[nodiscard]] virtual term childspec(process& self, const term& id) const = 0;
  [[nodiscard]] virtual term which_child(const term& id) const = 0;
  [[nodiscard]] virtual term which_children() const = 0;
  [[nodiscard]] virtual term count_children(process& self) const = 0;

 protected:
  explicit supervision(const supervisor_spec& spec)
      : policy_{spec.strategy, spec.intensity, spec.period},
        auto_shutdown_{spec.auto_shutdown},
        backoff_{spec.backoff},
        functions_{spec.start_functions} {}

  /// The end of this supervisor because of too many restarts.
  [[nodiscard]] static result give_up(process& self, const child_spec& spec, const term& process);
  /// Whether a restart that was just counted has to wait, and how long.
  [[nodiscard]] duration wait_before_restart() const noexcept { return backoff_.before(policy_.recent()); }
  /// Sends this supervisor what `wait_over` gets.
  static void put_off(process& self, duration wait, const term& id, std::uint64_t attempt);

  restart_policy policy_;
  otp::auto_shutdown auto_shutdown_;
  otp::backoff backoff_;
  std::shared_ptr<const start_functions> functions_;
};

/// `{error, Why}`.
[[nodiscard]] inline term refusal_term(const term& why) { return etf::tuple("error"_atom, why); }

/// `one_for_one`, `one_for_all` and `rest_for_one`.
class static_children final : public supervision {
 public:
  static_children(const supervisor_spec& spec, child_table children)
      : supervision{spec}, children_{std::move(children)} {}

  task<result> start(process& self) override;
  task<> stop_all(process& self) override;
  task<result> child_ended(process& self, pid who, exit_reason why) override;
  task<result> try_again(process& self, term id) override;
  task<result> wait_over(process& self, term id, std::uint64_t attempt) override;
  task<result> start_child(process& self, term written) override;
  task<result> add_child(process& self, child_spec spec) override;
  task<result> terminate_child(process& self, term id) override;
  task<result> restart_child(process& self, term id) override;
  term delete_child(const term& id) override;
  [[nodiscard]] term childspec(process& self, const term& id) const override;
  [[nodiscard]] term which_child(const term& id) const override;
  [[nodiscard]] term which_children() const override;
  [[nodiscard]] term count_children(process& self) const override;

 private:
  using position = child_table::position;
  /// The first child of several that did not start.
  struct failure {
    position where;
    term reason;
  };

  task<ergo::result<started_child>> start_one(process& self, position where);
  task<std::optional<failure>> start_in_order(process& self, std::vector<position> which);
  task<> stop_one(process& self, position where);
  task<> stop_in_reverse(process& self, std::vector<position> which);
  task<result> restart_soon(process& self, position where);
  task<result> restart(process& self, position where);

  child_table children_;
};

/// `simple_one_for_one`: children of one kind, known by their processes.
class dynamic_children final : public supervision {
 public:
  dynamic_children(const supervisor_spec& spec, child_spec kind) : supervision{spec}, kind_{std::move(kind)} {}

  task<result> start(process& self) override;
  task<> stop_all(process& self) override;
  task<result> child_ended(process& self, pid who, exit_reason why) override;
  task<result> try_again(process& self, term id) override;
  task<result> wait_over(process& self, term id, std::uint64_t attempt) override;
  task<result> start_child(process& self, term arguments) override;
  task<result> add_child(process& self, child_spec spec) override;
  task<result> terminate_child(process& self, term id) override;
  task<result> restart_child(process& self, term id) override;
  term delete_child(const term& id) override;
  [[nodiscard]] term childspec(process& self, const term& id) const override;
  [[nodiscard]] term which_child(const term& id) const override;
  [[nodiscard]] term which_children() const override;
  [[nodiscard]] term count_children(process& self) const override;

 private:
  using position = std::uint64_t;
  struct one {
    pid process{};  // its last one, while it is being restarted
    term arguments;
    bool restarting = false;
    std::uint64_t attempt = 0;
  };
  using children = std::map<position, one>;  // in the order of their start

  void add(const pid& process, const term& arguments);
  void erase(children::iterator which);
  [[nodiscard]] children::iterator find(const pid& process);
  [[nodiscard]] children::const_iterator find(const pid& process) const;
  /// Whether OTP would know a child of that pid, or take it for one that has gone.
  [[nodiscard]] bool knows(process& self, const pid& process) const;
  [[nodiscard]] term describe(const one& child) const;
  task<result> restart_soon(process& self, pid former);
  task<result> restart(process& self, pid former);

  child_spec kind_;
  children children_;
  std::unordered_map<pid, position> by_process_;
  position next_ = 0;
  std::size_t restarting_ = 0;
};

}  // namespace ergo::inline v0::otp::detail
