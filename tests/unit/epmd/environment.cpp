// ERL_EPMD_PORT, ERL_EPMD_ADDRESS and ERL_EPMD_RELAXED_COMMAND_CHECK.
#include "ergo/epmd/environment.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <optional>
#include <string>

using namespace ergo::epmd;

namespace {

/// Sets or clears a variable, and restores it.
class variable {
 public:
  variable(const char* name, const char* value) : name_{name} {
    if (const char* old = std::getenv(name)) old_ = old;
    value ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("Without variables the port mapper is at port 4369 and strict") {
  const variable port{"ERL_EPMD_PORT", nullptr}, address{"ERL_EPMD_ADDRESS", nullptr},
      relaxed{"ERL_EPMD_RELAXED_COMMAND_CHECK", nullptr};
  const auto read = read_environment();
  REQUIRE(read);
  CHECK(read->port == 4369);
  CHECK(read->addresses.empty());
  CHECK(read->check == command_check::strict);
}

TEST_CASE("The variables of Erlang's port mapper are understood") {
  const variable port{"ERL_EPMD_PORT", "5000"}, address{"ERL_EPMD_ADDRESS", "10.0.0.1,::1"},
      relaxed{"ERL_EPMD_RELAXED_COMMAND_CHECK", ""};
  const auto read = read_environment();
  REQUIRE(read);
  CHECK(read->port == 5000);
  CHECK(read->addresses == "10.0.0.1,::1");
  CHECK(read->check == command_check::relaxed);
}

TEST_CASE("A port that is no port is an error") {
  for (const auto* text : {"", "0", "65536", "-1", "12x", "x", " 1"}) {
    CAPTURE(text);
    const variable port{"ERL_EPMD_PORT", text};
    CHECK(read_environment().error() == errc::bad_environment);
  }
}
