// Start and stop of a node, in order.
#include "node_state.hpp"

#include "builtins.hpp"
#include "calling.hpp"
#include "cookie.hpp"
#include "crypto.hpp"
#include "explain.hpp"
#include "net_kernel.hpp"
#include "rex.hpp"

#include <ergo/epmd/environment.hpp>
#include <ergo/stop_first.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view no_name = "nonode@nohost";
constexpr auto accept_pause = std::chrono::milliseconds{50};  // when no descriptors are left

// Of the connections that are up.
moved_bytes bytes_over(const router& ways, const switchboard& board) {
  moved_bytes all;
  for (const auto peer : board.nodes(node_set::all)) {
    const auto* const way = ways.find(peer);
    if (way == nullptr) continue;
    const auto counted = way->counters();
    all.in += counted.bytes_in;
    all.out += counted.bytes_out;
  }
  return all;
}

std::vector<socket_facts> sockets_of(const router& ways, const switchboard& board) {
  std::vector<socket_facts> all;
  for (const auto peer : board.nodes(node_set::all)) {
    auto* const way = ways.find(peer);
    if (way == nullptr || !way->is_up()) continue;
    const auto counted = way->counters();
    all.push_back({std::to_underlying(way->announced()), way->ends(), counted.bytes_in, counted.bytes_out,
                   counted.packets_in, counted.packets_out, way->unsent()});
  }
  return all;
}

std::unexpected<error> refuse(const std::string& text) { return fail(errc::badarg, etf::binary(text)); }

dist::flags offer_of(const node_options& options) {
  auto offer = dist::pass_through_offer;
  if (options.visibility == visibility::visible) offer = offer.with(dist::flag::published);
  if (options.atom_cache) offer = offer.with(dist::flag::dist_hdr_atom_cache);
  if (options.fragment != 0) offer = offer.with(dist::flag::fragments);
  return offer;
}

dist::packet_writer_options packets_of(const node_options& options) {
  return {.fragment = options.fragment == 0 ? SIZE_MAX : options.fragment};
}

