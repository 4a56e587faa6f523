// Tables of handlers: which member function gets which message, checked at compile time and found by tag at run time.
//
//   static constexpr auto calls = otp::on(otp::match<deposit>(&bank::make_deposit),
//   otp::match<"balance">(&bank::balance));
//
// A table stands in the public part of the class, below the functions it names.
#pragma once

#include <ergo/etf/convert.hpp>
#include <ergo/message.hpp>

#include <concepts>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ergo::inline v0::otp {
namespace detail {

template <typename T>
inline constexpr bool is_envelope =
    std::same_as<T, down> || std::same_as<T, exit_message> || std::same_as<T, node_up> || std::same_as<T, node_down>;

/// A handler of messages that convert to `Message`.
template <typename Message, typename Function>
struct typed_handler {
  static_assert(
      std::same_as<Message, term> || is_envelope<Message> || etf::convertible_from_term<Message>,
      "ergo::otp::match<T>: T must be a type that a term converts to: describe it with BOOST_DESCRIBE_STRUCT");
  Function function;

  /// Calls `use(message)` if `received` is one; false otherwise.
  template <typename Use>
  bool try_use(const message& received, Use use) const {
    if constexpr (std::same_as<Message, term>) {
      use(received.payload());
    } else if constexpr (is_envelope<Message>) {
      auto read = received.as<Message>();
      if (!read) return false;
      use(*std::move(read));
    } else {
      if (!etf::matches<Message>(received.payload())) return false;
      auto read = etf::from_term<Message>(received.payload());
      if (!read) return false;
      use(*std::move(read));
    }
    return true;
  }
};

/// A handler of an atom, or of a tuple `{Tag, Argument...}` whose elements it takes as parameters.
template <etf::detail::literal Tag, typename Function, typename... Argument>
struct tagged_handler {
  static_assert((etf::convertible_from_term<Argument> && ...),
                "ergo::otp::match<\"tag\", T...>: each T must be a type that a term converts to");
  Function function;

  template <typename Use>
  bool try_use(const message& received, Use use) const {
    if constexpr (sizeof...(Argument) == 0) {
      if (!received.payload().is(etf::detail::literal_atom<Tag>())) return false;
      use();
      return true;
    } else {
      if (!etf::is_tagged(received.payload(), etf::detail::literal_atom<Tag>(), sizeof...(Argument) + 1)) return false;
      return read_all(received.payload().elements(), use, std::index_sequence_for<Argument...>{});
    }
  }

 private:
  template <typename Use, std::size_t... Index>
  static bool read_all(std::span<const term> elements, Use& use, std::index_sequence<Index...> /*indices*/) {
    auto read = std::tuple{etf::from_term<Argument>(elements[Index + 1])...};
    if (!(std::get<Index>(read).has_value() && ...)) return false;
    use(*std::move(std::get<Index>(read))...);
    return true;
  }
};

template <typename... Handler>
struct handler_table {
  std::tuple<Handler...> handlers;

  /// Gives `received` to the first handler that takes it: calls `use(handler.function, arguments...)`.
  template <typename Use>
  bool dispatch(const message& received, Use& use) const {
    return dispatch_from<0>(received, use);
  }

 private:
  template <std::size_t Index, typename Use>
  bool dispatch_from([[maybe_unused]] const message& received, [[maybe_unused]] Use& use) const {
    if constexpr (Index == sizeof...(Handler)) {
      return false;
    } else {
      const auto& handler = std::get<Index>(handlers);
      const bool used = handler.try_use(
          received, [&]<typename... Read>(Read&&... read) { use(handler.function, std::forward<Read>(read)...); });
      return used || dispatch_from<Index + 1>(received, use);
    }
  }
};

template <typename T>
inline constexpr bool is_handler_table = false;
template <typename... Handler>
inline constexpr bool is_handler_table<handler_table<Handler...>> = true;

}  // namespace detail

/// Gives messages of type `Message` to `function`; of several entries that fit, the first gets the message.
///
/// `function` is a member function, or a static one or other callable that takes the server first. Its parameters, each
/// may be left out: `ergo::process&`, `const Message&`, `const otp::from&` (calls only), in this order. It may be a
/// coroutine. In `infos`, `Message` may also be `down`, `exit_message`, `node_up` or `node_down`. `term` takes
/// everything.
template <typename Message, typename Function>
[[nodiscard]] consteval auto match(Function function) {
  return detail::typed_handler<Message, Function>{function};
}
/// Gives the atom `Tag` to `function`; or, with arguments, tuples `{Tag, Argument...}`, the elements as parameters.
template <etf::detail::literal Tag, typename... Argument, typename Function>
[[nodiscard]] consteval auto match(Function function) {
  return detail::tagged_handler<Tag, Function, Argument...>{function};
}

/// Puts entries made by `match` into a table for a server's `calls`, `casts` or `infos`.
template <typename... Handler>
[[nodiscard]] consteval auto on(Handler... handler) {
  return detail::handler_table<Handler...>{std::tuple<Handler...>{handler...}};
}

}  // namespace ergo::inline v0::otp
