// What a client reads from a port mapper, or from whatever listens at its port: the parsers, and the client itself
// against a listener that answers with the input, in two pieces, and closes. The first byte chooses the question.
// Oracles: no crash, no hang; what parses is encoded to the same meaning again; an answer to a registration is never
// complete before its last byte; the client says what the parser says, and a registration is lost with its connection.
#include "ergo/epmd/client.hpp"
#include "ergo/epmd/message.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace ergo::epmd;
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

void require(bool holds) {
  if (!holds) std::abort();
}

// ----- the parsers --------------------------------------------------------------------------------------------------

void check_registration(std::string_view bytes) {
  const auto read = parse_alive2_answer(bytes);
  if (!read || !*read) return;
  const std::uint16_t version = bytes.size() == 6 ? 6 : 5;
  require(encode_alive2_answer(**read, version) == bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto part = parse_alive2_answer(bytes.substr(0, size));
    require(part.has_value() && !part->has_value());
  }
}

void check_lookup(std::string_view bytes) {
  const auto read = parse_port2_answer(bytes);
  if (!read) return;
  require(parse_port2_answer(encode_port2_answer(*read)) == read);
  require(encode_port2_answer(*read).size() <= bytes.size());
  if (const auto version = agreed_version(*read, {})) require(*version == 6);
}

void check_listing(std::string_view bytes) {
  const auto read = parse_listing(bytes);
  if (!read) return;
  require(encode_listing_head(read->epmd_port) + read->text == bytes);
  for (const auto& line : names_in(*read)) require(line.name.size() < bytes.size());
}

void check_request(std::string_view body) {
  const auto read = parse_request(body);
  if (!read) return;
  const auto again = encode(*read);
  if (!again) return;  // a registration that is refused with an answer
  request_reader reader;
  const auto complete = reader.feed(*again);
  require(complete.has_value() && *complete);
  require(parse_request(reader.body()) == *read);
}

// ----- the client ---------------------------------------------------------------------------------------------------

/// Gives one caller the answer in two pieces and no more; whoever it is reads until the end, or goes.
class impostor : public std::enable_shared_from_this<impostor> {
 public:
  impostor(tcp::acceptor& at, std::string_view answer, std::size_t cut) : caller_{at.get_executor()}, cut_{cut} {
    answer_.assign(answer);
    at_ = &at;
  }
  void begin() {
    at_->async_accept(caller_, [self = shared_from_this()](error_code failed) {
      require(!failed);
      self->listen_to_the_question();
    });
  }

 private:
  void listen_to_the_question() {
    caller_.async_read_some(asio::buffer(piece_), [self = shared_from_this()](error_code failed, std::size_t) {
      if (!failed) self->say({self->answer_.data(), self->cut_}, true);
    });
  }
  void say(std::string_view part, bool first) {
    asio::async_write(caller_, asio::buffer(part), [self = shared_from_this(), first](error_code failed, std::size_t) {
      if (failed) return;
      if (first) return self->say(std::string_view{self->answer_}.substr(self->cut_), false);
      error_code ignored;
      self->caller_.shutdown(tcp::socket::shutdown_send, ignored);
    });
  }

  tcp::acceptor* at_ = nullptr;
  tcp::socket caller_;
  std::string answer_;
  std::size_t cut_;
  std::array<char, 1024> piece_{};
};

/// A listener and the client that calls it, in one thread.
class stage {
 public:
  stage() : listener_{io_, tcp::endpoint{asio::ip::address_v4::loopback(), 0}} {
    options_.port = listener_.local_endpoint().port();
    options_.duplicate_patience = std::chrono::milliseconds::zero();
  }
  /// Asks by `ask(client, handler)` and returns what the client says.
  template <typename T, typename Ask>
  answer<T> hear(std::string_view said, Ask ask) {
    const auto cut = said.empty() ? 0 : static_cast<unsigned char>(said.back()) % (said.size() + 1);
    std::make_shared<impostor>(listener_, said, cut)->begin();
    client one{io_.get_executor(), options_};
    std::optional<answer<T>> told;
    ask(one, [&](answer<T> outcome) { told = std::move(outcome); });
    run();
    require(told.has_value());
    require(*told || told->error().code != errc::timed_out);
    return *std::move(told);
  }
  /// Why a registration ends, whose other side has said all that it will.
  error loss_of(registration& held) {
    std::optional<error> why;
    held.async_lost([&](const error& reason) { why = reason; });
    run();
    require(why.has_value());
    return *why;
  }

 private:
  void run() {
    io_.restart();
    io_.run();
  }

  asio::io_context io_{1};
  tcp::acceptor listener_;
  client_options options_;
};

void ask_to_register(stage& on, std::string_view said) {
  auto got = on.hear<registration>(
      said, [](client& one, auto token) { one.async_register({.name = "node", .port = 4711}, std::move(token)); });
  std::size_t size = 0;
  auto due = parse_alive2_answer({});
  while (due && !*due && size < said.size()) due = parse_alive2_answer(said.substr(0, ++size));
  const bool registered = due && *due && (*due)->result == 0;
  // What says more than its answer is refused, or lost as soon as it is registered.
  require(got.has_value() == registered || (registered && size < said.size()));
  if (!got) return;
  require(got->creation() == (*due)->creation && got->is_open());
  require(on.loss_of(*got).code == errc::connection_lost && !got->is_open());
}

void ask_for_node(stage& on, std::string_view said) {
  const auto due = parse_port2_answer(said);
  const std::string name = due && check_name(due->name) ? due->name : "node";
  const auto got = on.hear<located_node>(
      said, [&](client& one, auto token) { one.async_lookup("127.0.0.1", name, std::move(token)); });
  require(got.has_value() == (due && due->name == name));
  if (got) require(got->node == *due && got->address.is_loopback());
}

template <typename T, typename Ask>
void ask_for(stage& on, std::string_view said, const std::expected<T, errc>& due, Ask ask) {
  const auto got = on.hear<T>(said, ask);
  require(got.has_value() == due.has_value());
  if (got) require(*got == *due);
}

void ask_as_told(stage& on, std::string_view said) {
  switch (said.empty() ? '\0' : said.front()) {
    case 'v':
    case 'y': return ask_to_register(on, said);
    case 'w': return ask_for_node(on, said);
    case 'O':
    case 'N':
      return ask_for<kill_answer>(on, said, parse_kill_answer(said),
                                  [](client& one, auto token) { one.async_kill("", std::move(token)); });
    case 'S':
      return ask_for<stop_answer>(on, said, parse_stop_answer(said),
                                  [](client& one, auto token) { one.async_stop("", "node", std::move(token)); });
    case 'd':
      return ask_for<listing>(on, said, parse_listing(said),
                              [](client& one, auto token) { one.async_dump("", std::move(token)); });
    default:
      return ask_for<listing>(on, said, parse_listing(said),
                              [](client& one, auto token) { one.async_names("", std::move(token)); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static stage all;
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  check_registration(bytes);
  check_lookup(bytes);
  check_listing(bytes);
  check_request(bytes);
  static_cast<void>(parse_kill_answer(bytes));
  static_cast<void>(parse_stop_answer(bytes));
  ask_as_told(all, bytes);
  return 0;
}
