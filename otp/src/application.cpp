// The server class of application controllers, and what C++ asks of them.
#include <ergo/otp/application.hpp>

#include "application_control.hpp"
#include "application_functions.hpp"
#include "application_terms.hpp"

#include <ergo/local_node.hpp>
#include <ergo/stop_first.hpp>

namespace ergo::inline v0::otp {
namespace {

ergo::result<configuration> read_all(const application_options& options) {
  configuration all;
  for (const auto& file : options.config) {
    auto read = read_configuration(file);
    if (!read) {
      return fail(errc::badarg, etf::tuple("error_in_config_file"_atom, read.error().context()));
    }
    all = merge(std::move(all), *read);
  }
  return merge(std::move(all), options.env);
}

}  // namespace

application_controller::application_controller() noexcept = default;
application_controller::~application_controller() = default;

task<result> application_controller::init(process& self, application_options options) {
  self.trap_exits(exits::trapped);
  auto config = read_all(options);
  if (!config) co_return otp::refuse(config.error().context());
  control_ = std::make_unique<detail::application_control>(self, std::move(options), *std::move(config));
  co_return otp::ok();
}

task<result> application_controller::handle_call(process& self, const term& request, const from& caller) {
  auto answering = control_->answer(self, request, caller);
  const auto answer = co_await std::move(answering);
  co_return answer ? otp::reply(*answer) : otp::noreply();
}

task<result> application_controller::handle_cast(process& self, const term& cast) {
  if (!etf::is_tagged(cast, "application_started"_atom, 3)) co_return noreply();
  const auto name = cast.elements()[1].as_atom();
  if (!name || !cast.elements()[2].is_tuple(2)) co_return noreply();
  co_return control_->take_started(self, *name, cast.elements()[2]);
}

task<result> application_controller::handle_info(process& self, const message& info) {
  const auto ended = info.as<exit_message>();
  if (!ended) co_return noreply();
  co_return control_->take_exit(self, *ended);
}

task<> application_controller::terminate(process& self, const exit_reason& reason) {
  auto stopping = control_->stop_all(self);
  co_await std::move(stopping);
  const auto& end = control_->options().end;
  const bool own = etf::is_tagged(reason.value(), "application_terminated"_atom, 3) ||
                   etf::is_tagged(reason.value(), "application_start_failure"_atom, 3);
  if (own && end) end(reason);
}

term application_controller::state() const { return control_ ? control_->which() : term{}; }

// ----- what C++ asks

namespace application {
namespace {

using otp::detail::application_directory;

constexpr duration long_time = forever;

task<ergo::result<void>> order(process& self, term request) {
  const auto controller = otp::detail::controller_of(self);
  const auto answer = co_await ergo::call(self, controller, std::move(request), long_time);
  co_return otp::detail::as_done(answer);
}

// One of the functions of OTP's module, which a process of the controller runs.
ergo::result<term> run(local_node& on, atom function, const term& arguments) {
  const destination controller{"application_controller"_atom};
  const auto runner = otp::call<pid>(on, controller, "runner"_atom, long_time);
  if (!runner) return std::unexpected{runner.error()};
  auto answer = otp::call(on, *runner, etf::tuple(function, arguments), long_time);
  if (!answer) return answer;
  if (etf::is_tagged(*answer, "ok"_atom, 2)) return term{answer->elements()[1]};
  return fail(errc::exited, answer->elements()[1]);
}

ergo::result<void> run_order(local_node& on, atom function, const term& arguments) {
  return otp::detail::as_done(run(on, function, arguments));
}

ergo::result<std::vector<atom>> read_started(const ergo::result<term>& answer) {
  if (const auto done = otp::detail::as_done(answer); !done) return std::unexpected{done.error()};
  std::vector<atom> names;
  for (const auto& one : answer->elements()[1].items()) names.push_back(*one.as_atom());
  return names;
}

ergo::result<std::vector<summary>> read_summaries(const ergo::result<term>& answer) {
  if (!answer) return std::unexpected{answer.error()};
  std::vector<summary> all;
  for (const auto& one : answer->items()) {
    const auto parts = one.elements();
    all.push_back({*parts[0].as_atom(), parts[1].as_text().value_or(""), parts[2].as_text().value_or("")});
  }
  return all;
}

term options_for(keeping how) {
  if (how == keeping::until_unloaded) return {};
  return etf::list(etf::tuple("persistent"_atom, true));
}

class tree_module {
 public:
  tree_module(const supervisor_spec& root, const start_options& how) : root_{root}, how_{how} {}
  [[nodiscard]] application_root start() const { return {root_, how_}; }

