// Start functions by module, function and arity: what a child specification written by Erlang may name.
#pragma once

#include <ergo/etf/convert.hpp>
#include <ergo/otp/supervisor.hpp>

#include <shared_mutex>
#include <tuple>
#include <unordered_map>

namespace ergo::inline v0::otp {
namespace detail {

/// Starts `body` linked to `self`; `ignored` is no failure here.
[[nodiscard]] task<ergo::result<started_child>> start_linked(process& self, start_options options,
                                                             std::unique_ptr<behaviour> body);

/// The failure of a start function that does not take its arguments: `{'EXIT', {function_clause, []}}`.
[[nodiscard]] error no_such_arguments();

template <typename Server, typename... Argument, std::size_t... Index>
[[nodiscard]] std::unique_ptr<behaviour> make_of_terms(std::span<const term> given,
                                                       std::index_sequence<Index...> /*all*/) {
  if (given.size() != sizeof...(Argument)) return nullptr;
  [[maybe_unused]] auto read = std::tuple{etf::from_term<Argument>(given[Index])...};
  if (!(std::get<Index>(read).has_value() && ...)) return nullptr;
  return make_server<Server, Argument...>(*std::move(std::get<Index>(read))...);
}

template <typename Server, typename... Argument>
task<ergo::result<started_child>> start_of_terms(process& self, start_options options, term arguments) {
  auto body = make_of_terms<Server, Argument...>(arguments.items(), std::index_sequence_for<Argument...>{});
  if (!body) co_return std::unexpected{no_such_arguments()};
  auto starting = start_linked(self, options, std::move(body));
  auto started = co_await std::move(starting);
  co_return started;
}

}  // namespace detail

/// The function that starts a server of class `Server`, whose arguments are read from terms.
///
/// One that does not take its arguments fails the start with `{'EXIT', {function_clause, []}}`.
template <server Server, typename... Argument>
[[nodiscard]] start_function starter(start_options options = {}) {
  return [options](process& self, term arguments) {
    return detail::start_of_terms<Server, Argument...>(self, options, std::move(arguments));
  };
}

/// The child of a `simple_one_for_one` whose children are servers of class `Server`, made with the arguments that
/// `start_child` gives for each.
template <server Server, typename... Argument>
[[nodiscard]] child_spec child_template(const term& id, const start_options& options = {}) {
  child_spec made;
  made.id = id;
  made.start = starter<Server, Argument...>(options);
  made.modules = etf::list(etf::detail::source_atom<detail::server_name_source<Server>>());
  return made;
}

/// What supervisors find under `{M, F, Args}`. Any thread; shared by the supervisors that it is given to.
class start_functions {
 public:
  /// Adds a function; fails with `already_present`.
  ergo::result<void> add(atom module, atom function, std::size_t arity, start_function body);
  /// Adds `start_link` of a server of class `Server` whose arguments are read from terms.
  template <server Server, typename... Argument>
  ergo::result<void> add_server(atom module, const start_options& options = {}) {
    return add(module, "start_link"_atom, sizeof...(Argument), starter<Server, Argument...>(options));
  }
  /// Takes a function out; false when there is none. Children that it has started run on.
  bool remove(atom module, atom function, std::size_t arity);
  /// The function of that name, or null.
  [[nodiscard]] std::shared_ptr<const start_function> find(atom module, atom function, std::size_t arity) const;

 private:
  struct name {
    atom module;
    atom function;
    std::size_t arity = 0;
    friend bool operator==(const name&, const name&) = default;
  };
  struct name_hash {
    std::size_t operator()(const name& of) const noexcept {
      return (std::hash<atom>{}(of.module) * 31 + std::hash<atom>{}(of.function)) * 31 + of.arity;
    }
  };

  mutable std::shared_mutex mutex_;
  std::unordered_map<name, std::shared_ptr<const start_function>, name_hash> functions_;
};

}  // namespace ergo::inline v0::otp
