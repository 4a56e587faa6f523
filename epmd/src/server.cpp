// The server: accepts, reads, writes and keeps time; every decision about a client is its session's.
#include "ergo/epmd/server.hpp"

#include <ergo/epmd/spare_descriptor.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <optional>
#include <utility>

#include "connection.hpp"
#include "listening.hpp"

namespace ergo::inline v0::epmd {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

constexpr auto keep_error = asio::as_tuple(asio::use_awaitable);

/// The pause after an accept that failed for a reason that will not go away by itself at once.
constexpr std::chrono::milliseconds accept_pause{50};

std::uint32_t seconds_now() { return static_cast<std::uint32_t>(std::time(nullptr)); }

/// Places that registrations never take, so that a full server still answers queries.
std::size_t places_for_queries(std::size_t max_clients) {
  return std::min(std::clamp<std::size_t>(max_clients / 16, 4, 256), max_clients / 2);
}

/// The client is gone or the error is of this one accept: the next one may succeed at once.
bool concerns_one_client(const error_code& failed) {
  const int code = failed.value();
  return code == ECONNABORTED || code == EINTR || code == EPROTO || code == EAGAIN || code == ECONNRESET;
}

bool is_shortage(const error_code& failed) {
  const int code = failed.value();
  return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

}  // namespace

class server::impl : public std::enable_shared_from_this<impl> {
 public:
  impl(asio::any_io_executor executor, server_options options, observer watch)
      : executor_{std::move(executor)},
        options_{std::move(options)},
        watch_{std::move(watch)},
        names_{{.names = options_.max_clients - places_for_queries(options_.max_clients),
                .unused = options_.max_unused_names}},
        port_{options_.port},
        sweep_{executor_} {}

  std::expected<void, listen_failure> listen();
  std::expected<void, listen_failure> adopt(int descriptor);
  void stop();

  std::vector<tcp::endpoint> endpoints() const;
  bool is_running() const noexcept { return !acceptors_.empty(); }
  std::uint16_t port() const noexcept { return port_; }
  const directory& names() const noexcept { return names_; }
  std::size_t clients() const noexcept { return table_.size(); }

 private:
  using client_ptr = std::shared_ptr<connection>;
  using acceptor_ptr = std::shared_ptr<tcp::acceptor>;

  static asio::awaitable<void> accept_all(std::shared_ptr<impl> self, acceptor_ptr from);
  static asio::awaitable<void> serve(std::shared_ptr<impl> self, client_ptr client);
  static asio::awaitable<void> pause(asio::any_io_executor on, std::chrono::milliseconds time);

  std::expected<std::vector<tcp::acceptor>, listen_failure> open_all();
  void start(tcp::acceptor acceptor);
  void admit(tcp::socket socket);
  bool make_room(const asio::ip::address& source);
  bool survive(tcp::acceptor& from, const error_code& failed);
  void turn_away(tcp::acceptor& from);
  void set_deadline(connection& client) const;
  std::optional<session::event> read(connection& client);
  session::action advance(const client_ptr& client, const session::event& what);
  void close(const client_ptr& client);
  void dismiss(const client_ptr& client, errc reason);
  void arm_sweep();
  void sweep();
  void report(const connection& client, session_report what);
  void report(server_event::kind what, const tcp::endpoint& peer, std::error_code cause = {});
  void emit(const server_event& what) {
    if (watch_ && !stopped_) watch_(what);
  }

