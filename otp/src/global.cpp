// What processes ask the name server of their node, and read without asking it.
#include <ergo/otp/global.hpp>

#include "global/directory.hpp"
#include "global/server.hpp"

#include <ergo/otp/outside.hpp>

namespace ergo::inline v0::otp {
namespace global {
namespace {

using global_detail::directory;
using global_detail::name_server;
using global_detail::server_name;

template <typename T>
typed_call<T> ask(process& self, term request) {
  return typed_call<T>{self, destination{server_name()}, std::move(request), forever};
}

template <typename T>
typed_call<T> ask_registrar(process& self, const term& request) {
  return ask<T>(self, etf::tuple("registrar"_atom, request));
}

}  // namespace

start_awaiter start_link(process& self, const options& chosen) {
  return start_awaiter{self, {.name = server_name()}, tie::link, make_server<name_server>(chosen)};
}

ergo::result<pid> start(local_node& on, const options& chosen) {
  return otp::detail::start_and_wait(on, {.name = server_name()}, make_server<name_server>(chosen));
}

// What the servers that follow each other share tells a start from one after another server's end.
child_spec child(const options& chosen) {
  const auto begun = std::make_shared<std::atomic<bool>>(false);
  return otp::child<name_server>(term{server_name()}, chosen, begun).registered();
}

method method::exit_one() { return function("global"_atom, "random_exit_name"_atom); }
method method::notify_one() { return function("global"_atom, "random_notify_name"_atom); }
method method::notify_all() { return function("global"_atom, "notify_all_name"_atom); }
method method::function(atom module, atom name) { return method{etf::external_fun(module, name, 3)}; }

typed_call<answer> register_name(process& self, const global_name& name, const pid& who, const method& conflict) {
  return ask_registrar<answer>(self, etf::tuple("register"_atom, name.value(), who, conflict.value()));
}

typed_call<answer> re_register_name(process& self, const global_name& name, const pid& who, const method& conflict) {
  return ask_registrar<answer>(self, etf::tuple("re_register"_atom, name.value(), who, conflict.value()));
}

typed_call<void> unregister_name(process& self, const global_name& name) {
  return ask_registrar<void>(self, etf::tuple("unregister"_atom, name.value()));
}

task<result> claim(process& self, global_name name, method conflict) {
  const auto given = co_await register_name(self, name, self.id(), conflict);
  if (!given) self.exit(exit_reason::from(given.error()));
  if (*given == answer::yes) co_return result{};
  const auto other = whereis_name(self, name);
  co_return refuse(other ? etf::tuple("already_started"_atom, *other) : term{"already_started"_atom});
}

typed_call<void> sync(process& self) {
  return ask<void>(self, etf::tuple("sync"_atom, global_detail::node_list(self.node().connected().list())));
}

std::optional<pid> whereis_name(const local_node& here, const global_name& name) {
  const auto known = directory::of(here);
  return known ? known->find(name.value()) : std::nullopt;
}

std::optional<pid> whereis_name(const process& self, const global_name& name) {
  return whereis_name(self.node(), name);
}

std::vector<term> registered_names(const local_node& here) {
  std::vector<term> all;
  const auto known = directory::of(here);
  if (!known) return all;
  for (const auto& [name, process] : known->all()) all.push_back(name);
  return all;
}

typed_call<names> follow(process& self) { return ask<names>(self, term{"follow_names"_atom}); }

typed_call<bool> unfollow(process& self, const reference& what) {
  return ask<bool>(self, etf::tuple("unfollow_names"_atom, what));
}

namespace {

class names_of_cluster final : public name_service {
 public:
  [[nodiscard]] task<ergo::result<bool>> claim(process& self, term name) const override {
    const global_name wanted{name};
    const auto given = co_await register_name(self, wanted, self.id());
    if (!given) co_return std::unexpected{given.error()};
    co_return *given == answer::yes;
  }
  [[nodiscard]] std::optional<pid> find(const local_node& here, const term& name) const override {
    return whereis_name(here, global_name{name});
  }
};

}  // namespace

const name_service& service() noexcept {
  static const names_of_cluster instance;
  return instance;
}

destination resolve(const process& self, const global_name& name) {
  const auto found = whereis_name(self, name);
  if (!found) return destination{atom{}};
  return destination{*found};
}

}  // namespace global
}  // namespace ergo::inline v0::otp
