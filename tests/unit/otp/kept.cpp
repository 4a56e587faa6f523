// What a server keeps of the messages that it has handled: nothing.
#include "support.hpp"

#include <ergo/etf/codec.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

using namespace ergo;
using namespace ergo::test;

namespace {

class accepting {
 public:
  term handle_call(const term& /*request*/) const { return term{"ok"_atom}; }
};

/// Starts a server and sends it a call whose tag and request are `parts`, which are let go of when it has answered.
task<> call_with(process& self, std::vector<term>* parts) {
  const auto server = co_await otp::start<accepting>(self, {});
  const pid stranger{*etf::node_id::make("other@host"_atom, 1), 7, 0};
  auto* const call = detail::make_signal(detail::signal_kind::call, stranger, parts->at(0), parts->at(1));
  parts->clear();
  self.node().route_local(*server, call);
  co_await self.sleep(1s);
}

}  // namespace

TEST_CASE("a server that waits keeps nothing of the last call that it has answered") {
  // What comes over a connection has one piece of memory for the caller's tag and the request.
  world on;
  const auto sent = etf::tuple(etf::list("alias"_atom), etf::binary(std::string(100'000, 'x')));
  const auto bytes = std::make_shared<std::string>(etf::encode_to_string(sent));
  const std::shared_ptr<const void> owner = bytes;
  etf::decode_limits limits;
  limits.aliased = &owner;
  std::vector<term> parts;
  {
    const auto received = etf::decode_all(std::as_bytes(std::span{*bytes}), limits);
    REQUIRE(received);
    parts = {received->elements()[0], received->elements()[1]};
  }
  REQUIRE(owner.use_count() == 3);
  const auto caller = on.spawn(call_with, &parts);
  on.settle();
  REQUIRE(on.runtime().alive(caller));
  CHECK(owner.use_count() == 2);
}
