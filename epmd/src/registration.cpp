// Being registered: the ALIVE2 exchange, patience with a name that is about to become free, and the watch over the
// open connection.
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>

#include "exchange.hpp"

namespace ergo::inline v0::epmd {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

/// Between two attempts at a name that is taken.
constexpr std::chrono::milliseconds retry_interval{100};

const node_record no_node;

/// Reads until the answer to ALIVE2 is complete; the connection stays open behind it.
asio::awaitable<answer<alive2_answer>> read_alive2_answer(exchange_ptr with) {
  std::string bytes;
  std::array<char, 16> piece{};
  for (;;) {
    auto read = co_await with->socket.async_read_some(asio::buffer(piece), keep_error);
    const error_code failed = std::get<0>(read);
    if (failed) co_return std::unexpected{with->explain(errc::closed_early, failed)};
    bytes.append(piece.data(), std::get<1>(read));
    const auto parsed = parse_alive2_answer(bytes);
    if (!parsed) co_return std::unexpected{error{parsed.error(), {}}};
    if (*parsed) co_return **parsed;
  }
}

/// One attempt; on success the exchange's socket is the registration. Error name_taken for any refusal.
asio::awaitable<answer<std::uint32_t>> try_register(exchange_ptr with, std::string question, std::uint16_t port,
                                                    std::chrono::milliseconds timeout) {
  const exchange::deadline limited{with, timeout};
  auto connected = co_await connect(with, std::string{}, port);
  if (!connected) co_return std::unexpected{connected.error()};
  auto written = co_await asio::async_write(with->socket, asio::buffer(question), keep_error);
  const error_code failed = std::get<0>(written);
  if (failed) co_return std::unexpected{with->explain(errc::closed_early, failed)};
  auto read = co_await read_alive2_answer(with);
  if (!read) co_return std::unexpected{read.error()};
  if (read->result != 0) co_return std::unexpected{error{errc::name_taken, {}}};
  co_return read->creation;
}

}  // namespace

struct registration::state {
  state(tcp::socket with, node_record own, std::uint32_t given)
      : socket{std::move(with)}, node{std::move(own)}, creation{given} {}

  tcp::socket socket;
  node_record node;
  std::uint32_t creation;
};

registration& registration::operator=(registration&& other) noexcept {
  if (this != &other) {
    close();
    state_ = std::move(other.state_);
  }
  return *this;
}

registration::~registration() { close(); }

bool registration::is_open() const noexcept { return state_ && state_->socket.is_open(); }
std::uint32_t registration::creation() const noexcept { return state_ ? state_->creation : 0; }
const node_record& registration::node() const noexcept { return state_ ? state_->node : no_node; }

void registration::close() {
  if (!state_) return;
  error_code ignored;
  state_->socket.close(ignored);
}

namespace {

/// Readable means over: the port mapper closed, or said something it never says.
asio::awaitable<error> wait_for_end(std::shared_ptr<tcp::socket> socket) {
  co_await accept_cancellation();
  if (!socket->is_open()) co_return error{errc::stopped, {}};
  auto waited = co_await socket->async_wait(tcp::socket::wait_read, keep_error);
  if (!socket->is_open()) co_return error{errc::stopped, {}};
  const error_code failed = std::get<0>(waited);
  if (failed == asio::error::operation_aborted) co_return error{errc::cancelled, {}};
  std::array<char, 1> byte{};
  error_code cause;
  socket->non_blocking(true, cause);
  socket->read_some(asio::buffer(byte), cause);
  error_code ignored;
  socket->close(ignored);
  co_return error{errc::connection_lost, cause};
}

}  // namespace

void registration::watch(asio::any_completion_handler<void(error)> handler, std::shared_ptr<state> held) {
  if (!held) {
    const auto target = asio::get_associated_executor(handler);
    asio::dispatch(target, [handler = std::move(handler)]() mutable { std::move(handler)(error{errc::stopped, {}}); });
    return;
  }
  const auto executor = held->socket.get_executor();
  auto& socket = held->socket;
  run(executor, std::move(handler), wait_for_end(std::shared_ptr<tcp::socket>{std::move(held), &socket}));
}

asio::awaitable<answer<registration>> registrar::obtain(asio::any_io_executor executor, client_options options,
                                                        node_record node) {
  co_await accept_cancellation();
  auto question = encode(alive2_request{node});
  if (!question) co_return std::unexpected{error{question.error(), {}}};
  const auto patience_ends = steady_clock::now() + options.duplicate_patience;
  const auto deadline = steady_clock::now() + options.timeout;
  for (;;) {
    const auto with = std::make_shared<exchange>(executor);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
    auto creation = co_await try_register(with, *question, options.port, left);
    if (creation) {
      auto held = std::make_shared<registration::state>(std::move(with->socket), node, *creation);
      co_return registration{std::move(held)};
    }
    const error why = creation.error();
    if (why.code != errc::name_taken || steady_clock::now() >= patience_ends) co_return std::unexpected{why};
    asio::steady_timer pause{executor, retry_interval};
    auto waited = co_await pause.async_wait(keep_error);
    if (std::get<0>(waited)) co_return std::unexpected{error{errc::cancelled, {}}};
  }
}

void client::start_register(handler_of<registration> handler, node_record node) const {
  run(executor_, std::move(handler), registrar::obtain(executor_, options_, std::move(node)));
}

}  // namespace ergo::inline v0::epmd
