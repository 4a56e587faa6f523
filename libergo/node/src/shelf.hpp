// Adding natively answered functions of Erlang's modules, module by module.
#pragma once

#include "functions.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace ergo::inline v0::detail {

/// Adds functions of one module that need one right.
class shelf {
 public:
  shelf(function_table& into, std::string_view module, right needed) noexcept
      : table_{into}, module_{atom::of(module)}, needed_{needed} {}

  template <typename Callable>
  const shelf& add(std::string_view name, Callable body) const {
    (void)table_.add({module_, atom::of(name), arity_of<Callable>}, erase_function(std::move(body)), needed_);
    return *this;
  }

 private:
  function_table& table_;
  atom module_;
  right needed_;
};

/// A list of characters, as most of Erlang's texts are.
[[nodiscard]] inline term characters(std::string_view ascii) {
  std::vector<term> made;
  for (const char one : ascii) made.emplace_back(static_cast<std::int64_t>(one));
  return etf::make_list(made);
}

[[nodiscard]] inline term list_of(const auto& values) {
  std::vector<term> made;
  for (const auto& one : values) made.emplace_back(one);
  return etf::make_list(made);
}

}  // namespace ergo::inline v0::detail
