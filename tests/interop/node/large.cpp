// One message as large as a node may meet, out and in, while others go on: what it costs in memory, and that small
// ones do not wait for it. R20 at its full size with ERGO_TEST_LONG=1.
#include "harness.hpp"

#include <ergo_test/baseline.hpp>
#include <ergo_test/rounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <vector>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;
using steady = std::chrono::steady_clock;

std::size_t large() { return ergo::test::rounds<std::size_t>(200'000'000, 1U << 30); }

// ----- memory -------------------------------------------------------------------------------------------------------

/// How much memory of this program is resident at most from now on.
class peak {
 public:
  peak() {
    ergo::test::forget_peak();  // the highest is what there is now
    before_ = ergo::test::resident_bytes();
    in_use_ = ergo::test::heap_bytes();
  }
  /// Bytes above those at the beginning.
  [[nodiscard]] std::size_t growth() const { return std::max(ergo::test::peak_bytes(), before_) - before_; }
  /// Whether what was needed meanwhile has been freed.
  [[nodiscard]] bool over() const { return ergo::test::heap_bytes() < in_use_ + large() / 8; }

 private:
  std::size_t before_ = 0;
  std::size_t in_use_ = 0;
};

/// Ends the scenario unless what was between `since` and now took less than twice the size of the large message.
void cheap(const peak& since, std::string_view what, scenario& figures) {
  const auto growth = since.growth();
  figures.ran();
  figures.measured({.name = std::string{what} + ": memory per byte",
                    .value = static_cast<double>(growth) / static_cast<double>(large()),
                    .unit = "",
                    .at_most = 2});
  expect(growth >= large() * 9 / 10, std::string{what} + ": it was never in memory, " + std::to_string(growth));
  expect(growth < 2 * large(), std::string{what} + " took " + std::to_string(growth) + " bytes");
  eventually("the memory goes back", [&] { return since.over(); });
}

// ----- the small ones -----------------------------------------------------------------------------------------------

/// Small calls, one each millisecond, until it is over.
struct small_calls {
  std::atomic<bool> over{false};
  std::atomic<std::int64_t> answered{0};
};

/// Makes them; returns how many microseconds 99 of 100 took at most.
ergo::task<ergo::term> call_on(ergo::process& self, ergo::destination to, std::shared_ptr<small_calls> all) {
  std::vector<std::int64_t> took;
  for (auto next = steady::now(); !all->over; next += 1ms) {
    if (const auto now = steady::now(); next > now) co_await self.sleep(next - now);
    const auto begun = steady::now();
    const ergo::term request{all->answered.load()};
    const auto back = co_await ergo::otp::call<ergo::term>(self, to, request, 30s);
    if (!back) co_return back.error().reason();
    took.push_back((steady::now() - begun) / 1us);
    ++all->answered;
  }
  std::ranges::sort(took);
  co_return ergo::term{took.at(took.size() - 1 - took.size() / 100)};
}

/// Small calls beside whatever happens before `check`.
class beside {
 public:
  explicit beside(world& in)
      : all_{std::make_shared<small_calls>()}, calls_{in.node(), &call_on, in.erl_server(), all_} {
    eventually("small calls are answered", [&] { return all_->answered > 0; });
    before_ = all_->answered;
  }
  beside(const beside&) = delete;
  beside& operator=(const beside&) = delete;
  ~beside() { all_->over = true; }

  void check(std::string_view what, scenario& figures) {
    const auto meanwhile = all_->answered - before_;
    all_->over = true;
    const auto most = calls_.get();
    expect(most.as_integer().has_value(), std::string{what} + ": a small call: " + ergo::etf::to_text(most));
    // It takes a tenth of a second to copy so much.
    expect(meanwhile >= 20, std::string{what} + ": only " + std::to_string(meanwhile) + " small calls meanwhile");
    figures.measured({.name = std::string{what} + ": small calls p99",
                      .value = static_cast<double>(*most.as_integer()) / 1000,
                      .unit = "ms"});
  }

 private:
  std::shared_ptr<small_calls> all_;
  running<decltype(&call_on), ergo::destination, std::shared_ptr<small_calls>> calls_;
  std::int64_t before_ = 0;
};

// ----- the large one ------------------------------------------------------------------------------------------------

/// Sends it to flood_side:sink/0; returns what that has counted.
ergo::task<ergo::term> send_it(ergo::process& self, ergo::destination sink) {
  const auto message = tuple(0, ergo::etf::adopt_binary(std::string(large(), 'x')));
  self.send(sink, message);
  const ergo::term count{"count"_atom};
  const auto counted = co_await ergo::otp::call<ergo::term>(self, sink, count, 300s);
  if (!counted) co_return counted.error().reason();
  co_return *counted;
}

/// Whether `{large, Binary}` comes as flood_side:send_large/2 sends it.
ergo::task<> receive_it(ergo::process& self, std::shared_ptr<std::promise<bool>> told) {
  const auto got = co_await self.receive_any();
  const auto& payload = got.payload();
  told->set_value(payload.is_tuple(2) && payload.elements()[1].bytes().size() == large() &&
                  payload.elements()[1].bytes().find_first_not_of('x') == std::string_view::npos);
}

void goes_out(world& in, const ergo::pid& sink, scenario& figures) {
  const peak since;
  beside small{in};
  running sending{in.node(), &send_it, ergo::destination{sink}};
  expect_term(sending.get(300s), "{1," + std::to_string(large()) + "}");
  small.check("out", figures);
  cheap(since, "out", figures);
}

void comes_in(world& in, scenario& figures) {
  const auto told = std::make_shared<std::promise<bool>>();
  ergo::spawn_options named;
  named.name = "large_sink"_atom;
  expect(in.node().spawn(named, ergo::make_body(receive_it, told)).has_value(), "no receiver");
  const peak since;
  beside small{in};
  auto came = told->get_future();
  in.erl("{apply, flood_side, send_large, [" + in.at("large_sink") + ", " + std::to_string(large()) + "]}");
  expect(came.wait_for(300s) == std::future_status::ready, "it does not come");
  expect(came.get(), "it came as something else");
  small.check("in", figures);
  cheap(since, "in", figures);
}

void comes_back(world& in, scenario& figures) {
  const peak since;
  beside small{in};
  expect_same(in.erl("{apply, packets_side, sizes, [" + in.at("echo") + ", [" + std::to_string(large()) + "]]}"), "[]");
  small.check("in and out", figures);
  cheap(since, "in and out", figures);
}

TEST_CASE("A binary of 200 MB goes out and comes in for less than twice its size, beside one small call per ms",
          "[R20]") {
  const auto size = std::to_string(large() / 1'000'000) + " MB";
  for_every_release(
      size + " out, in, and back: less than twice in memory, beside small calls", [&](const release& otp) {
        scenario figures{"R20", carried(size + " to Erlang, from it, and back, beside one small call per ms")};
        figures.may_keep(std::int64_t{64} << 20);  // large blocks are kept for a second to be used again
        ergo::node_options options;
        options.limits.message = options.limits.open_bytes = 2 * large();
        world in{otp, std::move(options)};
        in.connect(true);
        in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/flood_side.erl");
        in.peer().load(ERGO_SOURCE_DIR "/tests/interop/node/packets_side.erl");
        const auto sink = in.remote("{apply, flood_side, sink, []}").as_pid();
        expect(sink.has_value(), "no sink");
        goes_out(in, *sink, figures);
        comes_in(in, figures);
        comes_back(in, figures);
      });
}

}  // namespace
}  // namespace ergo_interop
