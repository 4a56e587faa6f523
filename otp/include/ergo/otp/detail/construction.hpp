// How the object of a behaviour's class comes to be from the arguments that it is started with.
#pragma once

#include <ergo/otp/detail/callbacks.hpp>

#include <concepts>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp::detail {

/// `Callbacks` with the arguments of start: constructs the object in its own process and calls its `init`.
///
/// `Callbacks` keeps the object in `object_` (an optional), says by `has_init` whether it has an `init` at all, and
/// calls that in `use_init` with the parts it is given.
template <typename Callbacks, typename Class, typename... Argument>
class constructed : public Callbacks {
  static constexpr bool init_takes_arguments =
      Callbacks::has_init && std::default_initializable<Class> &&
      (std::invocable<call_init, Class&, process&, Argument...> || std::invocable<call_init, Class&, Argument...>);
  static constexpr bool made_with_self = std::constructible_from<Class, process&, Argument...>;
  static constexpr bool made_without_self = std::constructible_from<Class, Argument...>;

  static_assert(
      init_takes_arguments || made_with_self || made_without_self,
      "ergo::otp: these arguments fit neither init(process&, …) with a default constructor, nor a constructor "
      "(process&, …), each with or without process&");
  static_assert(!Callbacks::has_init || init_takes_arguments || takes_nothing<call_init, Class>,
                "ergo::otp: init must be public and take (process&, arguments of start…)");

 public:
  explicit constructed(Argument... argument) : arguments_{std::move(argument)...} {}

  [[nodiscard]] term initial_call() const override {
    return etf::tuple(this->server_name(), "init"_atom, sizeof...(Argument));
  }

 private:
  void on_init(process& self) override {
    std::apply(
        [&](Argument&... argument) {
          if constexpr (init_takes_arguments) {
            this->object_.emplace();
            this->use_init(self, std::move(argument)...);
          } else {
            if constexpr (made_with_self) {
              this->object_.emplace(self, std::move(argument)...);
            } else {
              this->object_.emplace(std::move(argument)...);
            }
            this->use_init(self);
          }
        },
        arguments_);
  }

  [[no_unique_address]] std::tuple<Argument...> arguments_;
};

}  // namespace ergo::inline v0::otp::detail