  asio::any_io_executor executor_;
  server_options options_;
  observer watch_;
  directory names_;
  connection_table table_;
  std::vector<acceptor_ptr> acceptors_;
  std::uint16_t port_;
  std::uint64_t last_id_ = 0;
  asio::steady_timer sweep_;
  bool sweep_armed_ = false;
  bool stopped_ = false;  // silences the observer, which may be running at that moment
  spare_descriptor spare_;
  std::array<char, 4096> buffer_;  // shared: filled and used up without a suspension in between
};

// ----- listening ----------------------------------------------------------------------------------------------------

std::expected<void, listen_failure> server::impl::listen() {
  stopped_ = false;
  auto opened = open_all();
  // A port that the system chose for the first address may be taken at another one: then it chooses again.
  for (int tries = 1; tries < 32 && !opened && options_.port == 0 && opened.error().what.code == errc::address_in_use;
       ++tries)
    opened = open_all();
  if (!opened) return std::unexpected{opened.error()};
  port_ = opened->front().local_endpoint().port();
  for (auto& acceptor : *opened) start(std::move(acceptor));
  return {};
}

/// Listens on every planned address, all at the same port, or on none.
std::expected<std::vector<tcp::acceptor>, listen_failure> server::impl::open_all() {
  std::vector<tcp::acceptor> opened;
  listen_failure skipped{{errc::cannot_listen, {}}, {}};
  auto port = options_.port;
  for (const auto& [address, need] : plan_listening(options_.addresses)) {
    const tcp::endpoint where{address, port};
    auto acceptor = open_acceptor(executor_, where);
    if (acceptor) {
      port = acceptor->local_endpoint().port();
      opened.push_back(std::move(*acceptor));
    } else if (need == demand::optional && is_absent(acceptor.error().cause)) {
      skipped = {acceptor.error(), where};
      report(server_event::kind::address_skipped, where, acceptor.error().cause);
    } else {
      return std::unexpected{listen_failure{acceptor.error(), where}};
    }
  }
  if (opened.empty()) return std::unexpected{skipped};
  return opened;
}

std::expected<void, listen_failure> server::impl::adopt(int descriptor) {
  const auto failed_with = [](int code) {
    return std::unexpected{
        listen_failure{{errc::cannot_listen, std::error_code{code, std::system_category()}}, tcp::endpoint{}}};
  };
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  int listens = 0;
  socklen_t listens_size = sizeof listens;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &size) != 0) return failed_with(errno);
  if (own.ss_family != AF_INET && own.ss_family != AF_INET6) return failed_with(EAFNOSUPPORT);
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0) return failed_with(errno);
  if (!listens) return failed_with(EINVAL);
  tcp::acceptor acceptor{executor_};
  error_code failed;
  acceptor.assign(own.ss_family == AF_INET ? tcp::v4() : tcp::v6(), descriptor, failed);
  if (!failed) acceptor.non_blocking(true, failed);
  if (failed) return failed_with(failed.value());
  stopped_ = false;
  start(std::move(acceptor));
  return {};
}

void server::impl::start(tcp::acceptor acceptor) {
  auto shared = std::make_shared<tcp::acceptor>(std::move(acceptor));
  acceptors_.push_back(shared);
  asio::co_spawn(executor_, accept_all(shared_from_this(), std::move(shared)), asio::detached);
}

void server::impl::stop() {
  stopped_ = true;
  for (const auto& acceptor : acceptors_) {
    error_code ignored;
    acceptor->close(ignored);
  }
  acceptors_.clear();
  while (const auto client = table_.any()) dismiss(client, errc::stopped);
  sweep_.cancel();
}

std::vector<tcp::endpoint> server::impl::endpoints() const {
  std::vector<tcp::endpoint> all;
  for (const auto& acceptor : acceptors_) {
    error_code failed;
    const auto where = acceptor->local_endpoint(failed);
    if (!failed) all.push_back(where);
  }
  return all;
}

// ----- accepting ----------------------------------------------------------------------------------------------------

asio::awaitable<void> server::impl::accept_all(std::shared_ptr<impl> self, acceptor_ptr from) {
  while (from->is_open()) {
    if (self->options_.delay_accept.count() > 0) {
      co_await from->async_wait(tcp::acceptor::wait_read, keep_error);
      co_await pause(self->executor_, self->options_.delay_accept);
    }
    auto accepted = co_await from->async_accept(keep_error);
    if (!from->is_open()) co_return;
    const error_code failed = std::get<0>(accepted);
    if (!failed) {
      self->admit(std::move(std::get<1>(accepted)));
    } else if (!self->survive(*from, failed)) {
      co_await pause(self->executor_, accept_pause);
    }
  }
}