 private:
  supervisor_spec root_;
  start_options how_;
};

}  // namespace

application_spec tree(atom name, const supervisor_spec& root, const start_options& how) {
  return spec<tree_module>(name, root, how);
}

ergo::result<pid> start_controller(local_node& on, const application_options& options) {
  const start_options named{.name = "application_controller"_atom, .trap_exits = true};
  const auto started = otp::start<application_controller>(on, named, options);
  if (started) ergo::stop_first(on, *started);
  return started;
}

ergo::result<exit_reason> stop_controller(local_node& on, duration grace) {
  const auto controller = on.whereis("application_controller"_atom);
  if (!controller) return fail(errc::noproc);
  return otp::stop(on, *controller, exit_reason{"shutdown"_atom}, grace);
}

task<ergo::result<void>> load(process& self, atom name) {
  return order(self, etf::tuple("load_application"_atom, name));
}
task<ergo::result<void>> load(process& self, const term& written) {
  return order(self, etf::tuple("load_application"_atom, written));
}
ergo::result<void> load(local_node& on, atom name) { return run_order(on, "load"_atom, etf::list(name)); }

task<ergo::result<void>> unload(process& self, atom name) {
  return order(self, etf::tuple("unload_application"_atom, name));
}
ergo::result<void> unload(local_node& on, atom name) { return run_order(on, "unload"_atom, etf::list(name)); }

task<ergo::result<void>> start(process& self, atom name, start_type type) {
  auto loading = load(self, name);
  const auto loaded = co_await std::move(loading);
  if (!loaded && loaded.error() != errc::already_present) co_return loaded;
  auto starting = order(self, etf::tuple("start_application"_atom, name, otp::detail::word_of(type)));
  auto started = co_await std::move(starting);
  co_return started;
}
ergo::result<void> start(local_node& on, atom name, start_type type) {
  return run_order(on, "start"_atom, etf::list(name, otp::detail::word_of(type)));
}

task<ergo::result<void>> ensure_started(process& self, atom name, start_type type) {
  auto starting = start(self, name, type);
  auto started = co_await std::move(starting);
  if (!started && started.error() == errc::already_present) co_return ergo::result<void>{};
  co_return started;
}

task<ergo::result<std::vector<atom>>> ensure_all_started(process& self, std::vector<atom> names, start_type type) {
  const auto controller = otp::detail::controller_of(self);
  if (!self.node().whereis("application_controller"_atom)) co_return fail(errc::noproc);
  auto starting = otp::detail::ensure_all(self, controller, std::move(names), otp::detail::word_of(type));
  const ergo::result<term> answer = co_await std::move(starting);
  co_return read_started(answer);
}
ergo::result<std::vector<atom>> ensure_all_started(local_node& on, atom name, start_type type) {
  return read_started(run(on, "ensure_all_started"_atom, etf::list(name, otp::detail::word_of(type))));
}

task<ergo::result<void>> stop(process& self, atom name) {
  return order(self, etf::tuple("stop_application"_atom, name));
}
ergo::result<void> stop(local_node& on, atom name) { return run_order(on, "stop"_atom, etf::list(name)); }

task<ergo::result<std::vector<summary>>> which_applications(process& self) {
  const auto controller = otp::detail::controller_of(self);
  const term request{"which_applications"_atom};
  const auto answer = co_await ergo::call(self, controller, request, long_time);
  co_return read_summaries(answer);
}
ergo::result<std::vector<summary>> which_applications(local_node& on) {
  return read_summaries(run(on, "which_applications"_atom, term{}));
}

task<ergo::result<void>> set_env(process& self, atom name, atom key, const term& value, keeping how) {
  return order(self, etf::tuple("set_env"_atom, name, key, value, options_for(how)));
}
task<ergo::result<void>> unset_env(process& self, atom name, atom key, keeping how) {
  return order(self, etf::tuple("unset_env"_atom, name, key, options_for(how)));
}
task<ergo::result<void>> config_change(process& self, const configuration& before) {
  return order(self, etf::tuple("config_change"_atom, otp::detail::as_term(before)));
}

task<ergo::result<configuration>> prep_config_change(process& self) {
  const auto controller = otp::detail::controller_of(self);
  const term request{"prep_config_change"_atom};
  const auto answer = co_await ergo::call(self, controller, request, long_time);
  if (!answer) co_return std::unexpected{answer.error()};
  co_return check_configuration(*answer);
}

std::optional<term> get_env(const local_node& on, atom name, atom key) {
  const auto directory = application_directory::of(on);
  return directory == nullptr ? std::nullopt : directory->parameter(name, key);
}

std::optional<term> get_env(const process& self, atom key) {
  const auto own = get_application(self);
  return own ? get_env(self.node(), *own, key) : std::nullopt;
}

environment get_all_env(const local_node& on, atom name) {
  const auto directory = application_directory::of(on);
  return directory == nullptr ? environment{} : directory->parameters(name);
}

std::optional<term> get_key(const local_node& on, atom name, atom key) {
  const auto directory = application_directory::of(on);
  const auto spec = directory == nullptr ? nullptr : directory->loaded(name);
  return spec == nullptr ? std::nullopt : otp::detail::key_of(*spec, key, directory->parameters(name));
}

std::vector<summary> loaded_applications(const local_node& on) {
  std::vector<summary> all;
  const auto directory = application_directory::of(on);
  if (directory == nullptr) return all;
  for (const auto& spec : directory->all_loaded()) all.push_back({spec->name, spec->description, spec->version});
  return all;
}

std::optional<atom> get_application(const process& self) {
  const auto directory = application_directory::of(self.node());
  return directory == nullptr ? std::nullopt : directory->application_of(self.group_leader());
}

}  // namespace application
}  // namespace ergo::inline v0::otp
