// Routes, the program's resolver, and the port mapper, in this order.
#include "finding.hpp"

#include "names.hpp"

#include <ergo/dist/allow_list.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

dist::peer_reason unresolved(std::string detail, std::error_code cause = {}) {
  dist::peer_reason reason{dist::peer_errc::unresolved};
  reason.system = cause;
  reason.detail = std::move(detail);
  return reason;
}

dist::peer_reason reason_of(const epmd::error& failed) {
  if (failed.code == epmd::errc::cannot_resolve) return unresolved({}, failed.cause);
  dist::peer_reason reason{dist::peer_errc::unregistered};
  reason.system = make_error_code(failed.code);
  if (failed.cause) reason.detail = failed.cause.message();
  return reason;
}

}  // namespace

const node_address* route_for(const std::vector<route>& routes, std::string_view peer) {
  const auto found =
      std::ranges::find_if(routes, [&](const route& one) { return dist::matches_glob(one.nodes, peer); });
  return found == routes.end() ? nullptr : &found->at;
}

// Shared with a thread that may answer when nobody waits any more.
struct peer_finder::question {
  std::string node;
  node_resolver resolve;
  std::optional<node_address> told;
  std::optional<std::string> thrown;
  bool answered = false;                        // on the reactor
  std::weak_ptr<asio::steady_timer> waiting{};  // on the reactor

  void ask() {
    try {
      told = resolve(node);
    } catch (const std::exception& failed) {
      thrown = failed.what();
    } catch (...) {
      thrown = "something that is no std::exception";
    }
  }
};

peer_finder::peer_finder(asio::io_context& on, finder_plan plan, epmd::client mapper, side_runner aside)
    : context_{on}, plan_{std::move(plan)}, mapper_{std::move(mapper)}, aside_{std::move(aside)} {}

asio::awaitable<peer_finder::outcome> peer_finder::locate(std::string peer) {
  const auto self = shared_from_this();
  node_address at;
  if (const auto* const known = route_for(plan_.routes, peer)) {
    at = *known;
  } else if (plan_.resolve) {
    auto told = co_await ask_program(peer);
    if (!told) {
      outcome refused{std::unexpect, std::move(told.error())};
      co_return refused;
    }
    if (*told) at = *std::move(*told);
  }
  if (at.host.empty()) at.host = halves(peer).second;
  if (at.port == 0 && plan_.mode == epmd_mode::none) at.port = plan_.peer_port;
  if (at.port != 0) co_return co_await resolve_host(std::move(at.host), at.port);
  if (plan_.mode == epmd_mode::none) {
    outcome nowhere{std::unexpect,
                    unresolved("without a port mapper (epmd_mode::none), routes, resolve or peer_port of "
                               "node_options must say where peers listen")};
    co_return nowhere;
  }
  std::string node{halves(peer).first};
  co_return co_await ask_mapper(std::move(at.host), std::move(node));
}

asio::awaitable<peer_finder::answer> peer_finder::ask_program(std::string peer) {
  const auto asked = std::make_shared<question>();
  asked->node = std::move(peer);
  asked->resolve = plan_.resolve;
  const auto waiting = std::make_shared<asio::steady_timer>(context_, asio::steady_timer::time_point::max());
  asked->waiting = waiting;
  std::function<void()> work{[asked] { asked->ask(); }};
  std::function<void()> done{[asked, &context = context_] {
    asio::post(context, [asked] {
      asked->answered = true;
      if (const auto whoever = asked->waiting.lock()) whoever->cancel();
    });
  }};
  answer outcome;
  if (!aside_(std::move(work), std::move(done))) {
    outcome = std::unexpected{unresolved("node_options::resolve cannot be asked, because this node is stopping")};
    co_return outcome;
  }
  co_await waiting->async_wait(use_tuple);
  if (!asked->answered) {
    outcome = std::unexpected{unresolved("node_options::resolve has not answered in time")};
  } else if (asked->thrown) {
    outcome = std::unexpected{unresolved("node_options::resolve has thrown: " + *asked->thrown)};
  } else {
    outcome = std::move(asked->told);
  }
  co_return outcome;
}

asio::awaitable<peer_finder::outcome> peer_finder::ask_mapper(std::string host, std::string node) {
  const auto found = co_await mapper_.async_lookup(host, node, asio::use_awaitable);
  outcome places;
  if (found) {
    places->emplace_back(found->address, found->node.port);
  } else {
    places = std::unexpected{reason_of(found.error())};
  }
  co_return places;
}

// The system's resolver takes a thread of Asio's, and memory at moments when its lack cannot be told.
asio::awaitable<peer_finder::outcome> peer_finder::resolve_host(std::string host, std::uint16_t port) {
  boost::system::error_code no_literal;
  if (const auto literal = asio::ip::make_address(host, no_literal); !no_literal) {
    outcome place;
    place->emplace_back(literal, port);
    co_return place;
  }
  tcp::resolver resolver{context_};
  const auto done = co_await resolver.async_resolve(host, std::to_string(port), use_tuple);
  outcome places;
  if (const auto failed = std::get<0>(done)) {
    places = std::unexpected{unresolved({}, failed)};
  } else {
    for (const auto& one : std::get<1>(done)) places->push_back(one.endpoint());
  }
  co_return places;
}

}  // namespace ergo::inline v0::detail
