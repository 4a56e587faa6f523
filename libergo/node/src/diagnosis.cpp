// The steps of a connection, one by one, without a node.
#include <ergo/diagnosis.hpp>

#include "calling.hpp"
#include "cookie.hpp"
#include "crypto.hpp"
#include "explain.hpp"
#include "names.hpp"
#include "tls_setup.hpp"

#include <ergo/epmd/environment.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <utility>

namespace ergo::inline v0 {
namespace {

namespace asio = boost::asio;
using detail::attempt;

std::unexpected<error> bad(std::string sentence) { return fail(errc::badarg, etf::adopt_binary(std::move(sentence))); }

std::string text_of(const asio::ip::tcp::endpoint& place) {
  return place.address().to_string() + " port " + std::to_string(place.port());
}

// Who is examined, and by whom.
struct examination {
  std::string peer;
  detail::full_name self;
  node_options as;
  std::string cookie;
  const std::function<void(const passed_step&)>& told;

  asio::io_context context{1};
  std::shared_ptr<attempt> call{};
  std::optional<dist::peer_reason> failed{};
  std::string place{};

  asio::awaitable<void> run(detail::peer_locator locate);
  asio::awaitable<detail::peer_finder::outcome> locate(std::shared_ptr<detail::peer_finder> finder, std::string who);
  void tell(connect_step step, std::string what) const { told({step, std::move(what)}); }
};

asio::awaitable<detail::peer_finder::outcome> examination::locate(std::shared_ptr<detail::peer_finder> finder,
                                                                  std::string who) {
  auto found = co_await finder->locate(std::move(who));
  if (found && !found->empty()) {
    const auto* const known = detail::route_for(as.routes, peer);
    const bool mapped = as.epmd != epmd_mode::none && (known == nullptr || known->port == 0);
    std::string places = text_of(found->front());
    for (std::size_t index = 1; index < found->size(); ++index) places += ", " + text_of((*found)[index]);
    tell(mapped ? connect_step::epmd : connect_step::resolve, peer + " should listen at " + places);
  }
  co_return found;
}

asio::awaitable<void> examination::run(detail::peer_locator locate) {
  call->new_step();
  failed = co_await detail::reach(call, std::move(locate));
  if (failed) {
    call->deadline.cancel();
    co_return;
  }
  boost::system::error_code ignored;
  place = text_of(call->socket.remote_endpoint(ignored));
  tell(connect_step::tcp, "somebody answers at " + place);
  auto shown = detail::handshake_as(self.text(), detail::random_creation(), self.kind, dist::pass_through_offer);
  failed = co_await detail::call_alone(call, std::move(shown), cookie);
}

}  // namespace

result<met_node> diagnose(std::string_view peer, node_options as, const std::function<void(const passed_step&)>& told) {
  if (!dist::valid_node_name(peer)) return bad("\"" + std::string{peer} + "\" is no node name: write name@host");
  auto self = detail::complete_name(as.name, as.names, detail::read_host_names());
  if (!self) return bad(std::move(self.error()));
  auto cookie = detail::own_cookie(as);
  if (!cookie) return bad(std::move(cookie.error()));
  const auto environment = epmd::read_environment();
  if (!environment && as.epmd_port == 0) return bad("ERL_EPMD_PORT is not a port number");
  const auto epmd_port = as.epmd_port != 0 ? as.epmd_port : environment->port;
  if (const auto own = as.peer_cookies.find(peer); own != as.peer_cookies.end()) cookie = own->second;

  examination of{std::string{peer}, *std::move(self), std::move(as), *std::move(cookie), told};
  epmd::client mapper{of.context.get_executor(), {.port = epmd_port, .timeout = of.as.limits.handshake_step}};
  std::shared_ptr<const detail::tls_setup> private_channel;
  if (of.as.tls) {
    auto setup = detail::tls_setup::make(*of.as.tls);
    if (!setup) return bad(std::move(setup.error()));
    private_channel = *std::move(setup);
  }
  const auto at_once = [](const std::function<void()>& work, const std::function<void()>& done) {
    work();
    done();
    return true;
  };
  detail::finder_plan known{of.as.epmd, of.as.peer_port, of.as.routes, of.as.resolve};
  const auto finder = std::make_shared<detail::peer_finder>(of.context, std::move(known), mapper, at_once);
  of.call = std::make_shared<attempt>(of.context, dist::attempt_id{1}, of.as.limits);
  of.call->peer = peer;
  if (private_channel != nullptr)
    of.call->tls = std::make_unique<detail::tls_session>(private_channel, detail::tls_role::caller, of.peer,
                                                         of.call->limits.unread_tls);
  auto walk = of.run([&of, finder](std::string who) { return of.locate(finder, std::move(who)); });
  std::exception_ptr thrown;
  asio::co_spawn(
      of.context, std::move(walk),
      asio::bind_cancellation_slot(of.call->stop.slot(), [&thrown](const std::exception_ptr& what) { thrown = what; }));
  of.context.run();
  if (thrown) std::rethrow_exception(thrown);
  if (of.failed) return fail(errc::nodedown, detail::to_term(detail::explain(peer, *of.failed)));
  const auto& met = of.call->result();
  of.tell(connect_step::name, "it is " + met.peer + ", creation " + std::to_string(met.creation));
  of.tell(connect_step::cookie, "it has the same cookie");
  const int release = dist::first_release_with(met.peer_flags.without(dist::flag::published));
  return met_node{met.peer, of.place, met.creation, release};
}

}  // namespace ergo::inline v0