asio::awaitable<void> server::impl::pause(asio::any_io_executor on, std::chrono::milliseconds time) {
  asio::steady_timer timer{on, time};
  co_await timer.async_wait(keep_error);
}

/// Deals with a failed accept; true when the next one may be tried at once. Nothing that accept says ends the server.
bool server::impl::survive(tcp::acceptor& from, const error_code& failed) {
  if (concerns_one_client(failed)) return true;
  report(server_event::kind::accept_failed, {}, failed);
  if (!is_shortage(failed)) return false;
  if (const auto idle = table_.oldest()) {
    dismiss(idle, errc::displaced);
    return true;
  }
  turn_away(from);
  return false;
}

/// Accepts the waiting clients on the spare descriptor and closes them, so that they need not wait for nothing.
void server::impl::turn_away(tcp::acceptor& from) {
  constexpr int most_at_once = 64;
  spare_.give_up();
  error_code failed;
  for (int count = 0; count < most_at_once && !failed; ++count) {
    tcp::endpoint peer;
    const tcp::socket unheard = from.accept(peer, failed);
    if (!failed) report(server_event::kind::turned_away, peer);
  }
  spare_.take();
}

void server::impl::admit(tcp::socket socket) {
  error_code failed;
  const auto peer = socket.remote_endpoint(failed);
  if (failed) return;  // gone already
  const auto own = socket.local_endpoint(failed);
  if (failed) return;
  socket.non_blocking(true, failed);
  const auto source = source_of(peer.address());
  if (!make_room(source)) return report(server_event::kind::turned_away, peer);

  const auto where = locality_of(peer.address(), own.address());
  const session_terms terms{.id = owner_id{++last_id_},
                            .descriptor = socket.native_handle(),
                            .peer = where,
                            .check = options_.check,
                            .epmd_port = port_};
  auto client = std::make_shared<connection>(std::move(socket), terms);
  client->peer = peer;
  client->source = source;
  set_deadline(*client);
  table_.add(client);
  arm_sweep();
  emit({.what = server_event::kind::connected, .peer = peer, .where = where, .descriptor = client->descriptor});
  asio::co_spawn(executor_, serve(shared_from_this(), std::move(client)), asio::detached);
}

/// Makes room for a client, at the cost of the oldest idle one where it must be; false when there is no room.
bool server::impl::make_room(const asio::ip::address& source) {
  if (table_.transient_from(source) >= std::max<std::size_t>(options_.max_idle_per_address, 1))
    dismiss(table_.oldest_from(source), errc::displaced);
  if (table_.size() < options_.max_clients) return true;
  const auto idle = table_.oldest();
  if (!idle) return false;
  dismiss(idle, errc::displaced);
  return true;
}

// ----- one client ---------------------------------------------------------------------------------------------------

asio::awaitable<void> server::impl::serve(std::shared_ptr<impl> self, client_ptr client) {
  session::action now{.next = session::step::read};
  while (client->socket.is_open()) {
    std::optional<session::event> happened;
    if (now.next == session::step::read) {
      co_await client->socket.async_wait(tcp::socket::wait_read, keep_error);
      if (!client->socket.is_open()) co_return;
      happened = self->read(*client);
    } else {
      if (self->options_.delay_write.count() > 0) co_await pause(self->executor_, self->options_.delay_write);
      auto sent = co_await asio::async_write(client->socket, asio::buffer(now.reply), keep_error);
      if (!client->socket.is_open()) co_return;
      happened = std::get<0>(sent) ? session::event{session::ended{}} : session::event{session::reply_sent{}};
    }
    if (happened) now = self->advance(client, *happened);
  }
}

