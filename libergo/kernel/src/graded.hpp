// Functions that know the rights of whoever calls them.
#pragma once

#include <ergo/node.hpp>

#include <vector>

namespace ergo::inline v0::kernel::detail {

/// One function for each set of rights, `body(self, held, arguments)`: a function cannot ask who calls it, and what a
/// caller has is found before any smaller set.
template <typename Body>
[[nodiscard]] std::vector<graded_function> for_each_right(const Body& body) {
  std::vector<graded_function> grades;
  for (int bits = static_cast<int>(right::all); bits >= 0; --bits) {
    const auto held = static_cast<right>(bits);
    graded_function grade;
    grade.needed = held;
    grade.body = [body, held](process& self, const term& arguments) { return body(self, held, arguments); };
    grades.push_back(std::move(grade));
  }
  return grades;
}

}  // namespace ergo::inline v0::kernel::detail
