// What the socket tests of the port mapper share: a server on its own thread or process, and a plain blocking client.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "ergo/epmd/message.hpp"
#include "ergo/epmd/server.hpp"

namespace ergo::test {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Waits until `condition` holds, at most ten seconds; true when it did.
template <typename Condition>
bool eventually(Condition condition) {
  const auto end = steady_clock::now() + std::chrono::seconds{10};
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

/// A descriptor that closes itself.
class descriptor {
 public:
  explicit descriptor(int number = -1) : number_{number} {}
  descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  descriptor& operator=(descriptor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.number_, -1));
    return *this;
  }
  ~descriptor() { reset(); }

  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }
  void reset(int number = -1) {
    if (number_ >= 0) ::close(number_);
    number_ = number;
  }

 private:
  int number_;
};

inline sockaddr_in address_of(std::uint32_t host, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(host);
  out.sin_port = htons(port);
  return out;
}

/// A blocking client that gives up after ten seconds. `source` is any address of 127.0.0.0/8.
class raw_client {
 public:
  explicit raw_client(std::uint16_t port, std::uint32_t source = INADDR_LOOPBACK,
                      std::uint32_t target = INADDR_LOOPBACK)
      : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const auto own = address_of(source, 0);
    const auto peer = address_of(target, port);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
        ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0)
      throw std::runtime_error{std::string{"cannot connect: "} + std::strerror(errno)};
  }

  /// False when the connection is broken already.
  bool send(std::string_view bytes) {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  bool send(const epmd::request& message) { return send(epmd::encode(message).value()); }

  /// Reads until `size` bytes have come, the server has closed, or the time is up.
  std::string read(std::size_t size, milliseconds patience = std::chrono::seconds{10}) {
    const auto end = steady_clock::now() + patience;
    std::string out;
    while (out.size() < size) {
      const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
      if (left.count() <= 0) break;
      pollfd ready{socket_.get(), POLLIN, 0};
      if (::poll(&ready, 1, static_cast<int>(left.count())) <= 0) continue;
      char piece[4096];
      const auto got = ::recv(socket_.get(), piece, std::min(sizeof piece, size - out.size()), 0);
      if (got <= 0) {
        closed_ = true;
        break;
      }
      out.append(piece, static_cast<std::size_t>(got));
    }
    return out;
  }
  std::string read_all() { return read(std::string::npos); }

  /// True when the server closes within `patience`; bytes are thrown away.
  bool is_closed_within(milliseconds patience = std::chrono::seconds{10}) {
    read(std::string::npos, patience);
    return closed_;
  }
  bool is_open() { return !is_closed_within(milliseconds{1}); }

  /// Registers; the result and the creation, or nothing when the server closed without an answer.
  std::optional<epmd::alive2_answer> enlist(const std::string& name, std::uint16_t port = 1) {
    send(epmd::alive2_request{{.name = name, .port = port}});
    auto read_back = epmd::parse_alive2_answer(read(6));
    return read_back ? *read_back : std::nullopt;
  }
  void close() { socket_.reset(); }
  int native() const { return socket_.get(); }

 private:
  descriptor socket_;
  bool closed_ = false;
};

/// One question, one answer, on a connection of its own.
inline std::string ask(std::uint16_t port, const epmd::request& message) {
  raw_client one{port};
  one.send(message);
  return one.read_all();
}

/// A server on a thread of its own. Its events are collected.
class running_server {
 public:
  using setup = std::function<std::expected<void, epmd::listen_failure>(epmd::server&)>;

  explicit running_server(
      epmd::server_options options = {}, const setup& begin = [](epmd::server& one) { return one.listen(); })
      : work_{boost::asio::make_work_guard(io_)} {
    if (options.port == epmd::default_port) options.port = 0;
    if (options.addresses.empty()) options.addresses = {boost::asio::ip::make_address("127.0.0.1")};
    server_.emplace(io_.get_executor(), std::move(options), [this](const epmd::server_event& event) { note(event); });
    started_ = begin(*server_);
    thread_ = std::jthread{[this] { io_.run(); }};
  }
  running_server(const running_server&) = delete;
  ~running_server() { finish(); }

  /// Runs `use` on the server's thread.
  template <typename Use>
  auto with(Use use) {
    std::packaged_task<std::invoke_result_t<Use, epmd::server&>()> task{[this, &use] { return use(*server_); }};
    auto done = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    return done.get();
  }

  std::uint16_t port() {
    return with([](epmd::server& one) { return one.port(); });
  }
  std::size_t clients() {
    return with([](epmd::server& one) { return one.clients(); });
  }
  bool knows(const std::string& name) {
    return with([&](epmd::server& one) { return one.names().find(name) != nullptr; });
  }
  const std::expected<void, epmd::listen_failure>& started() const { return started_; }
  boost::asio::io_context& context() { return io_; }

  /// Destroys the server and waits until its thread has nothing left to do.
  void finish() {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }

  std::vector<epmd::session_report> reports() {
    const std::lock_guard lock{mutex_};
    return reports_;
  }
  std::size_t count(epmd::server_event::kind what) {
    const std::lock_guard lock{mutex_};
    return static_cast<std::size_t>(std::ranges::count(kinds_, what));
  }
  std::size_t count(epmd::errc problem) {
    const std::lock_guard lock{mutex_};
    return static_cast<std::size_t>(std::ranges::count(reports_, problem, &epmd::session_report::problem));
  }

 private:
  void note(const epmd::server_event& event) {
    const std::lock_guard lock{mutex_};
    kinds_.push_back(event.what);
    if (event.what == epmd::server_event::kind::session) reports_.push_back(event.report);
  }

  std::mutex mutex_;
  std::vector<epmd::session_report> reports_;
  std::vector<epmd::server_event::kind> kinds_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::optional<epmd::server> server_;
  std::expected<void, epmd::listen_failure> started_;
  std::jthread thread_;
};

/// A listening IPv4 loopback socket at a free port.
inline descriptor listening_socket() {
  descriptor one{::socket(AF_INET, SOCK_STREAM, 0)};
  const auto own = address_of(INADDR_LOOPBACK, 0);
  if (::bind(one.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      ::listen(one.get(), SOMAXCONN) != 0)
    throw std::runtime_error{"cannot listen"};
  return one;
}

inline std::uint16_t port_of(const descriptor& socket) {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &size);
  return ntohs(own.sin_port);
}

/// A server in a process of its own, so that it has its own descriptors. Ended by its destructor.
class server_process {
 public:
  server_process(epmd::server_options options, rlim_t descriptors) {
    auto socket = listening_socket();
    port_ = options.port = port_of(socket);
    process_ = ::fork();
    if (process_ == 0) serve(std::move(options), std::move(socket), descriptors);
  }
  server_process(const server_process&) = delete;
  ~server_process() {
    if (!is_alive()) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  std::uint16_t port() const { return port_; }
  pid_t process() const { return process_; }
  bool is_alive() {
    if (process_ > 0 && ::waitpid(process_, nullptr, WNOHANG) != 0) process_ = -1;
    return process_ > 0;
  }

 private:
  [[noreturn]] static void serve(epmd::server_options options, descriptor socket, rlim_t descriptors) {
    for (int number = 3; number < 1024; ++number)
      if (number != socket.get()) ::close(number);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min(descriptors, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    boost::asio::io_context io{1};
    epmd::server one{io.get_executor(), std::move(options)};
    if (!one.adopt(socket.release())) ::_exit(1);
    io.run();
    ::_exit(0);
  }

  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

}  // namespace ergo::test