/// Takes what has come, if anything has; the bytes stay valid until the next read of any client.
std::optional<session::event> server::impl::read(connection& client) {
  error_code failed;
  const auto size = client.socket.read_some(asio::buffer(buffer_), failed);
  if (failed == asio::error::would_block || failed == asio::error::interrupted) return std::nullopt;
  if (failed) return session::ended{};
  if (!std::exchange(client.has_begun, true)) {
    set_deadline(client);
    table_.renew(client);
  }
  return session::received{std::string_view{buffer_.data(), size}};
}

/// Feeds the session and does everything it asks for but reading and sending.
session::action server::impl::advance(const client_ptr& client, const session::event& what) {
  auto decided = client->machine.resume(what, names_, seconds_now());
  if (!client->machine.is_transient()) table_.settle(*client);
  const bool over = decided.next == session::step::close || decided.next == session::step::kill;
  if (over) close(client);
  if (decided.evicted)
    if (const auto evicted = table_.find(*decided.evicted)) dismiss(evicted, errc::stopped);
  report(*client, decided.report);
  if (decided.second_report) report(*client, *decided.second_report);
  if (decided.next == session::step::kill) {
    stop();
    if (watch_) watch_({.what = server_event::kind::killed, .peer = client->peer, .where = client->where});
  }
  return decided;
}

void server::impl::close(const client_ptr& client) {
  table_.remove(*client);
  error_code ignored;
  client->socket.close(ignored);
}

void server::impl::dismiss(const client_ptr& client, errc reason) { advance(client, session::dismissed{reason}); }

// ----- time ---------------------------------------------------------------------------------------------------------

void server::impl::set_deadline(connection& client) const {
  client.deadline = steady_clock::now() + options_.request_deadline + options_.delay_write;
}

/// One timer for all: the deadlines are in the order of age.
void server::impl::arm_sweep() {
  const auto oldest = table_.oldest();
  if (sweep_armed_ || !oldest) return;
  sweep_armed_ = true;
  sweep_.expires_at(oldest->deadline);
  sweep_.async_wait([self = shared_from_this()](const error_code&) { self->sweep(); });
}

void server::impl::sweep() {
  sweep_armed_ = false;
  const auto now = steady_clock::now();
  for (auto oldest = table_.oldest(); oldest && oldest->deadline <= now; oldest = table_.oldest())
    dismiss(oldest, errc::timed_out);
  arm_sweep();
}

// ----- reports ------------------------------------------------------------------------------------------------------

void server::impl::report(const connection& client, session_report what) {
  if (what.what == happening::nothing && what.problem == errc::ok) return;
  emit({.what = server_event::kind::session,
        .report = std::move(what),
        .peer = client.peer,
        .where = client.where,
        .descriptor = client.descriptor,
        .received_bytes = client.machine.received_bytes()});
}

void server::impl::report(server_event::kind what, const tcp::endpoint& peer, std::error_code cause) {
  emit({.what = what, .cause = cause, .peer = peer});
}

// ----- the public object --------------------------------------------------------------------------------------------

server::server(asio::any_io_executor executor, server_options options, observer watch)
    : impl_{std::make_shared<impl>(std::move(executor), std::move(options), std::move(watch))} {}

server::~server() { stop(); }

std::expected<void, listen_failure> server::listen() { return impl_->listen(); }
std::expected<void, listen_failure> server::adopt(int descriptor) { return impl_->adopt(descriptor); }
void server::stop() { impl_->stop(); }
bool server::is_running() const noexcept { return impl_->is_running(); }
std::uint16_t server::port() const noexcept { return impl_->port(); }
std::vector<tcp::endpoint> server::endpoints() const { return impl_->endpoints(); }
const directory& server::names() const noexcept { return impl_->names(); }
std::size_t server::clients() const noexcept { return impl_->clients(); }

std::size_t server::foreign_names(std::span<const std::string> own) const {
  return static_cast<std::size_t>(std::ranges::count_if(names().living(), [&](const directory_entry& entry) {
    return std::ranges::find(own, entry.node.name) == own.end();
  }));
}

}  // namespace ergo::inline v0::epmd
