#include "server.hpp"

#include "health.hpp"
#include "notice.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <prometheus/text_serializer.h>

#include <exception>
#include <sstream>
#include <utility>
#include <vector>

namespace ergo::inline v0 {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr std::size_t longest_header = 8 * 1024;
constexpr std::chrono::milliseconds retry_accept{100};

/// A reply that another thread may make, for a coroutine that waits.
struct awaited_reply {
  explicit awaited_reply(const std::weak_ptr<asio::io_context>& on) : here{std::make_shared<detail::notice>(on)} {}

  void take(http_reply made) {
    {
      const std::scoped_lock lock{mutex};
      value = std::move(made);
    }
    here->give();
  }

  std::mutex mutex;
  http_reply value;
  std::shared_ptr<detail::notice> here;
};

http_reply failed(std::string_view text) {
  return {.status = 500, .type = http_reply{}.type, .body = std::string{text} + "\n"};
}

}  // namespace

operations::server::server(node& of, operations_options options)
    : node_{of}, options_{std::move(options)}, collector_{of}, acceptor_{*context_} {}

void operations::server::open() {
  const asio::ip::tcp::endpoint at{asio::ip::make_address(options_.address), options_.port};
  acceptor_.open(at.protocol());
  acceptor_.set_option(asio::socket_base::reuse_address{true});
  acceptor_.bind(at);
  acceptor_.listen();
  port_ = acceptor_.local_endpoint().port();
  asio::co_spawn(*context_, accept_all(), asio::detached);
  thread_ = std::thread{[context = context_] { context->run(); }};
}

void operations::server::close() noexcept {
  context_->stop();
  if (thread_.joinable()) thread_.join();
}

void operations::server::add(std::string path, http_page page) {
  const std::scoped_lock lock{mutex_};
  pages_.insert_or_assign(std::move(path), std::move(page));
}

asio::awaitable<void> operations::server::accept_all() {
  for (;;) {
    boost::system::error_code none;
    auto socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, none));
    if (none) {
      co_await pause();  // out of descriptors, for instance
    } else if (open_ < options_.clients) {
      boost::beast::tcp_stream stream{std::move(socket)};
      asio::co_spawn(*context_, serve(std::move(stream)), asio::detached);
    }
  }
}

asio::awaitable<void> operations::server::pause() {
  asio::steady_timer timer{*context_, retry_accept};
  boost::system::error_code ended;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ended));
}

asio::awaitable<void> operations::server::serve(boost::beast::tcp_stream stream) {
  ++open_;
  try {
    co_await converse(stream);
  } catch (const std::exception&) {
    stream.close();  // a client that went, was too slow, or sent what is no request
  }
  --open_;
}

asio::awaitable<void> operations::server::converse(boost::beast::tcp_stream& stream) {
  boost::beast::flat_buffer buffer;
  for (bool more = true; more;) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(longest_header);
    stream.expires_after(options_.patience);
    co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
    stream.expires_never();
    auto asked = parser.release();
    auto reply = co_await answer(std::move(asked));
    more = reply.keep_alive();
    stream.expires_after(options_.patience);
    co_await http::async_write(stream, reply, asio::use_awaitable);
  }
  boost::system::error_code ignored;
  stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

asio::awaitable<operations::server::response> operations::server::answer(request asked) {
  const std::string target{asked.target()};
  const auto mark = target.find('?');
  std::string query = mark == std::string::npos ? std::string{} : target.substr(mark + 1);
  std::string path = target.substr(0, mark);
  http_reply reply;
  const bool head = asked.method() == http::verb::head;
  if (head || asked.method() == http::verb::get) {
    reply = co_await find_reply(std::move(path), std::move(query));
  } else {
    reply.status = 405;
    reply.body = "only GET and HEAD\n";
  }
  response made{http::int_to_status(reply.status), asked.version()};
  if (reply.status == 405) made.set(http::field::allow, "GET, HEAD");
  made.set(http::field::content_type, reply.type);
  made.set(http::field::cache_control, "no-store");
  made.content_length(reply.body.size());
  if (!head) made.body() = std::move(reply.body);
  made.keep_alive(asked.keep_alive());
  co_return made;
}

asio::awaitable<http_reply> operations::server::find_reply(std::string path, std::string query) {
  http_page page;
  {
    const std::scoped_lock lock{mutex_};
    if (const auto found = pages_.find(path); found != pages_.end()) page = found->second;
  }
  http_reply reply;
  try {
    if (page) {
      reply = co_await ask(std::move(page), std::move(query));
    } else if (path == "/metrics") {
      reply = metrics();
    } else if (path == "/ready") {
      reply = readiness();
    } else if (path == "/health") {
      reply = co_await detail::check_health(node_.runtime(), context_, options_.hung);
    } else {
      reply = unknown();
    }
  } catch (const std::exception& thrown) {
    reply = failed(thrown.what());
  }
  co_return reply;
}

asio::awaitable<http_reply> operations::server::ask(http_page page, std::string query) {
  const auto awaited = std::make_shared<awaited_reply>(context_);
  std::function<void(http_reply)> reply = [awaited](http_reply made) { awaited->take(std::move(made)); };
  page(query, std::move(reply));
  co_await awaited->here->wait(std::chrono::hours{24});
  const std::scoped_lock lock{awaited->mutex};
  co_return std::move(awaited->value);
}

http_reply operations::server::metrics() const {
  auto all = collector_.Collect();
  for (const auto& more : options_.collected) {
    auto its = more->Collect();
    all.insert(all.end(), std::make_move_iterator(its.begin()), std::make_move_iterator(its.end()));
  }
  std::ostringstream text;
  prometheus::TextSerializer{}.Serialize(text, all);
  return {.status = 200, .type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(text).str()};
}

http_reply operations::server::readiness() const {
  std::string why = node_.whereis("net_kernel"_atom) ? "" : "the node has stopped";
  if (why.empty() && options_.not_ready) why = options_.not_ready();
  http_reply reply;
  reply.status = why.empty() ? 200 : 503;
  reply.body = (why.empty() ? "ready" : why) + "\n";
  return reply;
}

http_reply operations::server::unknown() const {
  http_reply reply;
  reply.status = 404;
  reply.body = "there are /health, /metrics, /ready";
  const std::scoped_lock lock{mutex_};
  for (const auto& [path, page] : pages_) reply.body += ", " + path;
  reply.body += "\n";
  return reply;
}

}  // namespace ergo::inline v0
