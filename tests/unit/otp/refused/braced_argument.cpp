// refused: name the arguments first
#include <ergo/otp/start.hpp>
struct settings {
  std::string name;
};
struct server {
  explicit server(settings) {}
};
ergo::task<> run(ergo::process& self) {
  auto started = co_await ergo::otp::start<server>(self, {}, settings{"a long name of a server"});
}
