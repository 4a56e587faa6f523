// refused: the body takes .process&, otp::init_ack, arguments of start
#include <ergo/otp/proc_lib.hpp>
ergo::task<> wrong(ergo::process& self, int port);
auto started(ergo::process& self) { return ergo::otp::proc_lib::start(self, {}, wrong, 80); }
