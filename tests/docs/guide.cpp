// The server, its caller and the tree of otp/GUIDE.md, run.
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo/otp/supervisor.hpp>

#include <ergo/etf/text.hpp>

#include <cstdint>
#include <expected>
#include <future>
#include <iostream>
#include <vector>

using namespace ergo::literals;
using namespace std::chrono_literals;
namespace otp = ergo::otp;

#include "guide_1_server.inc"
#include "guide_2_caller.inc"
#include "guide_3_tree.inc"

namespace {

/// Tells whether a customer ended well.
ergo::task<> watcher(ergo::process& self, std::promise<bool>* ended_well) {
  self.spawn_monitor(customer);
  const auto down = co_await self.receive<ergo::down>();
  ended_well->set_value(down->reason.is_normal());
}

}  // namespace

int main() {
  std::promise<bool> ended_well;
  ergo::runtime runtime;
  if (!runtime.spawn(runtime.anonymous(), watcher, &ended_well)) return 1;
  auto ended = ended_well.get_future();
  if (ended.wait_for(30s) != std::future_status::ready || !ended.get() || !stack::last_words.is_normal()) return 1;

  const std::vector<std::int64_t> many(1'001);
  const auto refused = otp::start<stack>(runtime.anonymous(), {}, many);
  if (refused || !refused.error().reason().is("too_many"_atom)) return 1;

  const otp::start_options plain;
  const auto tree = otp::start<otp::supervisor>(runtime.anonymous(), plain, kitchen());
  if (!tree) return 1;
  const auto top = otp::call(runtime.anonymous(), "plates"_atom, "pop"_atom);
  std::cout << ergo::etf::to_text(top.value_or("nothing"_atom)) << std::endl;
  return top == ergo::etf::tuple("error"_atom, "empty"_atom) ? 0 : 1;
}