// Waits until `over()` or `until`, looking now and then: the things waited for report to nobody.
template <typename Condition>
bool wait_until(clock::time_point until, Condition over) {
  while (!over()) {
    if (clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

// Before there are processes that could wait for the program's resolver, whoever starts the node does.
result<void> ask_ahead(finder_plan& known, const std::string& peer) {
  const auto resolve = std::exchange(known.resolve, nullptr);
  if (!resolve || route_for(known.routes, peer) != nullptr) return {};
  try {
    if (auto at = resolve(peer)) known.routes.push_back({peer, *std::move(at)});
  } catch (const std::exception& failed) {
    return refuse("node_options::resolve has thrown: " + std::string{failed.what()});
  }
  return {};
}

task<> work_aside(process& self, std::function<void()> work, std::function<void()> done) {
  co_await self.blocking(std::move(work));
  done();
}

}  // namespace

node_state::node_state(ergo::runtime& on, reactor& first, node_options given, full_name own)
    : runtime_{on},
      reactor_{first},
      use_{first},
      work_{asio::make_work_guard(first.context())},
      options_{std::move(given)},
      name_{std::move(own)},
      trace_{options_.trace, options_.on_trace},
      functions_{std::make_shared<function_table>(options_.grants)} {}

node_state::~node_state() = default;

void node_state::report(const event& happened) const {
  if (options_.on_event) return options_.on_event(happened);
  runtime_.report(happened);
}

node_figures node_state::figures() const {
  node_figures shown;
  board_->counts().write_to(shown);
  ways_->write_to(shown);
  shown.connections = board_->nodes(node_set::all).size();
  return shown;
}

void node_state::note(log_level level, std::string text) const {
  report({.what = event::kind::cluster, .level = level, .text = name_.text() + " " + std::move(text), .reason = {}});
}

// ----- start --------------------------------------------------------------------------------------------------------

result<void> node_state::start(std::string cookie, const std::function<result<void>()>& boot) {
  if (name_.text() == no_name) return start_alone(boot);
  if (auto done = prepare_tls(); !done) return done;
  if (!options_.named_by.empty()) return start_unnamed(std::move(cookie), boot);
  if (auto done = open_sockets(); !done) return done;
  const auto creation = enroll();
  if (!creation) return std::unexpected{creation.error()};
  if (auto done = become(*creation, std::move(cookie)); !done) return done;
  if (auto done = boot(); !done) return done;
  begin_accepting();
  return {};
}

// In no network: it serves its program, and whoever the program talks with in its own ways.
result<void> node_state::start_alone(const std::function<result<void>()>& boot) {
  options_.epmd = epmd_mode::none;
  options_.peer_port = 0;
  options_.routes.clear();
  options_.resolve = nullptr;
  options_.tls.reset();
  if (runtime_.anonymous().whereis("net_kernel"_atom)) return fail(errc::name_taken, etf::binary(no_name));
  if (auto done = meet_port_mapper({}); !done) return done;
  if (auto done = become(0, {}); !done) return done;
  return boot();
}

result<void> node_state::prepare_tls() {
  if (!options_.tls) return {};
  const auto setup = tls_setup::make(*options_.tls);
  if (!setup) return refuse(setup.error());
  for (const auto& warning : (*setup)->warnings()) note(log_level::warning, warning);
  tls_ = std::make_shared<tls_keeper>(*setup);
  return {};
}

result<void> node_state::reload_tls(const tls_options* next) {
  const std::scoped_lock lock{tls_mutex_};
  if (tls_ == nullptr) return refuse("the node was started without node_options::tls");
  const auto setup = tls_setup::make(next != nullptr ? *next : *options_.tls);
  if (!setup) return refuse(setup.error());
  if (next != nullptr) options_.tls = *next;
  for (const auto& warning : (*setup)->warnings()) note(log_level::warning, warning);
  tls_->replace(*setup);
  return {};
}

// The first call is made by nobody yet; who is called says who we are, and then it is our first connection.
result<void> node_state::start_unnamed(std::string cookie, const std::function<result<void>()>& boot) {
  options_.visibility = visibility::hidden;
  if (auto done = meet_port_mapper({}); !done) return done;
  auto known = plan_finding();
  if (auto done = ask_ahead(known, options_.named_by); !done) return done;
  const auto first = std::make_shared<attempt>(context(), dist::attempt_id::none, options_.limits);
  first->peer = options_.named_by;
  if (tls_ != nullptr)
    first->tls = std::make_unique<tls_session>(tls_->get(), tls_role::caller, first->peer, options_.limits.unread_tls);
  const auto own = options_.peer_cookies.find(options_.named_by);
  auto naming = be_named(first, std::move(known), own == options_.peer_cookies.end() ? cookie : own->second);
  const auto failed =
      asio::co_spawn(context(), std::move(naming), asio::bind_cancellation_slot(first->stop.slot(), asio::use_future))
          .get();
  asio::post(context(), [first] {});  // Asio may use its signal until the coroutine has gone
  if (failed) return fail(errc::nodedown, to_term(explain(options_.named_by, *failed)));
  const auto [node, host] = halves(first->result().our_name);
  name_.node = node;
  name_.host = host;
  if (auto done = become(first->result().our_creation, std::move(cookie)); !done) return done;
  if (auto done = boot(); !done) return done;
  board_->adopt(first);
  std::promise<result<void>> told;
  board_->connect(options_.named_by, [&told](result<void> outcome) { told.set_value(std::move(outcome)); });
  return told.get_future().get();
}

asio::awaitable<std::optional<dist::peer_reason>> node_state::be_named(std::shared_ptr<attempt> first,
                                                                       finder_plan known, std::string cookie) {
  const auto self = shared_from_this();
  const auto finder = std::make_shared<peer_finder>(context(), std::move(known), epmd_->client(), nullptr);
  first->new_step();
  auto failed = co_await reach(first, locator_of(finder));
  if (failed) co_return failed;
  auto as = handshake_as(name_.host, 0, name_.kind, offer_of(options_));
  co_return co_await call_alone(first, std::move(as), std::move(cookie));
}

result<void> node_state::open_sockets() {
  const auto own = plan_addresses(name_, options_.listen, resolve);
  if (!own) return refuse(own.error());
  const auto first =
      options_.epmd == epmd_mode::none && options_.listen_port_min == 0 ? options_.peer_port : options_.listen_port_min;
  auto opened = open_listeners(context(), *own, first, options_.listen_port_max);
  if (!opened) return refuse(opened.error());
  listeners_ = *std::move(opened);
  port_ = listeners_.front().local_endpoint().port();
  const auto by = tls_ == nullptr ? carrier::clear : carrier::tls;
  if (const auto text = listening_note(name_.host, *own, outside_addresses(), by); !text.empty())
    note(log_level::warning, text);
  return meet_port_mapper(*own);
}

result<void> node_state::meet_port_mapper(const addresses& own) {
  const auto environment = epmd::read_environment();
  if (!environment && options_.epmd_port == 0) return refuse("ERL_EPMD_PORT is not a port number");
  auto plan = plan_epmd(own);
  plan.port = options_.epmd_port != 0 ? options_.epmd_port : environment->port;
  const auto& listed = options_.epmd_address.empty() && environment ? environment->addresses : options_.epmd_address;
  if (!listed.empty()) {
    auto parsed = epmd::parse_addresses(listed);
    if (!parsed) return refuse("\"" + parsed.error() + "\" is no address for the port mapper");
    plan.addresses = *std::move(parsed);
  }
  epmd_ = std::make_shared<epmd_link>(context(), std::move(plan), name_,
                                      [this](log_level level, std::string text) { note(level, std::move(text)); });
  return {};
}

finder_plan node_state::plan_finding() const {
  return {options_.epmd, options_.peer_port, options_.routes, options_.resolve};
}

epmd_plan node_state::plan_epmd(const addresses& own) const {
  epmd_plan plan;
  plan.mode = options_.epmd;
  plan.patience = options_.limits.handshake_step;
  const bool everywhere = std::ranges::any_of(own, [](const auto& one) { return one.is_unspecified(); });
  if (!everywhere) plan.addresses = own;
  return plan;
}

result<std::uint32_t> node_state::enroll() {
  const auto told = options_.advertised_port != 0 ? options_.advertised_port : port_;
  auto outcome = asio::co_spawn(context(), epmd_->start(told, options_.visibility), asio::use_future).get();
  if (outcome && options_.creation != 0) return options_.creation;
  if (outcome) return *outcome != 0 ? *outcome : random_creation();  // 0 would stand for every incarnation
  if (outcome.error().name_taken) return fail(errc::name_taken, etf::binary(outcome.error().text));
  return refuse(outcome.error().text);
}

result<void> node_state::become(std::uint32_t creation, std::string cookie) {
  const auto name = etf::atom::make(name_.text());
  const auto self = name ? etf::node_id::make(*name, creation) : std::unexpected{name.error()};
  if (!self) return fail(errc::system_limit, "atoms"_atom);
  try {
    local_ = name_.text() == no_name ? &runtime_.anonymous() : &runtime_.add_node(*self);
  } catch (const std::length_error& full) {
    return fail(errc::system_limit, etf::binary(full.what()));
  }
  identity who{.name = name_.text(),
               .creation = creation,
               .naming = name_.kind,
               .offer = offer_of(options_),
               .cookie = std::move(cookie),
               .peer_cookies = std::move(options_.peer_cookies),
               .allow = dist::allow_list{options_.allow},
               .tls = tls_,
               .named_by = options_.named_by};
  const auto aside = [this](std::function<void()> work, std::function<void()> done) {
    return run_aside(std::move(work), std::move(done));
  };
  const auto locate = locator_of(std::make_shared<peer_finder>(context(), plan_finding(), epmd_->client(), aside));
  const auto told = [this](const event& happened) { report(happened); };
  board_ = std::make_shared<switchboard>(context(), std::move(who), options_.limits, locate, told);
  const dist::liveness_options liveness{.tick_time = options_.net_ticktime, .intensity = options_.tick_intensity};
  terms_.reset(
      new connection_terms{*local_, *board_, trace_, functions_, options_.limits, liveness, packets_of(options_)});
  ways_ = std::make_unique<router>(*terms_);
  board_->use(*ways_);
  local_->connect(ways_.get());
  const auto kernel =
      runtime_.spawn(*local_, spawn_options{.name = "net_kernel"_atom, .trap_exits = true}, make_net_kernel());
  if (!kernel) return std::unexpected{kernel.error()};
  terms_->speaker = *kernel;
  const auto rex = runtime_.spawn(*local_, spawn_options{.name = "rex"_atom, .trap_exits = true}, make_rex(functions_));
  if (!rex) return std::unexpected{rex.error()};
  builtin_facts shown{board_, options_.net_ticktime};
  shown.system.bytes = [ways = ways_.get(), board = board_.get()] { return bytes_over(*ways, *board); };
  shown.system.sockets = [ways = ways_.get(), board = board_.get()] { return sockets_of(*ways, *board); };
  shown.system.busy = options_.limits.busy;
  add_builtins(*functions_, shown);
  board_users_ = board_.use_count();
  epmd_users_ = epmd_.use_count();
  return {};
}

// The process ends with the node, so that nothing of the node is left to be told by work that goes on.
bool node_state::run_aside(std::function<void()> work, std::function<void()> done) {
  return runtime_.spawn(*local_, work_aside, std::move(work), std::move(done)).has_value();
}

void node_state::begin_accepting() {
  asio::co_spawn(context(), epmd_->keep(), asio::detached);
  for (std::size_t index = 0; index < listeners_.size(); ++index)
    asio::co_spawn(context(), accept_all(index), asio::detached);
}

// Nothing but the end of the node ends this: neither a peer that was gone before it was accepted, nor a lack of
// descriptors.
asio::awaitable<void> node_state::accept_all(std::size_t listener) {
  const auto self = shared_from_this();
  auto& listening = listeners_[listener];
  asio::steady_timer pause{context()};
  while (!stopping_.load(std::memory_order_acquire)) {
    auto done = co_await listening.async_accept(use_tuple);
    const auto failed = std::get<0>(done);
    if (!failed) {
      welcome(std::move(std::get<1>(done)));
    } else if (is_shortage(failed)) {
      turn_away(listening);
      pause.expires_after(accept_pause);
      co_await pause.async_wait(use_tuple);
    } else if (failed != asio::error::operation_aborted && failed != asio::error::connection_aborted) {
      pause.expires_after(accept_pause);
      co_await pause.async_wait(use_tuple);
    }
  }
}

void node_state::welcome(asio::ip::tcp::socket caller) try {
  spare_.take();
  board_->accepted(std::move(caller));
} catch (const std::bad_alloc&) {
  board_->short_of_memory();
}

// Callers that nothing is left for are accepted on the spare descriptor and closed: they would wait in vain otherwise.
void node_state::turn_away(asio::ip::tcp::acceptor& listening) {
  constexpr std::size_t most_at_once = 64;
  std::size_t count = 0;
  spare_.give_up();
  boost::system::error_code failed;
  listening.non_blocking(true, failed);
  while (!failed && count < most_at_once) {
    const auto unheard = listening.accept(failed);
    count += failed ? 0 : 1;
  }
  spare_.take();
  board_->short_of_descriptors(count);
}

// ----- stop ---------------------------------------------------------------------------------------------------------

// Refuse new work, end the processes, write what they said last, close.
void node_state::stop(duration grace) {
  const std::scoped_lock lock{stop_mutex_};
  if (stopping_.exchange(true, std::memory_order_acq_rel)) return;
  close_everything(grace);
  // A lent context may run out of work from now on; core 0 is to see that nobody waits for its timers any more.
  asio::post(context(), [self = shared_from_this()] {
    self->work_.reset();
    self->runtime_.parker_of(0).unpark();
  });
}

bool node_state::at_rest() const noexcept {
  return (board_ == nullptr || board_.use_count() <= board_users_) &&
         (epmd_ == nullptr || epmd_.use_count() <= epmd_users_);
}

void node_state::close_everything(duration grace) {
  auto closed = std::make_shared<std::promise<void>>();
  auto waiting = closed->get_future();
  asio::post(context(), [self = shared_from_this(), closed] {
    boost::system::error_code ignored;
    for (auto& listener : self->listeners_) listener.close(ignored);
    self->spare_.give_up();
    if (self->local_ == nullptr && self->epmd_ != nullptr) self->epmd_->stop();
    closed->set_value();
  });
  const auto limit =
      std::chrono::duration_cast<std::chrono::milliseconds>(options_.limits.drain) + std::chrono::seconds{1};
  if (waiting.wait_for(limit) != std::future_status::ready)
    note(log_level::error, "stops, although its first core does not answer");
  if (local_ == nullptr) return;
  end_processes(grace);
  close_connections();
  local_->connect(nullptr);
  note(log_level::info, "has stopped");
}

void node_state::end_processes(duration grace) {
  const auto end_all = [this](atom reason) {
    for (const auto& process : runtime_.processes(*local_)) {
      local_->route_local(process, make_signal(signal_kind::exit, pid{}, term{reason}));
    }
  };
  const auto none_left = [this] { return runtime_.processes(*local_).empty(); };
  const auto until = clock::now() + grace;
  for (const auto& process : stopped_first(*local_)) {
    local_->route_local(process, make_signal(signal_kind::exit, pid{}, term{"shutdown"_atom}));
    if (!wait_until(until, [this, process] { return !runtime_.alive(process); })) break;
  }
  end_all("shutdown"_atom);
  if (wait_until(until, none_left)) return;
  note(log_level::warning,
       "kills " + std::to_string(runtime_.processes(*local_).size()) + " process(es) that did not end in time");
  end_all("kill"_atom);
  (void)wait_until(clock::now() + grace, none_left);
}

void node_state::close_connections() {
  auto closed = std::make_shared<std::promise<void>>();
  auto waiting = closed->get_future();
  board_->stop([self = shared_from_this(), closed] {
    self->epmd_->stop();
    self->ways_->retire();
    closed->set_value();
  });
  const auto limit = options_.limits.drain + std::chrono::seconds{2};
  if (waiting.wait_for(limit) != std::future_status::ready)
    note(log_level::error, "stops, although not all of its connections are closed: " + ways_->still_up());
}

}  // namespace ergo::inline v0::detail
