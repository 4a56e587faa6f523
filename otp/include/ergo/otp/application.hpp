// Applications: named supervision trees that are started after what they depend on, and stopped in reverse; what OTP's
// module `application` and its `application_controller` are to an Erlang node.
//
//   class shop {
//    public:
//     ergo::otp::supervisor_spec start(ergo::process& self);
//     void stop();
//   };
//   ergo::otp::application_options options;
//   options.known.push_back(ergo::otp::application::spec<shop>("shop"_atom));
//   options.config.push_back("sys.config");
//   auto controller = ergo::otp::application::start_controller(node.local(), options);
//   auto started = ergo::otp::application::ensure_all_started(node.local(), "shop"_atom);
#pragma once

#include <ergo/otp/application_spec.hpp>
#include <ergo/otp/outside.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ergo::inline v0::otp {

/// What the end of an application means for the others, as in OTP.
enum class start_type : std::uint8_t {
  permanent,  ///< all applications are stopped, and their controller ends
  transient,  ///< the same, unless it ended `normal`
  temporary,  ///< it is reported
};

/// What an application controller knows from its start on.
struct application_options {
  std::vector<application_spec> known;          ///< what can be loaded by name
  std::vector<std::filesystem::path> paths;     ///< folders in which the rest is looked for, in files `Name.app`
  std::vector<std::filesystem::path> config;    ///< files of parameters (`read_configuration`); later ones override
  configuration env;                            ///< overrides the files, as parameters on Erlang's command line do
  duration shutdown_timeout = forever;          ///< for each application when the controller ends; it is killed then
  std::function<void(const exit_reason&)> end;  ///< called in the controller's process when the end of an application
                                                ///< has ended it, after the others were stopped; must not block
};

namespace detail {
class application_control;
}  // namespace detail

/// The server class of application controllers, which `application::start_controller` starts.
///
/// Its `init` reads the configuration and fails with `{error_in_config_file, {File, Line, Text}}` or
/// `{invalid_config_data, Text}`. It serves the requests of OTP 23 to 29 but those about distributed applications. One
/// whose application must not have ended stops the others, last started first, and exits with `{application_terminated,
/// Name, Reason}`, or `{application_start_failure, Name, Reason}` (OTP's controller with the text of that).
class application_controller {
 public:
  application_controller() noexcept;
  ~application_controller();
  application_controller(const application_controller&) = delete;
  application_controller& operator=(const application_controller&) = delete;

  task<result> init(process& self, application_options options);
  task<result> handle_call(process& self, const term& request, const from& caller);
  task<result> handle_cast(process& self, const term& cast);
  task<result> handle_info(process& self, const message& info);
  task<> terminate(process& self, const exit_reason& reason);
  [[nodiscard]] term state() const;

 private:
  std::unique_ptr<detail::application_control> control_;
};

