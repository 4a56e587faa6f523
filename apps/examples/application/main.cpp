// A café that needs a pantry: two applications with parameters from a file, started in order, stopped in reverse.
//
//   ergo-example-application cafe.config
#include <ergo/otp/application.hpp>

#include <iostream>

using namespace ergo::literals;
using namespace std::chrono_literals;
namespace otp = ergo::otp;

namespace {

class shelf {
 public:
  explicit shelf(ergo::process& self)
      : beans_{otp::application::get_env<std::int64_t>(self, "beans"_atom).value_or(0)} {
    self.trap_exits(ergo::exits::trapped);
    std::cout << "pantry: " << beans_ << " beans" << std::endl;
  }
  std::int64_t take() { return --beans_; }
  void terminate() const { std::cout << "pantry: " << beans_ << " beans are left" << std::endl; }

  static constexpr auto calls = otp::on(otp::match<"take">(&shelf::take));

 private:
  std::int64_t beans_;
};

class waiter {
 public:
  ergo::task<otp::result> handle_call(ergo::process& self, const ergo::term& /*order*/) {
    const auto left = co_await otp::call<std::int64_t>(self, "shelf"_atom, "take"_atom);
    co_return left ? otp::reply(*left) : otp::reply("closed"_atom);
  }
};

/// The code of the application `cafe`; `pantry` needs none but its tree.
class cafe {
 public:
  otp::supervisor_spec start(ergo::process& self) {
    name_ = otp::application::get_env<std::string>(self, "name"_atom).value_or("nameless");
    const auto waiters = otp::application::get_env<int>(self, "waiters"_atom).value_or(1);
    otp::supervisor_spec staff;
    for (int number = 1; number <= waiters; ++number) {
      staff.children.push_back(otp::child<waiter>(ergo::atom::of("waiter" + std::to_string(number))).registered());
    }
    std::cout << "cafe: opens as " << name_ << " with " << waiters << " waiters" << std::endl;
    return staff;
  }
  static void prep_stop() { std::cout << "cafe: last orders" << std::endl; }
  static void stop() { std::cout << "cafe: closed" << std::endl; }

 private:
  std::string name_;
};

otp::application_options house(const char* file) {
  otp::supervisor_spec storage;
  storage.children.push_back(otp::child<shelf>("shelf"_atom).registered());
  otp::application_options options;
  options.known.push_back(otp::application::tree("pantry"_atom, storage));
  options.known.push_back(otp::application::spec<cafe>("cafe"_atom));
  options.known.back().applications = {"pantry"_atom};
  options.config.emplace_back(file);
  return options;
}

int fail(const ergo::error& why) {
  std::cerr << "ergo-example-application: " << why.message() << '\n';
  return 1;
}

int run(const char* file) {
  ergo::runtime runtime;
  auto& here = runtime.anonymous();
  const auto controller = otp::application::start_controller(here, house(file));
  if (!controller) return fail(controller.error());
  const auto started = otp::application::ensure_all_started(here, "cafe"_atom);
  if (!started) return fail(started.error());

  std::cout << "running:";
  const auto running = otp::application::which_applications(here);
  for (const auto& one : *running) std::cout << ' ' << one.name.text();
  std::cout << std::endl;

  std::int64_t left = 0;
  int served = 0;
  for (const auto customer : {"waiter1"_atom, "waiter2"_atom, "waiter1"_atom}) {
    left = otp::call<std::int64_t>(here, customer, "coffee"_atom).value_or(left);
    ++served;
  }
  std::cout << "served: " << served << ", left: " << left << " beans" << std::endl;
  runtime.stop(10s);  // the applications first, last started first
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return run(argv[1]);
  std::cerr << "usage: ergo-example-application FILE.config\n";
  return 1;
}
