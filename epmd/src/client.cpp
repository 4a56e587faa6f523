// The client's questions.
#include "ergo/epmd/client.hpp"

#include "exchange.hpp"

namespace ergo::inline v0::epmd {
namespace {

namespace asio = boost::asio;

/// More than any answer about one node.
constexpr std::size_t longest_short_answer = 160 * 1024;
/// More than a full port mapper's names of full length.
constexpr std::size_t longest_listing = 64 * 1024 * 1024;

/// One question and the raw answer, with the address that gave it.
struct heard {
  std::string bytes;
  asio::ip::address from;
};

/// The whole exchange of everything but registrations. `question` is an encoded request.
asio::awaitable<answer<heard>> inquire(asio::any_io_executor executor, client_options options, std::string host,
                                       std::string question, std::size_t limit) {
  co_await accept_cancellation();
  const auto with = std::make_shared<exchange>(executor);
  const exchange::deadline limited{with, options.timeout};
  auto connected = co_await connect(with, std::move(host), options.port);
  if (!connected) co_return std::unexpected{connected.error()};
  boost::system::error_code ignored;
  heard out;
  out.from = with->socket.remote_endpoint(ignored).address();
  auto reply = co_await ask(with, std::move(question), limit);
  if (!reply) co_return std::unexpected{reply.error()};
  out.bytes = std::move(*reply);
  co_return out;
}

/// Encodes, asks and reads the answer with `parse`.
template <typename T>
asio::awaitable<answer<T>> inquire_as(asio::any_io_executor executor, client_options options, std::string host,
                                      request asked, std::expected<T, errc> (*parse)(std::string_view)) {
  auto bytes = encode(asked);
  if (!bytes) co_return std::unexpected{error{bytes.error(), {}}};
  const bool lists = std::holds_alternative<names_request>(asked) || std::holds_alternative<dump_request>(asked);
  const auto limit = lists ? longest_listing : longest_short_answer;
  auto reply = co_await inquire(std::move(executor), options, std::move(host), std::move(*bytes), limit);
  if (!reply) co_return std::unexpected{reply.error()};
  auto parsed = parse(reply->bytes);
  if (!parsed) co_return std::unexpected{error{parsed.error(), {}}};
  co_return std::move(*parsed);
}

asio::awaitable<answer<located_node>> look_up(asio::any_io_executor executor, client_options options, std::string host,
                                              std::string name) {
  auto bytes = encode(port_please2_request{name});
  if (!bytes) co_return std::unexpected{error{bytes.error(), {}}};
  auto reply = co_await inquire(std::move(executor), options, std::move(host), std::move(*bytes), longest_short_answer);
  if (!reply) co_return std::unexpected{reply.error()};
  auto node = parse_port2_answer(reply->bytes);
  if (!node) co_return std::unexpected{error{node.error(), {}}};
  if (node->name != name) co_return std::unexpected{error{errc::bad_answer, {}}};
  located_node found;
  found.node = std::move(*node);
  found.address = reply->from;
  co_return found;
}

}  // namespace

void client::start_lookup(handler_of<located_node> handler, std::string host, std::string name) const {
  run(executor_, std::move(handler), look_up(executor_, options_, std::move(host), std::move(name)));
}

void client::start_list(handler_of<listing> handler, std::string host, opcode which) const {
  auto asked = which == opcode::names ? request{names_request{}} : request{dump_request{}};
  run(executor_, std::move(handler), inquire_as(executor_, options_, std::move(host), std::move(asked), parse_listing));
}

void client::start_kill(handler_of<kill_answer> handler, std::string host) const {
  run(executor_, std::move(handler),
      inquire_as(executor_, options_, std::move(host), kill_request{}, parse_kill_answer));
}

void client::start_stop(handler_of<stop_answer> handler, std::string host, std::string name) const {
  run(executor_, std::move(handler),
      inquire_as(executor_, options_, std::move(host), stop_request{std::move(name)}, parse_stop_answer));
}

}  // namespace ergo::inline v0::epmd
