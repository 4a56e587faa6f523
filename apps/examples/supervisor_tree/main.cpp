// A tree of supervisors that is plain data, and what happens in it when processes end.
//
//   shop (one_for_one)
//   ├── stock          permanent: always there again
//   ├── tills (rest_for_one)
//   │   ├── drawer     when it ends, what was started after it is started again, too
//   │   └── printer
//   └── inventory      temporary: runs once, and is gone
#include <ergo/etf/text.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/otp/supervisor.hpp>
#include <ergo/otp/sys.hpp>

#include <iostream>
#include <string>

using namespace ergo::literals;
using namespace std::chrono_literals;
namespace otp = ergo::otp;

namespace {

/// Says when it comes and goes, and ends when it is told to.
class worker {
 public:
  explicit worker(std::string name) : name_{std::move(name)} { std::cout << name_ << " starts" << std::endl; }
  void terminate(const ergo::exit_reason& reason) {
    std::cout << name_ << " ends: " << ergo::etf::to_text(reason.value()) << std::endl;
  }
  std::string ask() { return name_; }
  otp::result fail() { return otp::stop("jammed"_atom); }

  static constexpr auto calls = otp::on(otp::match<"ask">(&worker::ask));
  static constexpr auto casts = otp::on(otp::match<"fail">(&worker::fail));

 private:
  std::string name_;
};

/// A worker that is registered under its id, and traps exits, so that it sees its supervisor stop it.
otp::child_spec worker_called(ergo::atom id) {
  auto child = otp::child<worker>(id, std::string{id.text()});
  child.options.trap_exits = true;
  return std::move(child).registered();
}

otp::supervisor_spec shop() {
  otp::supervisor_spec tills;
  tills.strategy = otp::strategy::rest_for_one;
  tills.children.push_back(worker_called("drawer"_atom));
  tills.children.push_back(worker_called("printer"_atom));

  otp::supervisor_spec tree;
  tree.intensity = 3;  // restarts within …
  tree.period = 10s;   // … this time are borne; one more ends the shop
  tree.children.push_back(worker_called("stock"_atom));
  tree.children.push_back(otp::child_supervisor("tills"_atom, tills).registered());
  tree.children.push_back(worker_called("inventory"_atom).restarted(otp::restart::temporary));
  return tree;
}

/// Makes a worker fail, and waits until it has ended.
ergo::task<> break_down(ergo::process& self, ergo::atom name) {
  std::cout << "-- " << name.text() << " fails" << std::endl;
  const auto watch = self.monitor(name);
  otp::cast(self, name, "fail"_atom);
  const auto down = co_await self.receive<ergo::down>();
  if (down->ref != watch.ref) self.exit("unexpected"_atom);
}

/// Waits until a worker answers again, and its supervisor has done all that the end of that one means.
ergo::task<> come_back(ergo::process& self, ergo::atom name, ergo::atom supervisor) {
  for (;;) {
    const auto answer = co_await otp::call(self, name, "ask"_atom);
    if (answer) break;
    co_await self.yield();
  }
  (void)co_await otp::count_children(self, supervisor);
}

ergo::task<> day(ergo::process& self) {
  otp::start_options named;
  named.name = "shop"_atom;
  const auto tree = shop();
  const auto root = co_await otp::start_link<otp::supervisor>(self, named, tree);
  if (!root) self.exit(ergo::exit_reason::from(root.error()));

  co_await break_down(self, "stock"_atom);  // started again alone
  co_await come_back(self, "stock"_atom, "shop"_atom);
  co_await break_down(self, "drawer"_atom);  // the printer is stopped and started with it
  co_await come_back(self, "drawer"_atom, "tills"_atom);
  co_await break_down(self, "inventory"_atom);  // not started again
  auto counts = co_await otp::count_children(self, *root);
  while (counts->workers > 1) counts = co_await otp::count_children(self, *root);

  std::cout << "-- the shop has " << counts->workers << " worker and " << counts->supervisors << " supervisor"
            << std::endl;
  std::cout << "-- the shop closes" << std::endl;
  (void)co_await otp::stop(self, *root, "shutdown"_atom);  // children are stopped in reverse order
}

}  // namespace

int main() {
  ergo::runtime runtime;
  const auto life = runtime.spawn(runtime.anonymous(), day);
  return life && runtime.wait(*life, 30s) ? 0 : 1;
}
