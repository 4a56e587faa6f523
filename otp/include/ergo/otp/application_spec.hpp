// What an application is: its name and version, what it depends on, its parameters, and the code that starts it.
//
// That code is any class with these members, plain or a coroutine (`ergo::task`); all but `start` may be left out:
//
//   start(self, type, arguments)               -> application_root, or an ergo::result of it; a supervisor_spec is one
//   start_phase(self, phase, type, arguments)  -> void, ergo::result<void>
//   prep_stop(self), stop(self)                -> void
//   config_change(self, const environment_changes&)  -> void, ergo::result<void>
//
// Parameters may be left out, all of them or all but `process&`. There is a new object for each start of the
// application, so that its members are what OTP's callbacks hand on as `State`.
#pragma once

#include <ergo/detail/process_exit.hpp>
#include <ergo/otp/configuration.hpp>
#include <ergo/otp/detail/inject.hpp>
#include <ergo/otp/supervisor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace ergo::inline v0::otp {

/// The top of an application's tree, whose end is the end of the application.
class application_root {
 public:
  /// A supervisor that is to be started.
  application_root(supervisor_spec tree, const start_options& how = {})  // NOLINT: `return tree`
      : top_{started{std::move(tree), how}} {}
  /// A process that runs already.
  application_root(const pid& process) : top_{process} {}  // NOLINT: `return pid`

  struct started {
    supervisor_spec tree;
    start_options how;
  };
  [[nodiscard]] const std::variant<pid, started>& top() const noexcept { return top_; }

 private:
  std::variant<pid, started> top_;
};

/// How an application's parameters differ from what they were.
struct environment_changes {
  environment changed;
  environment added;
  std::vector<atom> removed;
};

/// The code of one start of an application. All its members are called by one process of the application, whose group
/// leader is the application's master.
class application_module {
 public:
  application_module() = default;
  application_module(const application_module&) = delete;
  application_module& operator=(const application_module&) = delete;
  virtual ~application_module() = default;

  virtual task<ergo::result<application_root>> start(process& self, term type, term arguments) = 0;
  /// `ok`, `{error, Reason}`, or what else it gave.
  virtual task<term> start_phase(process& self, atom phase, term type, term arguments) = 0;
  virtual task<> prep_stop(process& self) = 0;
  virtual task<> stop(process& self) = 0;
  /// As `start_phase`.
  virtual task<term> config_change(process& self, environment_changes changes) = 0;
};

/// One application. Copyable; any thread.
struct application_spec {
  atom name;
  std::string description{};
  std::string version{};
  std::string id{};
  std::vector<atom> applications{};           ///< that must run before it starts
  std::vector<atom> optional_applications{};  ///< those of `applications` that may be missing
  std::vector<atom> included_applications{};  ///< loaded with it, and started by its code
  std::vector<atom> registered{};             ///< the names of its processes; told, not checked
  std::vector<atom> modules{};                ///< told, not checked
  environment env{};                          ///< what its parameters are unless a configuration says otherwise
  std::optional<environment> start_phases{};  ///< phases and their arguments, run in order after `start`
  atom module{};     ///< the name of its code, by which specifications of Erlang find it; `''`: it has no processes
  term arguments{};  ///< of its `start`
  duration longest = forever;  ///< it is stopped, as an ordinary end, when it has run so long: OTP's `maxT`
  std::function<std::unique_ptr<application_module>()> make{};  ///< called for each start
};

namespace detail {

struct application_names {
  int start, start_phase, prep_stop, stop, config_change;
};
template <typename Module>
struct application_probe : Module, application_names {};

inline constexpr auto call_app_start = []<typename M, typename... P>(
                                           M& of, P&&... part) -> decltype(of.start(std::forward<P>(part)...)) {
  return of.start(std::forward<P>(part)...);
};
inline constexpr auto call_app_phase = []<typename M, typename... P>(
                                           M& of, P&&... part) -> decltype(of.start_phase(std::forward<P>(part)...)) {
  return of.start_phase(std::forward<P>(part)...);
};
inline constexpr auto call_app_prep_stop = []<typename M, typename... P>(
                                               M& of, P&&... part) -> decltype(of.prep_stop(std::forward<P>(part)...)) {
  return of.prep_stop(std::forward<P>(part)...);
};
inline constexpr auto call_app_stop = []<typename M, typename... P>(
                                          M& of, P&&... part) -> decltype(of.stop(std::forward<P>(part)...)) {
  return of.stop(std::forward<P>(part)...);
};
inline constexpr auto call_app_change =
    []<typename M, typename... P>(M& of, P&&... part) -> decltype(of.config_change(std::forward<P>(part)...)) {
  return of.config_change(std::forward<P>(part)...);
};

/// `ok`, or `{error, Reason}`.
[[nodiscard]] inline term verdict(const ergo::result<void>& outcome) {
  return outcome ? term{"ok"_atom} : etf::tuple("error"_atom, outcome.error().reason());
}

/// Anything that a `start` may return, as a root.
template <typename T>
[[nodiscard]] ergo::result<application_root> as_root(T value) {
  if constexpr (requires { value.error(); }) {
    if (!value) return std::unexpected{std::move(value).error()};
    return application_root{*std::move(value)};
  } else {
    return application_root{std::move(value)};
  }
}

/// A class of the program as the code of an application.
template <typename Module, typename... Argument>
class application_shim final : public application_module {
  static_assert(!std::is_final_v<Module>, "ergo::otp: the code of an application must not be a final class");
  static_assert(std::constructible_from<Module, const Argument&...>,
                "ergo::otp: the code of an application is constructed with the arguments of application::spec");
  using probe = application_probe<Module>;
  static constexpr bool has_phases = !requires { &probe::start_phase; };
  static constexpr bool has_prep_stop = !requires { &probe::prep_stop; };
  static constexpr bool has_stop = !requires { &probe::stop; };
  static constexpr bool has_change = !requires { &probe::config_change; };

