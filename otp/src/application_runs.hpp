// Which applications run, are being started, or were; and what it means when one starts, fails or ends. No processes:
// what application_controller.erl decides, for applications that are not distributed.
#pragma once

#include <ergo/otp/application.hpp>

#include <optional>
#include <utility>
#include <vector>

namespace ergo::inline v0::otp::detail {

/// Decisions about the runs of applications; the controller carries them out.
class application_runs {
 public:
  /// A running application; one without processes has no master.
  struct running {
    atom name;
    std::optional<pid> master;
  };
  struct beginning {
    atom name;
    start_type type = start_type::temporary;
  };
  struct request {
    atom name;
    from caller;
  };

  /// What becomes of a request to start.
  struct verdict {
    enum class what : std::uint8_t {
      begin,   ///< start it; the caller waits
      wait,    ///< it is being started; the caller waits, too
      refuse,  ///< for `reason`
    } how = what::refuse;
    term reason{};
  };
  /// `spec` is null where the application is not loaded.
  [[nodiscard]] verdict ask(atom name, const term& type, const application_spec* spec, const from& caller);

  /// The first application that `spec` needs and that does not run, though it has been started.
  [[nodiscard]] std::optional<atom> missing_for(const application_spec& spec) const;

  /// How a start ended.
  struct outcome {
    std::optional<pid> master{};    ///< of one that runs
    std::optional<term> failure{};  ///< of one that does not
    bool told = true;               ///< whether the failure is reported
  };
  /// What is to be done then.
  struct settlement {
    std::vector<from> waiting;  ///< are answered, in this order
    term answer{};
    std::optional<start_type> type{};  ///< that it was to have; empty where it was not being started
    std::optional<term> end{};         ///< the controller ends for this reason
  };
  [[nodiscard]] settlement started(atom name, const outcome& how);

  /// A master has ended.
  struct loss {
    atom name;
    start_type type = start_type::temporary;
    std::optional<term> end{};  ///< as above
  };
  [[nodiscard]] std::optional<loss> ended(const pid& master, const exit_reason& reason);

  /// What to stop; nothing where it has not been started.
  struct stopping {
    std::optional<running> what;  ///< empty where it has ended already
    start_type type = start_type::temporary;
  };
  [[nodiscard]] std::optional<stopping> stop(atom name);

  [[nodiscard]] bool is_running(atom name) const noexcept;
  [[nodiscard]] bool is_started(atom name) const noexcept;
  /// Those that run, last started first.
  [[nodiscard]] const std::vector<running>& all() const noexcept { return running_; }
  [[nodiscard]] const std::vector<beginning>& being_started() const noexcept { return starting_; }
  [[nodiscard]] const std::vector<beginning>& have_started() const noexcept { return started_; }

 private:
  [[nodiscard]] std::optional<term> obstacle(atom name, const application_spec* spec) const;

  std::vector<running> running_;
  std::vector<beginning> started_;  // also those that have ended by themselves
  std::vector<beginning> starting_;
  std::vector<request> requests_;  // last one first
};

/// OTP's word for a type, and back.
[[nodiscard]] atom word_of(start_type type) noexcept;
[[nodiscard]] std::optional<start_type> start_type_of(const term& word) noexcept;

}  // namespace ergo::inline v0::otp::detail
