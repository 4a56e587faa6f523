// Asio programs that talk to Erlang: calls with completion tokens, sockets inside processes, and no port mapper.
#include "harness.hpp"

#include <ergo/asio.hpp>
#include <ergo/reactor.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>

namespace ergo_interop {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ergo::etf::tuple;

/// Runs a coroutine in an io_context of its own, on this thread, to its end.
template <typename T>
T in_context(asio::awaitable<T> body) {
  asio::io_context mine;
  auto outcome = asio::co_spawn(mine, std::move(body), asio::use_future);
  mine.run_for(60s);
  expect(outcome.wait_for(0s) == std::future_status::ready, "the io_context program has not ended in time");
  return outcome.get();
}

constexpr auto as_pair = asio::as_tuple(asio::use_awaitable);

asio::awaitable<error_code> code_of(ergo::node* on, ergo::destination to, ergo::term request,
                                    std::chrono::milliseconds limit) {
  const auto got = co_await ergo::async_call(*on, to, request, limit, as_pair);
  co_return std::get<0>(got);
}

// ----- calls --------------------------------------------------------------------------------------------------------

asio::awaitable<void> ask_in_all_ways(world* in, ergo::pid server) {
  auto* const on = &in->node();
  const auto named = in->erl_server();
  const ergo::destination nobody{"nobody_here"_atom, in->peer_atom()};
  const ergo::term never{"never"_atom};

  const auto number = co_await ergo::async_call<std::int64_t>(*on, named, 42, 10s, asio::use_awaitable);
  expect(number == 42, "the answer is not what was asked");
  const auto wrong = co_await ergo::async_call<std::int64_t>(*on, named, "text"_atom, 10s, as_pair);
  expect(std::get<0>(wrong) == ergo::errc::bad_answer, "an answer of the wrong type");

  const auto begun = std::chrono::steady_clock::now();
  const auto late = co_await code_of(on, named, never, 100ms);
  expect(late == ergo::errc::timeout, "a call that is never answered: " + late.message());
  expect(std::chrono::steady_clock::now() - begun < 5s, "its time was up long before");

  const auto missing = co_await code_of(on, nobody, never, 10s);
  expect(missing == ergo::errc::noproc, "a call to nobody: " + missing.message());

  const auto stop = tuple("stop"_atom, tuple("because"_atom, 7));
  const ergo::destination to{server};
  const auto ended = co_await ergo::async_call(*on, to, stop, 10s, ergo::as_result(asio::use_awaitable));
  expect(!ended && ended.error() == ergo::errc::exited, "a call that ends its server");
  expect_term(ended.error().reason(), "{because,7}");
}

TEST_CASE("A plain io_context program calls a gen_server of Erlang") {
  in_every_world("async_call to gen_server: answer, bad answer, timeout, noproc, exit reason", [](world& in) {
    const auto server = in.remote("{start_server, none}").as_pid().value();
    in_context(ask_in_all_ways(&in, server));
  });
}

TEST_CASE("A late answer of Erlang to a call from outside is dropped") {
  in_every_world("async_call: a late answer never surfaces", [](world& in) {
    asio::io_context mine;
    std::atomic<int> calls{0};
    std::vector<error_code> seen;
    const auto keep = asio::bind_executor(mine.get_executor(), [&](error_code failed, const ergo::term&) {
      ++calls;
      seen.push_back(failed);
    });
    ergo::async_call(in.node(), in.erl_server(), tuple("later"_atom, 1'000), 20ms, keep);
    mine.run();
    const auto dropped = in.ours().call(in.erl_server(), "wait_late"_atom);
    expect_term(dropped, "ok");
    mine.restart();
    mine.poll();
    expect(calls == 1 && seen.front() == ergo::errc::timeout, "the handler was called once, with timeout");
    // The answer came before this one, over the same connection, and its receiver is gone.
    ergo::async_call(in.node(), in.erl_server(), "next"_atom, 10s, keep);
    mine.restart();
    mine.run();
    expect(calls == 2 && !seen.back(), "the next call has its own answer");
  });
}

TEST_CASE("A cancelled call to Erlang ends at once, in every way to cancel") {
  in_every_world("async_call: cancellation", [](world& in) {
    for (const auto how :
         {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
      asio::io_context mine;
      asio::cancellation_signal stop;
      std::optional<error_code> seen;
      ergo::async_call(in.node(), in.erl_server(), "never"_atom, 1h,
                       asio::bind_cancellation_slot(
                           stop.slot(), asio::bind_executor(mine.get_executor(),
                                                            [&](error_code failed, auto&&) { seen = failed; })));
      asio::post(mine, [&] { stop.emit(how); });
      mine.run_for(20s);
      expect(seen && *seen == ergo::errc::cancelled, "the call was cancelled");
    }
    expect_same(in.erl("{ping, " + in.cpp() + "}"), "pong");
  });
}

TEST_CASE("A call whose Erlang node is killed with -9 ends with nodedown") {
  for_every_release("async_call: nodedown after kill -9", [](const release& otp) {
    world in{otp};
    in.connect(false);
    asio::io_context mine;
    std::optional<ergo::result<ergo::term>> seen;
    ergo::async_call(in.node(), in.erl_server(), "never"_atom, 60s,
                     ergo::as_result(asio::bind_executor(
                         mine.get_executor(), [&](ergo::result<ergo::term> got) { seen = std::move(got); })));
    // Answered in order: the first call has arrived.
    expect_term(in.ours().call(in.erl_server(), "hello"_atom), "hello");
    in.peer().kill_now();
    const auto killed = std::chrono::steady_clock::now();
    mine.run_for(30s);
    expect(std::chrono::steady_clock::now() - killed < 5s, "it took too long");
    expect(seen && !*seen && seen->error() == ergo::error{ergo::errc::nodedown, in.peer_atom()},
           "the call ended with nodedown and the node's name");
  });
}

// ----- sockets in processes -----------------------------------------------------------------------------------------

/// What a reader shows of itself.
struct reader {
  std::promise<std::uint16_t> port;
  std::promise<std::string> first;
  std::promise<void> gone;
};

/// Tells when the frame that holds it ends.
struct farewell {
  explicit farewell(std::shared_ptr<reader> of) noexcept : who{std::move(of)} {}
  farewell(const farewell&) = delete;
  farewell& operator=(const farewell&) = delete;
  ~farewell() { who->gone.set_value(); }
  std::shared_ptr<reader> who;
};

/// Accepts one connection and reads from it until it is ended.
ergo::task<> read_socket(ergo::process& self, std::shared_ptr<reader> who) {
  const farewell last{who};
  auto& reactor = ergo::reactor_of(self);
  const tcp::endpoint loopback{asio::ip::address_v4::loopback(), 0};
  tcp::acceptor acceptor{reactor, loopback};
  who->port.set_value(acceptor.local_endpoint().port());
  auto accepted = co_await acceptor.async_accept(self.use());
  auto& socket = std::get<1>(accepted);
  std::array<char, 64> room{};
  const auto buffer = asio::buffer(room);
  const auto read = co_await socket.async_read_some(buffer, self.use());
  who->first.set_value(std::string{room.data(), std::get<1>(read)});
  for (;;) {
    const auto more = co_await socket.async_read_some(buffer, self.use());
    if (std::get<0>(more)) co_return;
  }
}

template <typename T>
T got(std::future<T> from, std::string_view what) {
  expect(from.wait_for(20s) == std::future_status::ready, what);
  return from.get();
}

TEST_CASE("An exit signal from Erlang ends a process that waits for a socket") {
  in_every_world("exit signal during a TCP read with self.use()", [](world& in) {
    const auto who = std::make_shared<reader>();
    auto gone = who->gone.get_future();
    ergo::spawn_options options;
    options.name = "reader"_atom;
    options.pinned = true;
    const auto process = in.node().spawn(options, ergo::make_body(read_socket, who));
    expect(process.has_value(), "cannot spawn");
    asio::io_context mine;
    tcp::socket client{mine};
    client.connect({asio::ip::address_v4::loopback(), got(who->port.get_future(), "no port")});
    asio::write(client, asio::buffer("hello", 5));
    expect_same(got(who->first.get_future(), "nothing was read"), "hello");

    expect_same(in.erl("{set, reader, {remote_whereis, " + in.cpp() + ", reader}}"), "ok");
    expect_same(in.erl("{monitor, {var, reader}, {exit, {var, reader}, enough}}"), "{enough,enough,[]}");
    got(std::move(gone), "the process's frame was not destroyed");
    // Its socket went with it.
    error_code end;
    char byte = 0;
    asio::read(client, asio::buffer(&byte, 1), end);
    expect(end == asio::error::eof || end == asio::error::connection_reset, "the socket is closed: " + end.message());
    expect(!in.node().whereis("reader"_atom), "its name is free");
  });
}

// ----- in a lent context --------------------------------------------------------------------------------------------

/// A program of one thread: its io_context carries the only core of a node with `echo` and `recorder`.
class lent_program {
 public:
  explicit lent_program(ergo::node_options options) : thread_{[this, given = std::move(options)] { main(given); }} {
    const auto failed = got(up_.get_future(), "the node did not start");
    if (!failed.empty()) throw std::runtime_error{failed};
  }
  ~lent_program() {
    asio::post(context_, [this] {
      if (node_ != nullptr) node_->stop();
    });
  }
  lent_program(const lent_program&) = delete;
  lent_program& operator=(const lent_program&) = delete;
  [[nodiscard]] ergo::node& operator*() noexcept { return *node_; }
  [[nodiscard]] ergo::node* operator->() noexcept { return node_.get(); }

 private:
  void main(ergo::node_options options) {
    options.executor = &context_;
    options.on_event = [](const ergo::event&) {};
    auto started = ergo::node::start(std::move(options), ergo::runtime_options{.cores = 1});
    if (!started) return up_.set_value(started.error().message());
    node_ = *std::move(started);
    ergo::spawn_options named;
    named.name = "echo"_atom;
    std::unique_ptr<ergo::behaviour> body = ergo::otp::make_server<echo>();
    const auto first = node_->spawn(named, std::move(body));
    named.name = "recorder"_atom;
    body = ergo::otp::make_server<recorder>();
    const auto second = node_->spawn(named, std::move(body));
    up_.set_value(first && second ? "" : "a server did not start");
    context_.run();
    node_.reset();
  }

  asio::io_context context_;
  std::unique_ptr<ergo::node> node_;
  std::promise<std::string> up_;
  std::jthread thread_;
};

TEST_CASE("An Erlang node pings and calls a node that lives in a lent context, and is called by it", "[installed]") {
  for_installed("node_options::executor: ping, calls both ways, burst, kill -9", [](const release& otp) {
    const auto port = free_port();
    lent_program ours{options_for(fresh_name("cpp"), port)};
    const auto cpp = atom_text(ours->name().text());
    erlang_peer peer{peer_at(otp, port)};
    expect_same(peer.run("{ping, " + cpp + "}"), "pong");
    expect_same(peer.run("{echo_all, {echo, " + cpp + "}}"), "all");
    expect_same(peer.run("{burst, {recorder, " + cpp + "}, 20000}"), "true");
    const ergo::destination server{"erl_server"_atom, parsed(atom_text(peer.name())).as_atom().value()};
    for (int number = 0; number < 100; ++number) {
      auto answer = ergo::async_call<std::int64_t>(*ours, server, number, 10s, asio::use_future);
      expect(got(std::move(answer), "no answer") == number, "the answer is not what was asked");
    }
    auto held = ergo::async_call(*ours, server, "never"_atom, 60s, ergo::as_result(asio::use_future));
    expect_same(peer.run("{ping, " + cpp + "}"), "pong");
    peer.kill_now();
    const auto lost = got(std::move(held), "the call did not end");
    expect(!lost && lost.error() == ergo::errc::nodedown, "the call ended with nodedown");
  });
}

// ----- without a port mapper ----------------------------------------------------------------------------------------

TEST_CASE("An Erlang node finds ours at a fixed port, without any port mapper", "[installed]") {
  for_installed("no port mapper: erl -erl_epmd_port", [](const release& otp) {
    const auto port = free_port();
    const auto nowhere = free_port();
    auto options = options_for(fresh_name("cpp"), nowhere);
    options.epmd = ergo::epmd_mode::none;
    options.peer_port = port;
    options.limits.handshake_step = 2s;
    our_node ours{std::move(options)};
    expect(ours->port() == port, "it listens where its peers expect it");
    auto erl = peer_at(otp, nowhere);
    erl.more = {"-erl_epmd_port", std::to_string(port), "-dist_listen", "false"};
    erlang_peer peer{erl};
    const auto cpp = ours.quoted_name();
    expect_same(peer.run("{ping, " + cpp + "}"), "pong");
    expect_same(peer.run("{call, {echo, " + cpp + "}, {hello, 1}}"), "{hello,1}");
    expect_same(peer.run("{echo_all, {echo, " + cpp + "}}"), "all");
    // Over the connection that is there: this node cannot be dialled.
    const auto name = parsed(atom_text(peer.name())).as_atom().value();
    expect_term(ours.call(ergo::destination{"erl_server"_atom, name}, "back"_atom), "back");
    peer.kill_now();
    eventually("the end is seen", [&] { return !ours->is_connected(erl.name); });
    const auto again = ours->connect(erl.name, 20s);
    expect(!again && again.error() == ergo::errc::nodedown, "a node that does not listen cannot be called back");
  });
}

}  // namespace
}  // namespace ergo_interop
