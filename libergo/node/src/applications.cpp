#include "applications.hpp"

#include "shelf.hpp"

#include <ergo/calls.hpp>
#include <ergo/runtime.hpp>

#include <chrono>

namespace ergo::inline v0::detail {
namespace {

constexpr auto patience = std::chrono::seconds{1};

task<term> ask_controller(process& self, pid controller, term request) {
  const destination to{controller};
  const auto answer = co_await call(self, to, std::move(request), patience);
  co_return answer ? *answer : term{};
}

term services() { return etf::tuple("kernel"_atom, characters("services of the node"), characters(ERGO_VERSION)); }

task<term> described(process& self) {
  auto asking = running_applications(self);
  const auto all = co_await std::move(asking);
  std::vector<term> shown;
  for (const auto& one : all) shown.push_back(one.described);
  co_return etf::make_list(shown);
}

}  // namespace

task<std::vector<running_application>> running_applications(process& self) {
  std::vector<running_application> found;
  const auto controller = self.node().whereis("application_controller"_atom);
  if (controller) {
    auto asking = ask_controller(self, *controller, "which_applications"_atom);
    const auto known = co_await std::move(asking);
    for (const auto& one : known.items()) {
      if (!one.is_tuple(3)) continue;
      auto asking_root = ask_controller(self, *controller, etf::tuple("get_master"_atom, one.elements()[0]));
      const auto answer = co_await std::move(asking_root);
      if (const auto root = answer.as_pid()) found.push_back({*root, one});
    }
  }
  if (const auto own = self.node().whereis("kernel_sup"_atom)) found.push_back({*own, services()});
  co_return found;
}

void add_application_builtins(function_table& to) {
  shelf{to, "application", right::observe}
      .add("which_applications", [](process& self) { return described(self); })
      .add("which_applications", [](process& self, const term& /*timeout*/) { return described(self); })
      .add("loaded_applications", [](process& self) { return described(self); })
      .add("get_all_env", [](atom /*application*/) { return term{}; })
      .add("get_key", [](atom /*application*/, atom /*key*/) { return "undefined"_atom; })
      .add("get_env", [](atom /*application*/, atom /*key*/) { return "undefined"_atom; })
      .add("get_env", [](atom /*application*/, atom /*key*/, const term& otherwise) { return otherwise; });
  shelf{to, "init", right::observe}
      .add("get_argument", [](atom /*flag*/) { return "error"_atom; })
      .add("get_arguments", [] { return term{}; })
      .add("get_plain_arguments", [] { return term{}; })
      .add("get_status", [] { return etf::tuple("started"_atom, "started"_atom); });
}

}  // namespace ergo::inline v0::detail