  template <typename Function, typename... Part>
  using returned = decltype(inject(std::declval<const Function&>(), std::declval<Module&>(), std::declval<process&>(),
                                   std::declval<Part>()...));
  template <typename Function, typename... Part>
  static constexpr bool fits = !std::same_as<returned<Function, Part...>, no_form>;

  static_assert(fits<decltype(call_app_start), const term&, const term&>,
                "ergo::otp: the code of an application needs a public start(process&, const term& type, const term& "
                "arguments), whose parameters may be left out");
  static_assert(!has_phases || fits<decltype(call_app_phase), const atom&, const term&, const term&>,
                "ergo::otp: start_phase of an application must be public and take (process&, atom phase, const term& "
                "type, const term& arguments)");
  static_assert(!has_prep_stop || fits<decltype(call_app_prep_stop)>,
                "ergo::otp: prep_stop of an application must be public and take (process&) or nothing");
  static_assert(!has_stop || fits<decltype(call_app_stop)>,
                "ergo::otp: stop of an application must be public and take (process&) or nothing");
  static_assert(!has_change || fits<decltype(call_app_change), const environment_changes&>,
                "ergo::otp: config_change of an application must be public and take (process&, const "
                "environment_changes&)");

 public:
  explicit application_shim(const Argument&... argument) : module_{argument...} {}

  task<ergo::result<application_root>> start(process& self, term type, term arguments) override {
    using kind = returned<decltype(call_app_start), const term&, const term&>;
    if constexpr (is_task<kind>) {
      auto work = inject(call_app_start, module_, self, std::as_const(type), std::as_const(arguments));
      auto value = co_await std::move(work);
      co_return as_root(std::move(value));
    } else {
      co_return as_root(inject(call_app_start, module_, self, std::as_const(type), std::as_const(arguments)));
    }
  }
  task<term> start_phase(process& self, atom phase, term type, term arguments) override {
    if constexpr (has_phases) {
      return judge(call_app_phase, self, phase, std::move(type), std::move(arguments));
    } else {
      throw ergo::detail::process_exit{exit_reason{etf::tuple("undef"_atom, term{})}};
    }
  }
  task<> prep_stop(process& self) override {
    if constexpr (has_prep_stop) {
      auto work = judge(call_app_prep_stop, self);
      (void)co_await std::move(work);
    }
    co_return;
  }
  task<> stop(process& self) override {
    if constexpr (has_stop) {
      auto work = judge(call_app_stop, self);
      (void)co_await std::move(work);
    }
    co_return;
  }
  task<term> config_change(process& self, environment_changes changes) override {
    if constexpr (has_change) {
      auto work = judge(call_app_change, self, std::move(changes));
      auto outcome = co_await std::move(work);
      co_return outcome;
    } else {
      co_return "ok"_atom;
    }
  }

 private:
  template <typename Function, typename... Part>
  task<term> judge(const Function& function, process& self, Part... part) {
    using kind = returned<Function, const Part&...>;
    using value = awaited_t<kind>;
    static_assert(std::is_void_v<value> || std::same_as<value, ergo::result<void>>,
                  "ergo::otp: start_phase, prep_stop, stop and config_change of an application return void, "
                  "ergo::result<void> or a task of these");
    if constexpr (is_task<kind> && std::is_void_v<value>) {
      auto work = inject(function, module_, self, std::as_const(part)...);
      co_await std::move(work);
      co_return "ok"_atom;
    } else if constexpr (is_task<kind>) {
      auto work = inject(function, module_, self, std::as_const(part)...);
      const auto outcome = co_await std::move(work);
      co_return verdict(outcome);
    } else if constexpr (std::is_void_v<value>) {
      inject(function, module_, self, std::as_const(part)...);
      co_return "ok"_atom;
    } else {
      co_return verdict(inject(function, module_, self, std::as_const(part)...));
    }
  }

  Module module_;
};

}  // namespace detail

namespace application {

/// An application whose code is the class `Module`, which is constructed with copies of `argument` at each start.
/// Erlang's specifications name it by `name`.
template <typename Module, typename... Argument>
[[nodiscard]] application_spec spec(atom name, const Argument&... argument) {
  application_spec made;
  made.name = name;
  made.module = name;
  made.make = [argument...]() -> std::unique_ptr<application_module> {
    return std::make_unique<detail::application_shim<Module, Argument...>>(argument...);
  };
  return made;
}

/// An application that is a supervision tree and nothing else.
[[nodiscard]] application_spec tree(atom name, const supervisor_spec& root, const start_options& how = {});

}  // namespace application
}  // namespace ergo::inline v0::otp
