// Registration and look-up.
#include "epmd_link.hpp"

#include "crypto.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace asio = boost::asio;

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

std::string sentence(const epmd::error& failed) {
  auto text = std::string{epmd::describe(failed.code)};
  if (failed.cause) text += ": " + failed.cause.message();
  return text;
}

}  // namespace

epmd_policy::step epmd_policy::next(bool serving) noexcept {
  if (mode_ == epmd_mode::embedded && !serving && !served_) {
    served_ = true;
    return step::serve;
  }
  if (!enrolled_) {
    enrolled_ = true;
    return step::enroll;
  }
  served_ = enrolled_ = false;
  return step::pause;
}

std::chrono::milliseconds epmd_policy::pause(std::uint32_t random) noexcept {
  constexpr std::uint32_t shortest = 25;
  constexpr std::uint32_t longest = 200;
  const auto base = std::min(shortest << std::min(rounds_, 4U), longest);
  ++rounds_;
  return std::chrono::milliseconds{base + random % base};
}

bool epmd_policy::may_come(epmd::errc failed, bool contested) const noexcept {
  if (mode_ != epmd_mode::embedded) return false;
  if (failed == epmd::errc::cannot_connect) return contested;
  return failed == epmd::errc::closed_early || failed == epmd::errc::connection_lost;
}

void epmd_policy::registered() noexcept {
  served_ = enrolled_ = false;
  rounds_ = 0;
}

epmd_link::epmd_link(asio::io_context& on, epmd_plan plan, full_name name,
                     std::function<void(log_level, std::string)> note)
    : context_{on},
      plan_{std::move(plan)},
      name_{std::move(name)},
      note_{std::move(note)},
      client_{on.get_executor(), epmd::client_options{.port = plan_.port, .timeout = plan_.patience}},
      timer_{on} {}

epmd_link::port_state epmd_link::serve() {
  epmd::server_options options;
  options.port = plan_.port;
  options.addresses = plan_.addresses;
  server_.emplace(context_.get_executor(), options);
  const auto listening = server_->listen();
  if (listening) {
    note_(log_level::info, "runs the port mapper at port " + std::to_string(plan_.port));
    return port_state::ours;
  }
  server_.reset();
  if (listening.error().what.code == epmd::errc::address_in_use) return port_state::taken;
  note_(log_level::warning, "cannot run the port mapper: " + sentence(listening.error().what));
  return port_state::unusable;
}

asio::awaitable<std::expected<std::uint32_t, epmd::error>> epmd_link::enroll() {
  auto got = co_await client_.async_register(record_, asio::use_awaitable);
  std::expected<std::uint32_t, epmd::error> outcome;
  if (got) {
    registration_ = std::move(*got);
    outcome = registration_.creation();
  } else {
    outcome = std::unexpected{got.error()};
  }
  co_return outcome;
}

// After a round that failed, nodes that are running already come first: they are to have their names again before a new
// one may ask for them.
asio::awaitable<std::expected<std::uint32_t, epmd::error>> epmd_link::enroll_first() {
  constexpr std::chrono::milliseconds behind_others{100};
  epmd_policy policy{plan_.mode};
  const auto until = std::chrono::steady_clock::now() + plan_.patience;
  bool contested = false;
  for (;;) {
    const auto step = policy.next(serves());
    if (step == epmd_policy::step::serve) {
      contested = serve() == port_state::taken;
    } else if (step == epmd_policy::step::enroll) {
      auto creation = co_await enroll();
      const bool last = std::chrono::steady_clock::now() >= until;
      if (creation || last || !policy.may_come(creation.error().code, contested)) co_return creation;
    } else {
      timer_.expires_after(behind_others + policy.pause(random_number()));
      co_await timer_.async_wait(use_tuple);
    }
  }
}

asio::awaitable<std::expected<std::uint32_t, epmd_link::start_failure>> epmd_link::start(std::uint16_t port,
                                                                                         visibility seen) {
  record_.name = name_.node;
  record_.port = port;
  record_.type = seen == visibility::hidden ? epmd::node_type::hidden : epmd::node_type::normal;
  std::expected<std::uint32_t, start_failure> outcome;
  if (plan_.mode == epmd_mode::none) {
    outcome = random_creation();
    co_return outcome;
  }
  const auto creation = co_await enroll_first();
  if (creation) {
    outcome = *creation;
    co_return outcome;
  }
  start_failure failure;
  failure.name_taken = creation.error().code == epmd::errc::name_taken;
  failure.text = "the port mapper at port " + std::to_string(plan_.port) + " does not register " + name_.node + ": " +
                 sentence(creation.error());
  outcome = std::unexpected{std::move(failure)};
  server_.reset();
  co_return outcome;
}

asio::awaitable<void> epmd_link::keep() {
  const auto self = shared_from_this();
  if (plan_.mode == epmd_mode::none) co_return;
  while (!stopping_) {
    const auto reason = co_await registration_.async_lost(asio::use_awaitable);
    if (stopping_) break;
    note_(log_level::warning,
          "has lost its registration at the port mapper (" + sentence(reason) + ") and registers again");
    const bool back = co_await enroll_again();
    if (!back) break;
    note_(log_level::info, "is registered at the port mapper again");
  }
}

asio::awaitable<bool> epmd_link::enroll_again() {
  epmd_policy policy{plan_.mode};
  while (!stopping_) {
    const auto step = policy.next(serves());
    if (step == epmd_policy::step::serve) {
      (void)serve();
    } else if (step == epmd_policy::step::enroll) {
      const auto creation = co_await enroll();  // a running node keeps its first creation
      if (creation && !stopping_) co_return true;
    } else {
      timer_.expires_after(policy.pause(random_number()));
      co_await timer_.async_wait(use_tuple);
    }
  }
  co_return false;
}

void epmd_link::stop() {
  stopping_ = true;
  timer_.cancel();
  registration_.close();
  if (!server_) return;
  const std::vector<std::string> own{name_.node};
  if (const auto others = server_->foreign_names(own); others != 0) {
    note_(log_level::warning, "takes its port mapper with it, which holds " + std::to_string(others) +
                                  " other name(s): they cannot be found until they register elsewhere");
  }
  server_->stop();
}

}  // namespace ergo::inline v0::detail
