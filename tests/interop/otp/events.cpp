// Erlang's gen_event clients at an event manager of ours: what they get is what they get from a manager of Erlang.
#include "harness.hpp"

#include <ergo/otp/gen_event.hpp>

#include <catch2/catch_test_macros.hpp>

namespace ergo_interop {
namespace {

namespace otp = ergo::otp;
using ergo::term;
using ergo::etf::is_tagged;

/// The handler of managers.erl.
class keeping {
 public:
  otp::result init(const term& arguments) {
    if (arguments.is("refuse"_atom)) return otp::refuse("not_now"_atom);
    const auto given = arguments.is_tuple(2) ? arguments.elements()[0] : arguments;
    kept_.assign(given.items().begin(), given.items().end());
    if (arguments.is_tuple(2)) kept_.push_back(arguments.elements()[1]);
    return otp::ok();
  }
  otp::handler_result handle_event(const term& event) {
    if (event.is("fail"_atom)) throw std::runtime_error{"failed"};
    if (is_tagged(event, "keep"_atom, 2)) kept_.push_back(event.elements()[1]);
    return otp::noreply();
  }
  otp::handler_result handle_call(const term& request) {
    if (request.is("go"_atom)) return otp::remove_handler().with_reply("gone"_atom);
    return otp::reply(all());
  }
  term terminate(const term& how) { return ergo::etf::tuple("left"_atom, how, all()); }

 private:
  [[nodiscard]] term all() const { return ergo::etf::make_list(kept_); }

  std::vector<term> kept_;
};

void start_manager(our_node& ours) {
  otp::event_handlers known;
  known.provide<keeping>("managers"_atom);
  otp::start_options named;
  named.name = "manager"_atom;
  expect(otp::start<otp::event_manager>(ours->local(), named, known).has_value(), "no manager");
}

TEST_CASE("Erlang's gen_event clients get from our event manager what they get from Erlang's") {
  for_every_release("gen_event: add, notify, call, swap, supervise, stop", [](const release& otp) {
    const auto port = free_port();
    our_node ours{options_for(fresh_name("cpp"), port), runtime_for(otp)};
    start_manager(ours);
    erlang_peer peer{peer_at(otp, port)};
    peer.load(ERGO_SOURCE_DIR "/tests/interop/otp/managers.erl");
    expect_same(peer.run("{ping, " + ours.quoted_name() + "}"), "pong");
    const auto theirs = peer.run("{apply, managers, erlang_story, []}");
    expect(theirs.find("crashed") != std::string::npos, theirs);
    expect_same(peer.run("{apply, managers, story, [{manager, " + ours.quoted_name() + "}]}"), theirs);
    expect(ours.reported("event handler crashed"), "the crash was not reported");
    expect(ours.reported("nobody provides this event handler"), "an unknown handler was not reported");
  });
}

}  // namespace
}  // namespace ergo_interop
