// Functions that other nodes may call by module, name and arity, made of any C++ callable.
#pragma once

#include <ergo/etf/convert.hpp>
#include <ergo/process.hpp>

#include <concepts>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ergo::inline v0 {

/// A function in the one shape that a node keeps: called with a proper list, in a process of its own, which it may
/// suspend. Called by several processes at once.
using remote_function = std::function<task<result<term>>(process& self, term arguments)>;

namespace detail {

template <typename Result, typename... Parameter>
struct signature {
  using result = Result;
  using parameters = std::tuple<std::remove_cvref_t<Parameter>...>;
};

template <typename Callable>
struct signature_of : signature_of<decltype(&Callable::operator())> {};
template <typename Result, typename... Parameter>
struct signature_of<Result (*)(Parameter...)> : signature<Result, Parameter...> {};
template <typename Result, typename... Parameter>
struct signature_of<Result (*)(Parameter...) noexcept> : signature<Result, Parameter...> {};
template <typename Class, typename Result, typename... Parameter>
struct signature_of<Result (Class::*)(Parameter...) const> : signature<Result, Parameter...> {};
template <typename Class, typename Result, typename... Parameter>
struct signature_of<Result (Class::*)(Parameter...) const noexcept> : signature<Result, Parameter...> {};
template <typename Class, typename Result, typename... Parameter>
struct signature_of<Result (Class::*)(Parameter...)> {
  static_assert(!sizeof(Class*),
                "ergo: a provided function is called by several processes at once, so it must be callable as const");
};

/// The parameters without a leading `process&`.
template <typename Parameters>
struct split_parameters {
  static constexpr bool takes_process = false;
  using values = Parameters;
};
template <typename... Rest>
struct split_parameters<std::tuple<process, Rest...>> {
  static constexpr bool takes_process = true;
  using values = std::tuple<Rest...>;
};

template <typename Callable>
using parameters_of = split_parameters<typename signature_of<Callable>::parameters>;

/// Whether a callable takes its arguments as they are, instead of converted.
template <typename Callable>
inline constexpr bool takes_terms =
    std::same_as<typename parameters_of<Callable>::values, std::tuple<std::span<const term>>>;

template <typename T>
inline constexpr bool is_task = false;
template <typename T>
inline constexpr bool is_task<task<T>> = true;

template <typename T>
inline constexpr bool is_result = false;
template <typename T>
inline constexpr bool is_result<result<T>> = true;

/// What a function gave, as the caller sees it: an ergo::result is a value or an error, everything else a value.
template <typename T>
[[nodiscard]] result<term> as_outcome(const T& given) {
  if constexpr (!is_result<T>) {
    return as_term(given);
  } else {
    if (!given) return std::unexpected{given.error()};
    if constexpr (std::is_void_v<typename T::value_type>) {
      return term{"ok"_atom};
    } else {
      return as_term(*given);
    }
  }
}

template <typename T>
[[nodiscard]] bool read_argument(std::optional<T>& into, const term& given) {
  auto converted = etf::from_term<T>(given);
  if (converted) into.emplace(*std::move(converted));
  return into.has_value();
}

/// The parameters of a typed function, read from terms.
template <typename Values>
struct argument_pack;
template <typename... Value>
struct argument_pack<std::tuple<Value...>> {
  std::tuple<std::optional<Value>...> values;

  [[nodiscard]] bool read(std::span<const term> given) { return read(given, std::index_sequence_for<Value...>{}); }
  template <typename Body>
  decltype(auto) apply_to(const Body& body, process& self) {
    return std::apply(
        [&](std::optional<Value>&... value) -> decltype(auto) {
          if constexpr (parameters_of<Body>::takes_process) {
            return body(self, *value...);
          } else {
            return body(*value...);
          }
        },
        values);
  }

 private:
  template <std::size_t... Index>
  [[nodiscard]] bool read(std::span<const term> given, std::index_sequence<Index...> /*all*/) {
    return given.size() == sizeof...(Index) && (read_argument(std::get<Index>(values), given[Index]) && ...);
  }
};

/// The same for a function that takes them as they are.
struct term_pack {
  std::span<const term> values;

  template <typename Body>
  decltype(auto) apply_to(const Body& body, process& self) {
    if constexpr (parameters_of<Body>::takes_process) {
      return body(self, values);
    } else {
      return body(values);
    }
  }
};

/// Calls `body` and gives its outcome. What it refers to lives in this frame: the callable and the arguments.
template <typename Body, typename Pack>
task<result<term>> call_with(process& self, const Body& body, Pack& pack) {
  using given = typename signature_of<Body>::result;
  if constexpr (is_task<given>) {
    auto work = pack.apply_to(body, self);
    if constexpr (std::is_void_v<typename given::value_type>) {
      co_await std::move(work);
      co_return term{"ok"_atom};
    } else {
      auto value = co_await std::move(work);
      co_return as_outcome(value);
    }
  } else if constexpr (std::is_void_v<given>) {
    pack.apply_to(body, self);
    co_return term{"ok"_atom};
  } else {
    co_return as_outcome(pack.apply_to(body, self));
  }
}

template <typename Body>
task<result<term>> call_provided(process& self, std::shared_ptr<const Body> body, term arguments) {
  if constexpr (takes_terms<Body>) {
    term_pack pack{arguments.items()};
    auto work = call_with(self, *body, pack);
    co_return co_await std::move(work);
  } else {
    argument_pack<typename parameters_of<Body>::values> pack;
    if (!pack.read(arguments.items())) co_return fail(errc::badarg);
    auto work = call_with(self, *body, pack);
    co_return co_await std::move(work);
  }
}

/// Puts a callable into the shape of a remote function.
template <typename Callable>
[[nodiscard]] remote_function erase_function(Callable callable) {
  auto held = std::make_shared<const Callable>(std::move(callable));
  return [held = std::move(held)](process& self, term arguments) {
    return call_provided(self, held, std::move(arguments));
  };
}

}  // namespace detail

/// How many arguments a typed function takes from its caller.
template <typename Callable>
inline constexpr std::size_t arity_of = std::tuple_size_v<typename detail::parameters_of<Callable>::values>;

/// A function that a node provides: gives it back to `node::revoke`. Dropping it leaves the function as it is.
///
/// Move-only. After a revocation by name it revokes nothing, also if another function has that name by then.
class provided_function {
 public:
  provided_function(atom module, atom function, std::size_t arity, std::uint64_t id) noexcept
      : module_{module}, function_{function}, arity_{arity}, id_{id} {}
  provided_function(provided_function&& other) noexcept
      : module_{other.module_}, function_{other.function_}, arity_{other.arity_}, id_{std::exchange(other.id_, 0)} {}
  provided_function& operator=(provided_function&& other) noexcept {
    module_ = other.module_;
    function_ = other.function_;
    arity_ = other.arity_;
    id_ = std::exchange(other.id_, 0);
    return *this;
  }
  ~provided_function() = default;

  [[nodiscard]] atom module() const noexcept { return module_; }
  [[nodiscard]] atom function() const noexcept { return function_; }
  [[nodiscard]] std::size_t arity() const noexcept { return arity_; }
  /// Unique in its node; 0 once it was moved from.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

 private:
  atom module_;
  atom function_;
  std::size_t arity_;
  std::uint64_t id_;
};

}  // namespace ergo::inline v0
