// refused: name the request first
#include <ergo/otp/gen_server.hpp>
struct deposit {
  std::string account;
};
BOOST_DESCRIBE_STRUCT(deposit, (), (account))
ergo::task<> ask(ergo::process& self, ergo::pid server) {
  auto answer = co_await ergo::otp::call(self, server, deposit{"an account with a long name"});
}
