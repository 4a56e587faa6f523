// The node as its users see it.
#include <ergo/node.hpp>

#include "cookie.hpp"
#include "node_state.hpp"

#include <ergo/detail/core_api.hpp>
#include <ergo/reactor.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <future>
#include <string>
#include <thread>
#include <utility>

namespace ergo::inline v0 {
namespace {

std::expected<detail::full_name, std::string> name_of(const node_options& options) {
  const auto here = detail::read_host_names();
  if (options.named_by.empty()) return detail::complete_name(options.name, options.names, here);
  return detail::complete_unnamed(options.name, options.names, options.named_by, here);
}

result<void> run_boot(const node_boot& boot, node& of) {
  if (!boot) return {};
  try {
    return boot(of);
  } catch (const std::exception& failed) {
    return fail(errc::badarg, etf::binary("node_options::boot has thrown: " + std::string{failed.what()}));
  } catch (...) {
    return fail(errc::badarg, etf::binary("node_options::boot has thrown what is no std::exception"));
  }
}

// In a context that outlives the node, nothing of the node may be left: what was closed has yet to hear of it.
void come_to_rest(const std::shared_ptr<detail::node_state>& state) {
  constexpr auto patience = std::chrono::seconds{30};  // for the system's resolver, which cannot be interrupted
  constexpr long kept_and_ours = 2;
  auto& first = state->first_core();
  if (!first.lent()) return;
  detail::run_beside(first, [&] {
    const auto until = std::chrono::steady_clock::now() + patience;
    const auto at_rest = [&] {
      auto asked = std::make_shared<std::promise<bool>>();
      auto answer = asked->get_future();
      boost::asio::post(first.context(),
                        [asked, &state] { asked->set_value(state.use_count() == kept_and_ours && state->at_rest()); });
      return answer.get();
    };
    while (!at_rest() && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  });
  detail::settle(first);
}

}  // namespace

result<std::unique_ptr<node>> node::start(ergo::runtime& on, node_options options) {
  auto* const first = detail::find_reactor(on, 0);
  for (unsigned core = 0; core < on.cores(); ++core) {
    if (detail::find_reactor(on, core) == nullptr) {
      return fail(errc::badarg,
                  etf::binary("a node needs cores that are reactors: make the runtime with ergo::networked(options)"));
    }
  }
  if (options.executor != nullptr && &first->context() != options.executor) {
    return fail(errc::badarg,
                etf::binary("node_options::executor is not what core 0 of this runtime runs on: make the runtime with "
                            "ergo::networked(context, options)"));
  }
  constexpr std::size_t smallest_fragment = 1'500;
  if (options.fragment != 0 && options.fragment < smallest_fragment)
    return fail(errc::badarg, etf::binary("node_options::fragment is 0 or at least 1,500 bytes"));
  auto name = name_of(options);
  if (!name) return fail(errc::badarg, etf::binary(name.error()));
  auto cookie = detail::own_cookie(options);
  if (!cookie) return fail(errc::badarg, etf::binary(cookie.error()));
  if (const auto* const traced = std::getenv("ERGO_TRACE")) options.trace = options.trace | detail::parse_trace(traced);
  std::unique_ptr<node> made{new node};
  const auto boot = [wanted = std::move(options.boot), &made] { return run_boot(wanted, *made); };
  made->state_ = std::make_shared<detail::node_state>(on, *first, std::move(options), *std::move(name));
  const auto& state = made->state_;
  first->keep(state);
  result<void> started;
  detail::run_beside(*first, [&] {
    started = state->start(*std::move(cookie), boot);
    if (!started) state->stop(duration::zero());
  });
  if (!started) return std::unexpected{started.error()};
  return made;
}

result<std::unique_ptr<node>> node::start(node_options options, runtime_options runtime) {
  if (options.executor != nullptr) {
    runtime = networked(*options.executor, std::move(runtime));
  } else if (!runtime.make_parker) {
    runtime.make_parker = reactor_parkers();
  }
  auto own = std::make_unique<ergo::runtime>(std::move(runtime));
  auto made = start(*own, std::move(options));
  if (made) (*made)->own_runtime_ = std::move(own);
  return made;
}

node::~node() {
  if (state_ == nullptr) return;
  detail::run_beside(state_->first_core(), [this] { state_->stop(std::chrono::seconds{1}); });
  if (own_runtime_ != nullptr) own_runtime_->stop();
  come_to_rest(state_);
  if (own_runtime_ != nullptr) state_.reset();
}

ergo::runtime& node::runtime() const noexcept { return state_->runtime(); }
local_node& node::local() const noexcept { return state_->local(); }
atom node::name() const noexcept { return local().name(); }
std::uint32_t node::creation() const noexcept { return local().identity().creation(); }
std::uint16_t node::port() const noexcept { return state_->port(); }

result<void> node::connect(std::string_view peer, duration timeout) {
  if (!dist::valid_node_name(peer) || peer == name().text()) return fail(errc::badarg, etf::binary(peer));
  const auto name_of_peer = etf::atom::find(peer);
  const auto* const way = name_of_peer ? state_->ways().find(*name_of_peer) : nullptr;
  // One that was disconnected, or is lost already, is on the board for a moment; what counts is the next.
  if (way != nullptr && way->is_staying() && state_->board().is_connected(peer)) return {};
  const auto told = std::make_shared<std::promise<result<void>>>();
  auto outcome = told->get_future();
  state_->board().connect(std::string{peer}, [told](result<void> how) { told->set_value(std::move(how)); });
  if (outcome.wait_for(timeout) != std::future_status::ready) return fail(errc::timeout);
  return outcome.get();
}

bool node::disconnect(std::string_view peer) {
  const auto name = etf::atom::find(peer);
  auto* const way = name ? state_->ways().find(*name) : nullptr;
  const auto ended = way != nullptr ? way->separate() : dist::attempt_id::none;
  if (ended == dist::attempt_id::none) return false;
  state_->board().disconnect(std::string{peer}, ended);
  return true;
}

std::vector<atom> node::nodes(node_set which) const { return state_->board().nodes(which); }
bool node::is_connected(std::string_view peer) const { return state_->board().is_connected(peer); }
subscription node::subscribe(node_observer observer) { return state_->board().subscribe(std::move(observer)); }

std::optional<connection_counters> node::counters(std::string_view peer) const {
  const auto name = etf::atom::find(peer);
  const auto* const way = name ? state_->ways().find(*name) : nullptr;
  if (way == nullptr || !way->is_up()) return std::nullopt;
  return way->counters();
}

node_figures node::figures() const { return state_->figures(); }

void node::send(const destination& to, term content) {
  local().route(to, detail::make_signal(detail::signal_kind::message, pid{}, std::move(content)));
}

result<provided_function> node::provide_graded(std::string_view module, std::string_view function, std::size_t arity,
                                               std::vector<graded_function> grades) {
  const auto read = [](std::string_view text) -> result<atom> {
    const auto made = etf::atom::make(text);
    if (made) return *made;
    if (made.error().code == etf::errc::atom_table_full) return fail(errc::system_limit, "atoms"_atom);
    return fail(errc::badarg, etf::binary(text));
  };
  const auto of = read(module);
  if (!of) return std::unexpected{of.error()};
  const auto name = read(function);
  if (!name) return std::unexpected{name.error()};
  std::vector<detail::graded_body> held;
  for (auto& one : grades) held.push_back({one.needed, std::make_shared<const remote_function>(std::move(one.body))});
  const auto id = state_->functions().add({*of, *name, arity}, std::move(held));
  if (!id) return std::unexpected{id.error()};
  return provided_function{*of, *name, arity, *id};
}

bool node::revoke(provided_function which) {
  if (which.id() == 0) return false;
  return state_->functions().remove({which.module(), which.function(), which.arity()}, which.id());
}

bool node::revoke(std::string_view module, std::string_view function, std::size_t arity) {
  const auto of = etf::atom::find(module);
  const auto name = etf::atom::find(function);
  return of && name && state_->functions().remove({*of, *name, arity});
}

result<void> node::reload_tls() { return state_->reload_tls(nullptr); }
result<void> node::reload_tls(const tls_options& next) { return state_->reload_tls(&next); }

void node::trace(trace_category categories) noexcept { state_->trace().enable(categories); }
void node::untrace(trace_category categories) noexcept { state_->trace().disable(categories); }

void node::stop(duration grace) {
  auto& first = state_->first_core();
  const bool in_handler = first.lent() && first.context().get_executor().running_in_this_thread();
  if (detail::current_core() < 0 && !in_handler) return detail::run_beside(first, [&] { state_->stop(grace); });
  std::thread{[state = state_, grace] { state->stop(grace); }}.detach();
}

int node::run_until_signal(duration grace) {
  struct waiting {
    explicit waiting(boost::asio::io_context& on) : signals{on, SIGINT, SIGTERM} {}
    boost::asio::signal_set signals;
    std::promise<int> first;
  };
  auto& context = state_->context();
  const auto held = std::make_shared<waiting>(context);
  auto got = held->first.get_future();
  boost::asio::post(context, [held] {
    held->signals.async_wait([held](const boost::system::error_code& failed, int number) {
      if (failed) return;
      held->first.set_value(number);
      held->signals.async_wait([held](const boost::system::error_code& ended, int again) {
        if (!ended) ::_exit(128 + again);  // the second one means: now
      });
    });
  });
  if (state_->first_core().lent()) {
    while (got.wait_for(duration::zero()) != std::future_status::ready) context.run_one();
  }
  const auto number = got.get();
  stop(grace);
  boost::asio::post(context, [held] {
    boost::system::error_code ignored;
    held->signals.cancel(ignored);
  });
  return number;
}

}  // namespace ergo::inline v0
