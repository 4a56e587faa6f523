// A node with something to see for Erlang's observer: a tree of supervised servers, of which one works, one has a queue
// that it never empties, and all have states, links and names.
//
//   ergo-example-observer
//   erl -sname me@localhost -hidden -run observer
//
// Then choose Nodes → Connect Node → watched@localhost. `observer_cli`, `etop` and `recon` look at it in the same way.
#include <ergo/kernel.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/otp/supervisor.hpp>

#include <boost/describe.hpp>

#include <cstdint>
#include <iostream>
#include <string>

using namespace ergo::literals;
using namespace std::chrono_literals;
namespace otp = ergo::otp;

namespace {

/// Counts ten times a second; its page shows the present number as its state.
class clockwork {
 public:
  void init(ergo::process& self) { tick(self); }
  void tick(ergo::process& self) {
    ++ticks_;
    self.send_after(100ms, self.id(), "tick"_atom);
  }
  static constexpr auto infos = otp::on(otp::match<"tick">(&clockwork::tick));

 private:
  BOOST_DESCRIBE_CLASS(clockwork, (), (), (), (ticks_))
  std::int64_t ticks_ = 0;
};

/// Never takes the letters out that it is sent: a long queue on the page of processes.
ergo::task<> full_letter_box(ergo::process& self) {
  for (std::int64_t number = 1; number <= 1'000; ++number)
    self.send(self.id(), ergo::etf::tuple("letter"_atom, number));
  (void)co_await self.receive<ergo::down>();
}

/// Watches the clock and the letter box: links and monitors to see.
class keeper {
 public:
  void init(ergo::process& self) {
    (void)self.monitor("clock"_atom);
    (void)self.monitor("letter_box"_atom);
  }
};

otp::supervisor_spec house() {
  otp::supervisor_spec rooms;
  rooms.children.push_back(otp::child<clockwork>("clock"_atom).registered());
  rooms.children.push_back(otp::child_process("letter_box"_atom, full_letter_box).registered());

  otp::supervisor_spec all;
  all.children.push_back(otp::child_supervisor("rooms"_atom, rooms).registered());
  all.children.push_back(otp::child<keeper>("keeper"_atom).registered());
  return all;
}

}  // namespace

int main() {
  ergo::node_options options;
  options.name = "watched@localhost";
  const auto node = ergo::kernel::start(options);
  if (!node) {
    std::cerr << node.error().message() << '\n';
    return 1;
  }
  otp::start_options named;
  named.name = "house"_atom;
  const auto started = otp::start<otp::supervisor>((*node)->local(), named, house());
  if (!started) {
    std::cerr << started.error().message() << '\n';
    return 1;
  }
  std::cout << "watched@localhost is ready" << std::endl;
  (*node)->run_until_signal();
}
