// The application controller at work: carries out what `application_runs` decides.
#pragma once

#include "application_directory.hpp"
#include "application_runs.hpp"

#include <ergo/otp/application.hpp>

#include <vector>

namespace ergo::inline v0::otp::detail {

/// One controller, in its process.
class application_control {
 public:
  application_control(process& self, application_options options, configuration config);

  /// What a request is answered with; empty where somebody answers later.
  task<std::optional<term>> answer(process& self, term request, from caller);
  /// `{application_started, Name, How}` of a starter.
  [[nodiscard]] result take_started(process& self, atom name, const term& how);
  [[nodiscard]] result take_exit(process& self, const exit_message& ended);
  task<> stop_all(process& self);

  [[nodiscard]] const application_options& options() const noexcept { return options_; }
  [[nodiscard]] term which() const;

 private:
  task<std::optional<term>> answer_tuple(process& self, term request, from caller);
  std::optional<term> start(process& self, atom name, const term& type, const from& caller);
  task<term> stop(process& self, atom name);
  [[nodiscard]] term load(const term& what);
  [[nodiscard]] ergo::result<void> load_one(application_spec spec);
  [[nodiscard]] term unload(atom name);
  void forget(atom name);
  [[nodiscard]] term set_env(const term& request);
  [[nodiscard]] term unset_env(const term& request);
  task<term> tell_changes(process& self, term before);
  [[nodiscard]] term environments() const;
  [[nodiscard]] term info() const;
  [[nodiscard]] static pid start_runner(process& self);

  application_options options_;
  configuration config_;
  published_applications directory_;
  application_runs runs_;
};

}  // namespace ergo::inline v0::otp::detail
