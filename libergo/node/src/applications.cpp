#include "applications.hpp"

#include "shelf.hpp"

#include <ergo/calls.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <optional>

namespace ergo::inline v0::detail {
namespace {

constexpr auto patience = std::chrono::seconds{1};
constexpr auto call_patience = std::chrono::seconds{5};  // of which_applications/0, as in OTP

task<term> ask_controller(process& self, pid controller, term request) {
  const destination to{controller};
  const auto answer = co_await call(self, to, std::move(request), patience);
  co_return answer ? *answer : term{};
}

term services() { return etf::tuple("kernel"_atom, characters("services of the node"), characters(ERGO_VERSION)); }

bool is_kernel(const term& described) { return etf::is_tagged(described, "kernel"_atom, 3); }

// With the node's services, unless the program's controller knows them.
std::vector<term> completed(process& self, const term& known) {
  std::vector<term> all;
  for (const auto& one : known.items()) {
    if (one.is_tuple(3)) all.push_back(one);
  }
  const bool told = std::ranges::any_of(all, is_kernel);
  if (!told && self.node().whereis("kernel_sup"_atom)) all.push_back(services());
  return all;
}

task<result<term>> which_applications(process& self, duration limit) {
  const auto controller = self.node().whereis("application_controller"_atom);
  term known;
  if (controller) {
    const destination to{*controller};
    const term request{"which_applications"_atom};
    auto answer = co_await call(self, to, request, limit);
    if (!answer) co_return answer;
    known = *answer;
  }
  co_return etf::make_list(completed(self, known));
}

// What OTP's functions give where nothing is loaded.
term without_controller(process& self, atom function, const term& arguments) {
  if (function == "loaded_applications"_atom) return etf::make_list(completed(self, {}));
  if (function == "get_all_env"_atom) return {};
  if (function == "get_env"_atom && arguments.items().size() == 3) return arguments.items()[2];
  if (function == "get_env"_atom || function == "get_key"_atom || function == "get_all_key"_atom ||
      function == "get_application"_atom || function == "get_supervisor"_atom) {
    return "undefined"_atom;
  }
  self.exit(exit_reason{"noproc"_atom});
}

// A process of the controller runs the function, so that it can be asked meanwhile.
task<result<term>> ask_module(process& self, atom function, term arguments) {
  const auto controller = self.node().whereis("application_controller"_atom);
  if (!controller) co_return without_controller(self, function, arguments);
  const destination to{*controller};
  const term wanted{"runner"_atom};
  const auto runner = co_await call(self, to, wanted, forever);
  if (!runner) self.exit(exit_reason::from(runner.error()));
  if (!runner->as_pid()) co_return without_controller(self, function, arguments);
  const destination there{*runner->as_pid()};
  auto request = etf::tuple(function, arguments);
  const auto answer = co_await call(self, there, std::move(request), forever);
  if (!answer) self.exit(exit_reason::from(answer.error()));
  if (!answer->is_tuple(2)) co_return fail(errc::bad_answer, *answer);
  const auto& value = answer->elements()[1];
  if (answer->elements()[0].is("ok"_atom)) co_return value;
  if (etf::is_tagged(value, "badarg"_atom, 2)) co_return fail(errc::exited, value);  // erlang:error({badarg, Text})
  self.exit(exit_reason{value});
}

void forward(function_table& to, right needed, std::string_view name, std::initializer_list<std::size_t> arities) {
  const auto function = atom::of(name);
  for (const auto arity : arities) {
    (void)to.add(
        {"application"_atom, function, arity},
        [function](process& self, term arguments) { return ask_module(self, function, std::move(arguments)); }, needed);
  }
}

duration limit_of(const term& timeout) {
  constexpr std::int64_t longest = 0xffff'ffff;  // milliseconds, as in OTP
  const auto given = timeout.as_integer();
  return given ? duration{std::chrono::milliseconds{std::clamp<std::int64_t>(*given, 0, longest)}} : forever;
}

}  // namespace

task<std::vector<running_application>> running_applications(process& self) {
  std::vector<running_application> found;
  const auto controller = self.node().whereis("application_controller"_atom);
  term known;
  if (controller) {
    auto asking = ask_controller(self, *controller, "which_applications"_atom);
    known = co_await std::move(asking);
  }
  const auto all = completed(self, known);
  for (const auto& one : all) {
    std::optional<pid> root;
    if (is_kernel(one)) root = self.node().whereis("kernel_sup"_atom);
    if (!root && controller) {
      auto asking = ask_controller(self, *controller, etf::tuple("get_master"_atom, one.elements()[0]));
      const auto answer = co_await std::move(asking);
      root = answer.as_pid();
    }
    if (root) found.push_back({*root, one});
  }
  co_return found;
}

void add_application_builtins(function_table& to) {
  shelf{to, "application", right::observe}
      .add("which_applications", [](process& self) { return which_applications(self, call_patience); })
      .add("which_applications",
           [](process& self, const term& timeout) { return which_applications(self, limit_of(timeout)); })
      // The caller's own application is none of ours.
      .add("get_env", [](const term& /*key*/) { return "undefined"_atom; })
      .add("get_all_env", [] { return term{}; })
      .add("get_key", [](const term& /*key*/) { return "undefined"_atom; })
      .add("get_all_key", [] { return term{}; })
      .add("get_application", [] { return "undefined"_atom; });
  forward(to, right::observe, "loaded_applications", {0});
  forward(to, right::observe, "info", {0});
  forward(to, right::observe, "get_env", {2, 3});
  forward(to, right::observe, "get_all_env", {1});
  forward(to, right::observe, "get_key", {2});
  forward(to, right::observe, "get_all_key", {1});
  forward(to, right::observe, "get_application", {1});
  forward(to, right::observe, "get_supervisor", {1});
  forward(to, right::manage, "load", {1});
  forward(to, right::manage, "unload", {1});
  forward(to, right::manage, "start", {1, 2});
  forward(to, right::manage, "stop", {1});
  forward(to, right::manage, "ensure_started", {1, 2});
  forward(to, right::manage, "ensure_all_started", {1, 2, 3});
  forward(to, right::manage, "set_env", {1, 2, 3, 4});
  forward(to, right::manage, "unset_env", {2, 3});
  shelf{to, "init", right::observe}
      .add("get_argument", [](atom /*flag*/) { return "error"_atom; })
      .add("get_arguments", [] { return term{}; })
      .add("get_plain_arguments", [] { return term{}; })
      .add("get_status", [] { return etf::tuple("started"_atom, "started"_atom); });
}

}  // namespace ergo::inline v0::detail
