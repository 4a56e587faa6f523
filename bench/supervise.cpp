// A supervisor with very many children of one kind: they are started, listed, ended and stopped.
#include "servers.hpp"
#include "workload.hpp"

#include <ergo/otp/start_functions.hpp>

#include <memory>
#include <stdexcept>

namespace ergo_bench {
namespace {

using namespace ergo;

class crew {
 public:
  crew(process& self, std::int64_t count, std::shared_ptr<finish_line> done)
      : self_{self}, count_{count}, done_{std::move(done)} {}

  // The supervisor heeds an exit signal of its parent only; so the lead is linked to it and bears its end.
  task<> run() {
    self_.trap_exits(exits::trapped);
    otp::supervisor_spec tree;
    tree.strategy = otp::strategy::simple_one_for_one;
    tree.children.push_back(otp::child_template<echo_server>("kind"_atom).restarted(otp::restart::temporary));
    const otp::start_options unnamed;
    const auto top = co_await otp::start_link<otp::supervisor>(self_, unnamed, tree);
    if (!top) co_return done_->fail("the supervisor did not start");
    for (std::int64_t child = 0; child < count_; ++child) {
      const auto started = co_await otp::start_child(self_, *top, term{});
      if (!started) co_return done_->fail("a child did not start");
    }
    auto ending = end_some(*top);
    co_await std::move(ending);
    const auto watch = self_.monitor(*top);
    self_.exit(*top, exit_reason{"shutdown"_atom});
    const auto ended = co_await self_.receive<down>();
    if (ended->ref != watch.ref || !ended->reason.is("shutdown"_atom)) co_return done_->fail("not stopped in order");
    done_->arrive();
  }

 private:
  // Every tenth is terminated by order.
  task<> end_some(pid top) {
    const auto all = co_await otp::which_children(self_, top);
    if (!all || std::ssize(*all) != count_) co_return done_->fail("children are missing");
    for (std::size_t child = 0; child < all->size(); child += 10) {
      const term id{(*all)[child].process.value_or(pid{})};
      const auto stopped = co_await otp::terminate_child(self_, top, id);
      if (!stopped) co_return done_->fail("a child was not terminated");
    }
    const auto counts = co_await otp::count_children(self_, top);
    if (!counts || counts->active != count_ - (count_ + 9) / 10) co_return done_->fail("the count is wrong");
  }

  process& self_;
  std::int64_t count_;
  std::shared_ptr<finish_line> done_;
};

task<> lead(process& self, std::int64_t count, std::shared_ptr<finish_line> done) {
  crew under{self, count, std::move(done)};
  co_await under.run();
}

}  // namespace

measurement supervise(const request& wanted) {
  bench_runtime on{wanted.cores};
  auto done = std::make_shared<finish_line>(1);
  const stopwatch watch;
  on.spawn(lead, static_cast<std::int64_t>(wanted.operations), done);
  done->wait();
  return watch.read(wanted.operations);
}

}  // namespace ergo_bench