// What follows asks the controller of the process's node, or of `on`. The functions for `local_node` block the calling
// thread, which must not be one of the runtime's. Errors: `noproc` where there is no controller; what it refuses with
// OTP's reason as context, such as `{not_started, db}`: `not_found` for what is not loaded, started or there at all,
// `already_present` for what is loaded, started or running already, else `exited`.
namespace application {

/// Name, description, version.
struct summary {
  atom name;
  std::string description;
  std::string version;
};

/// Starts the controller of a node; it is registered as `application_controller`, so that a node has one. It ends
/// before the other processes of the node when this is stopped (`ergo::stop_first`).
[[nodiscard]] ergo::result<pid> start_controller(local_node& on, const application_options& options);
/// Stops all applications of a node, last started first, and the controller, which is killed after `grace`.
ergo::result<exit_reason> stop_controller(local_node& on, duration grace = std::chrono::seconds{30});

/// Makes an application and those that it includes known to the node, with their parameters.
[[nodiscard]] task<ergo::result<void>> load(process& self, atom name);
ergo::result<void> load(local_node& on, atom name);
/// The same for a specification as OTP writes it, `{application, Name, [{Key, Value}]}`.
[[nodiscard]] task<ergo::result<void>> load(process& self, const term& written);
/// Forgets an application that does not run, its parameters, and those that it includes.
[[nodiscard]] task<ergo::result<void>> unload(process& self, atom name);
ergo::result<void> unload(local_node& on, atom name);

/// Starts an application, loaded or not, and waits until it runs. What it depends on must have been started.
[[nodiscard]] task<ergo::result<void>> start(process& self, atom name, start_type type = start_type::temporary);
ergo::result<void> start(local_node& on, atom name, start_type type = start_type::temporary);
/// The same, and fails not when it runs already.
[[nodiscard]] task<ergo::result<void>> ensure_started(process& self, atom name,
                                                      start_type type = start_type::temporary);
/// Starts applications and all that they depend on, each after what it needs; returns those that it has started, in
/// that order. When one fails, those are stopped again. The context of the error is `{Name, Reason}`; of a circle of
/// dependencies, in which OTP goes on for ever, `{circular, Name}` is the reason.
[[nodiscard]] task<ergo::result<std::vector<atom>>> ensure_all_started(process& self, std::vector<atom> names,
                                                                       start_type type = start_type::temporary);
ergo::result<std::vector<atom>> ensure_all_started(local_node& on, atom name, start_type type = start_type::temporary);
/// Stops an application: `prep_stop`, its tree, `stop`, then whoever else has its master as group leader is killed. The
/// controller waits for all that, so that code which asks it meanwhile waits for itself, as in OTP.
[[nodiscard]] task<ergo::result<void>> stop(process& self, atom name);
ergo::result<void> stop(local_node& on, atom name);

/// Those that run, last started first.
[[nodiscard]] task<ergo::result<std::vector<summary>>> which_applications(process& self);
ergo::result<std::vector<summary>> which_applications(local_node& on);

/// Sets a parameter; with `persistent` for later loads, too.
enum class keeping : std::uint8_t { until_unloaded, persistent };
[[nodiscard]] task<ergo::result<void>> set_env(process& self, atom name, atom key, const term& value,
                                               keeping how = keeping::until_unloaded);
[[nodiscard]] task<ergo::result<void>> unset_env(process& self, atom name, atom key,
                                                 keeping how = keeping::until_unloaded);
/// Tells the applications that run what has changed since `before`, which `prep_config_change` gave: see
/// `config_change` of an application's code. The context of an error is the list of all errors.
[[nodiscard]] task<ergo::result<void>> config_change(process& self, const configuration& before);
[[nodiscard]] task<ergo::result<configuration>> prep_config_change(process& self);

// These read what is there; any thread, and nobody is asked.

/// A parameter of a loaded application.
[[nodiscard]] std::optional<term> get_env(const local_node& on, atom name, atom key);
/// The same as a `T`: `not_found`, or `bad_answer` with the value where it is no `T`.
template <typename T>
[[nodiscard]] ergo::result<T> get_env(const local_node& on, atom name, atom key) {
  auto value = get_env(on, name, key);
  if (!value) return fail(errc::not_found, etf::tuple(name, key));
  return otp::detail::convert_answer<T>(*std::move(value));
}
/// The same of the application that the calling process belongs to.
[[nodiscard]] std::optional<term> get_env(const process& self, atom key);
template <typename T>
[[nodiscard]] ergo::result<T> get_env(const process& self, atom key) {
  auto value = get_env(self, key);
  if (!value) return fail(errc::not_found, key);
  return otp::detail::convert_answer<T>(*std::move(value));
}
/// All parameters, by name.
[[nodiscard]] environment get_all_env(const local_node& on, atom name);
/// What a specification says under one of OTP's names, such as `vsn`.
[[nodiscard]] std::optional<term> get_key(const local_node& on, atom name, atom key);
[[nodiscard]] std::vector<summary> loaded_applications(const local_node& on);
/// The application that a process belongs to, which its group leader tells.
[[nodiscard]] std::optional<atom> get_application(const process& self);

}  // namespace application
}  // namespace ergo::inline v0::otp
