// The parts of a running node. Kept until its runtime ends, because processes may send through it until then.
#pragma once

#include "connection.hpp"
#include "epmd_link.hpp"
#include "finding.hpp"
#include "functions.hpp"
#include "listening.hpp"
#include "names.hpp"
#include "reactor_parker.hpp"
#include "router.hpp"
#include "switchboard.hpp"
#include "trace.hpp"

#include <ergo/epmd/spare_descriptor.hpp>
#include <ergo/node.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ergo::inline v0::detail {

class node_state final : public std::enable_shared_from_this<node_state> {
 public:
  node_state(ergo::runtime& on, reactor& first, node_options given, full_name own);
  ~node_state();

  /// Opens sockets, registers, runs `boot`, becomes reachable. Outside threads only.
  [[nodiscard]] result<void> start(std::string cookie, const std::function<result<void>()>& boot);
  /// Ends it; see `node::stop`.
  void stop(duration grace);

  [[nodiscard]] ergo::runtime& runtime() const noexcept { return runtime_; }
  [[nodiscard]] local_node& local() const noexcept { return *local_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] switchboard& board() noexcept { return *board_; }
  [[nodiscard]] router& ways() noexcept { return *ways_; }
  [[nodiscard]] tracer& trace() noexcept { return trace_; }
  [[nodiscard]] function_table& functions() noexcept { return *functions_; }
  [[nodiscard]] boost::asio::io_context& context() noexcept { return reactor_.context(); }
  [[nodiscard]] reactor& first_core() noexcept { return reactor_; }
  /// Whether no coroutine is under way any more that a stop has ended; asked on the reactor's thread.
  [[nodiscard]] bool at_rest() const noexcept;
  void report(const event& happened) const;
  [[nodiscard]] node_figures figures() const;
  /// Takes other certificates for connections that begin from now on; null: reads the files again.
  [[nodiscard]] result<void> reload_tls(const tls_options* next);

 private:
  [[nodiscard]] result<void> start_alone(const std::function<result<void>()>& boot);
  [[nodiscard]] result<void> start_unnamed(std::string cookie, const std::function<result<void>()>& boot);
  [[nodiscard]] boost::asio::awaitable<std::optional<dist::peer_reason>> be_named(std::shared_ptr<attempt> first,
                                                                                  finder_plan known,
                                                                                  std::string cookie);
  [[nodiscard]] result<void> open_sockets();
  [[nodiscard]] result<void> prepare_tls();
  [[nodiscard]] result<void> meet_port_mapper(const addresses& own);
  [[nodiscard]] result<std::uint32_t> enroll();
  [[nodiscard]] result<void> become(std::uint32_t creation, std::string cookie);
  void begin_accepting();
  [[nodiscard]] boost::asio::awaitable<void> accept_all(std::size_t listener);
  void welcome(boost::asio::ip::tcp::socket caller);
  void turn_away(boost::asio::ip::tcp::acceptor& listening);
  [[nodiscard]] epmd_plan plan_epmd(const addresses& own) const;
  [[nodiscard]] finder_plan plan_finding() const;
  [[nodiscard]] bool run_aside(std::function<void()> work, std::function<void()> done);
  void note(log_level level, std::string text) const;
  void end_processes(duration grace);
  void close_connections();
  void close_everything(duration grace);

  ergo::runtime& runtime_;
  reactor& reactor_;
  reactor_use use_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>>
      work_;  // until it has stopped
  node_options options_;
  full_name name_;
  tracer trace_;
  std::shared_ptr<function_table> functions_;
  local_node* local_ = nullptr;
  std::shared_ptr<tls_keeper> tls_;
  std::mutex tls_mutex_;  // around options_.tls
  std::unique_ptr<connection_terms> terms_;
  std::unique_ptr<router> ways_;
  std::shared_ptr<switchboard> board_;
  std::shared_ptr<epmd_link> epmd_;
  std::vector<boost::asio::ip::tcp::acceptor> listeners_;
  epmd::spare_descriptor spare_;  // the reactor
  long board_users_ = 1;          // who holds it for good; coroutines do so while they run
  long epmd_users_ = 1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex stop_mutex_;
};

}  // namespace ergo::inline v0::detail
