// A variable of the environment for one scope.
#pragma once

#include <cstdlib>

namespace ergo::test {

class setting {
 public:
  setting(const char* variable, const char* value) : variable_{variable} { ::setenv(variable, value, 1); }
  ~setting() { ::unsetenv(variable_); }
  setting(const setting&) = delete;
  setting& operator=(const setting&) = delete;

 private:
  const char* variable_;
};

}  // namespace ergo::test
