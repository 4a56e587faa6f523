// Where a peer is looked for, and what is said when it is not found.
#include "finding.hpp"

#include "lone_node.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

using namespace ergo;
using namespace ergo::detail;
namespace asio = boost::asio;

namespace {

/// A finder whose program answers at once, on the thread of the test.
struct stage {
  explicit stage(finder_plan known, std::uint16_t mapper_port = 1) {
    epmd::client mapper{context.get_executor(), {.port = mapper_port, .timeout = std::chrono::seconds{10}}};
    const auto aside = [this](const std::function<void()>& work, const std::function<void()>& done) {
      if (stopping) return false;
      work();
      if (!silent) done();
      return true;
    };
    finder = std::make_shared<peer_finder>(context, std::move(known), mapper, aside);
  }
  peer_finder::outcome locate(std::string peer) {
    peer_finder::outcome found;
    const auto body = [](stage& self, std::string who, peer_finder::outcome& into) -> asio::awaitable<void> {
      co_await asio::this_coro::throw_if_cancelled(false);
      into = co_await self.finder->locate(std::move(who));
    };
    asio::co_spawn(context, body(*this, std::move(peer), found),
                   asio::bind_cancellation_slot(stop.slot(), asio::detached));
    if (silent) asio::post(context, [this] { stop.emit(asio::cancellation_type::terminal); });
    context.restart();
    context.run();
    return found;
  }
  asio::io_context context;
  asio::cancellation_signal stop;
  std::shared_ptr<peer_finder> finder;
  bool stopping = false;
  bool silent = false;
};

std::string place(const peer_finder::outcome& found) {
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  return found->front().address().to_string() + " " + std::to_string(found->front().port());
}

std::string sentence(const peer_finder::outcome& found) {
  REQUIRE_FALSE(found);
  return dist::to_string(found.error());
}

}  // namespace

TEST_CASE("the first route that matches decides, by name or by pattern") {
  stage on{{.mode = epmd_mode::none,
            .peer_port = 7000,
            .routes = {{"db@127.0.0.9", {"127.0.0.2", 7001}}, {"db@*", {"", 7002}}, {"*@10.0.0.?", {"::1", 0}}},
            .resolve = {}}};
  CHECK(place(on.locate("db@127.0.0.9")) == "127.0.0.2 7001");
  CHECK(place(on.locate("db@127.0.0.8")) == "127.0.0.8 7002");
  CHECK(place(on.locate("web@10.0.0.7")) == "::1 7000");
  CHECK(place(on.locate("web@127.0.0.8")) == "127.0.0.8 7000");
}

TEST_CASE("the program's resolver is asked about nodes without a route, and may know nothing") {
  std::vector<std::string> asked;
  const auto resolve = [&](std::string_view node) -> std::optional<node_address> {
    asked.emplace_back(node);
    if (node == "known@nowhere.invalid") return node_address{"127.0.0.3", 7003};
    return std::nullopt;
  };
  stage on{{.mode = epmd_mode::none, .peer_port = 7000, .routes = {{"db@*", {"", 7001}}}, .resolve = resolve}};
  CHECK(place(on.locate("known@nowhere.invalid")) == "127.0.0.3 7003");
  CHECK(place(on.locate("other@127.0.0.1")) == "127.0.0.1 7000");
  CHECK(place(on.locate("db@127.0.0.1")) == "127.0.0.1 7001");
  CHECK(asked == std::vector<std::string>{"known@nowhere.invalid", "other@127.0.0.1"});
}

TEST_CASE("what the program's resolver throws is the reason") {
  stage on{{.mode = epmd_mode::none,
            .peer_port = 7000,
            .routes = {},
            .resolve = [](std::string_view node) -> std::optional<node_address> {
              if (node == "odd@h") throw 42;
              throw std::runtime_error{"the directory is closed"};
            }}};
  const auto found = on.locate("a@h");
  CHECK(sentence(found).find("node_options::resolve has thrown: the directory is closed") != std::string::npos);
  CHECK(found.error().code == dist::peer_errc::unresolved);
  CHECK(sentence(on.locate("odd@h")).find("no std::exception") != std::string::npos);
}

TEST_CASE("a resolver that does not answer, or cannot be asked, is the reason") {
  stage on{{.mode = epmd_mode::none, .peer_port = 7000, .routes = {}, .resolve = [](std::string_view) {
              return std::nullopt;
            }}};
  on.silent = true;
  CHECK(sentence(on.locate("a@h")).find("has not answered in time") != std::string::npos);
  on.silent = false;
  on.stopping = true;
  CHECK(sentence(on.locate("a@h")).find("stopping") != std::string::npos);
}

TEST_CASE("without a port mapper nothing is guessed") {
  stage on{{.mode = epmd_mode::none, .peer_port = 0, .routes = {}, .resolve = {}}};
  const auto found = on.locate("a@127.0.0.1");
  CHECK(sentence(found).find("peer_port") != std::string::npos);
  CHECK(found.error().code == dist::peer_errc::unresolved);
}

TEST_CASE("a route without a port asks the port mapper of its host, which says what is wrong") {
  const auto nobody = ergo_test::free_port();
  stage on{
      {.mode = epmd_mode::client_only, .peer_port = 0, .routes = {{"*@far.invalid", {"127.0.0.1", 0}}}, .resolve = {}},
      nobody};
  const auto found = on.locate("a@far.invalid");
  REQUIRE_FALSE(found);
  CHECK(found.error().code == dist::peer_errc::unregistered);
  CHECK(found.error().system == make_error_code(epmd::errc::cannot_connect));
  CHECK(found.error().detail.find("refused") != std::string::npos);
}

TEST_CASE("a host that does not exist is not resolved, with and without a port mapper") {
  stage mapped{{.mode = epmd_mode::client_only, .peer_port = 0, .routes = {}, .resolve = {}}};
  CHECK(mapped.locate("a@no.such.host.invalid").error().code == dist::peer_errc::unresolved);
  stage fixed{{.mode = epmd_mode::none, .peer_port = 7000, .routes = {}, .resolve = {}}};
  const auto found = fixed.locate("a@no.such.host.invalid");
  REQUIRE_FALSE(found);
  CHECK(found.error().code == dist::peer_errc::unresolved);
  CHECK(found.error().system);
}
