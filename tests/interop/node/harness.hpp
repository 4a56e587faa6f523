// What every interop test stands on: a node of ours, an Erlang node of each release, a connection made by the one or
// the other, and the table of what passed.
#pragma once

#include "erlang_peer.hpp"
#include "servers.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/node.hpp>
#include <ergo/otp/outside.hpp>
#include <ergo_test/figures.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo_interop {

using namespace ergo::literals;
using namespace std::chrono_literals;
using ergo::test::scenario;

/// Ends a scenario as failed unless `holds`.
void expect(bool holds, std::string_view what, std::source_location where = std::source_location::current());
/// Ends a scenario as failed unless both texts are the same.
void expect_same(std::string_view got, std::string_view wanted,
                 std::source_location where = std::source_location::current());
/// The same for the text of a term in Erlang syntax.
void expect_term(const ergo::term& got, std::string_view wanted,
                 std::source_location where = std::source_location::current());
/// Ends a scenario as failed unless `condition` becomes true within `patience`.
void eventually(std::string_view what, const std::function<bool()>& condition, std::chrono::milliseconds patience = 15s,
                std::source_location where = std::source_location::current());

/// Reads a term, or ends the scenario.
[[nodiscard]] ergo::term parsed(std::string_view text);
[[nodiscard]] std::string atom_text(std::string_view name);  ///< an atom as Erlang source

/// A port below the ephemeral ones at which nobody listens.
[[nodiscard]] std::uint16_t free_port();

/// Whether all nodes of this run encrypt: ERGO_INTEROP_CARRIER=tls.
[[nodiscard]] bool over_tls();

/// A scenario of the table of figures, whose row says how the nodes are connected.
[[nodiscard]] std::string carried(const std::string& what);

/// Options of a node of ours in these tests: `name` on localhost, cookie `interop`, a port mapper at `epmd_port`.
[[nodiscard]] ergo::node_options options_for(const std::string& name, std::uint16_t epmd_port);

/// Options of a runtime whose pids the release can read.
[[nodiscard]] ergo::runtime_options runtime_for(const release& otp);

/// A node of ours with `echo`, `recorder` and `control`, and everything that it reported. A start that fails throws
/// what it said.
class our_node {
 public:
  explicit our_node(ergo::node_options options, ergo::runtime_options runtime = {});
  ~our_node();

  [[nodiscard]] ergo::node& operator*() noexcept { return *node_; }
  [[nodiscard]] ergo::node* operator->() noexcept { return node_.get(); }
  [[nodiscard]] std::string name() const { return std::string{node_->name().text()}; }
  [[nodiscard]] std::string quoted_name() const { return atom_text(name()); }
  /// As Erlang prints it: with quotes where they are needed.
  [[nodiscard]] std::string shown_name() const { return ergo::etf::to_text(ergo::term{node_->name()}); }
  /// Calls from outside; ends the scenario when it fails.
  ergo::term call(const ergo::destination& to, const ergo::term& request, std::chrono::milliseconds timeout = 10s);
  /// Whether something that was reported contains `part`.
  [[nodiscard]] bool reported(std::string_view part) const;
  [[nodiscard]] std::string reports() const;

 private:
  struct journal {
    std::mutex mutex;
    std::vector<std::string> lines;
  };
  std::shared_ptr<journal> journal_;
  std::unique_ptr<ergo::node> node_;
};

/// What `body`, a `task<term>(process&, Argument...)` run as a process of `on`, returned; ends the scenario when it
/// ends otherwise.
template <typename Body, typename... Argument>
class running {
 public:
  running(ergo::node& on, Body body, Argument... argument) : node_{&on} {
    auto outcome = std::make_shared<std::promise<ergo::term>>();
    outcome_ = outcome->get_future();
    const auto started = on.spawn(root, body, outcome, std::move(argument)...);
    if (!started) throw std::runtime_error{"cannot spawn: " + started.error().message()};
  }
  [[nodiscard]] ergo::term get(std::chrono::milliseconds patience = 30s) {
    if (outcome_.wait_for(patience) != std::future_status::ready)
      throw std::runtime_error{"the process has not ended in time"};
    return outcome_.get();
  }

 private:
  static ergo::task<> root(ergo::process& self, Body body, std::shared_ptr<std::promise<ergo::term>> outcome,
                           Argument... argument) {
    auto value = co_await body(self, std::move(argument)...);
    outcome->set_value(std::move(value));
  }
  ergo::node* node_;
  std::future<ergo::term> outcome_;
};

template <typename Body, typename... Argument>
[[nodiscard]] ergo::term run_process(ergo::node& on, Body body, Argument... argument) {
  return running<Body, Argument...>{on, body, std::move(argument)...}.get();
}

/// How the nodes of a world find each other.
enum class meeting : std::uint8_t {
  by_epmd,
  at_fixed_port,  ///< no port mapper anywhere: each at an address of its own, all at one port
};

/// Our node and one Erlang node, connected by `they_first` or by us.
class world {
 public:
  /// `more` are further words of the Erlang node's command line.
  explicit world(const release& of, ergo::node_options options = {}, const std::vector<std::string>& more = {},
                 meeting over = meeting::by_epmd);

  void connect(bool they_first);  ///< ends an older connection first
  std::string erl(const std::string& command) { return peer_->run(command); }
  /// Runs a command of interop.erl over the network.
  ergo::term remote(const std::string& command);
  /// How one more node of ours starts that both can reach; one at a time.
  [[nodiscard]] ergo::node_options another() const;
  /// Starts the Erlang node again under the same name; the old one must have ended.
  void start_peer_again();
  [[nodiscard]] erlang_peer& peer() noexcept { return *peer_; }
  [[nodiscard]] our_node& ours() noexcept { return *ours_; }
  [[nodiscard]] ergo::node& node() noexcept { return **ours_; }
  [[nodiscard]] const release& otp() const noexcept { return otp_; }
  [[nodiscard]] int release_number() const { return std::stoi(otp_.number); }
  [[nodiscard]] ergo::atom peer_atom() const noexcept { return peer_atom_; }
  [[nodiscard]] ergo::destination erl_server() const { return {"erl_server"_atom, peer_atom_}; }
  [[nodiscard]] std::string at(std::string_view process) const;  ///< `{process, 'our node'}`
  [[nodiscard]] std::string cpp() const { return ours_->quoted_name(); }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] meeting over() const noexcept { return over_; }

 private:
  release otp_;
  meeting over_;
  std::uint16_t port_;
  peer_options peer_options_;
  std::unique_ptr<our_node> ours_;
  std::unique_ptr<erlang_peer> peer_;
  ergo::atom peer_atom_;
};

/// Runs a scenario against each release and each way to meet, once after they connected and once after we did, on
/// nodes that live through the whole run. Releases before `since` lack what it is about.
void in_every_world(const std::string& scenario, const std::function<void(world&)>& body, int since = 23);
/// Runs a scenario once against each release from `since` on, which starts the nodes that it needs.
void for_every_release(const std::string& scenario, const std::function<void(const release&)>& body, int since = 23);
/// The same against the installed one only; skipped where there is none.
void for_installed(const std::string& scenario, const std::function<void(const release&)>& body);
/// Runs a scenario without Erlang.
void among_ourselves(const std::string& scenario, const std::function<void()>& body);

/// A file with the tests' cookie that only we can read.
[[nodiscard]] std::string cookie_file();

/// Our demo node as a process of its own.
class demo_node {
 public:
  demo_node(const std::string& name, std::uint16_t epmd_port, const std::vector<std::string>& more = {});
  [[nodiscard]] program& process() noexcept { return program_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  ///< with host

 private:
  std::string name_;
  program program_;
};
/// A program of this build, named by an environment variable; the test case is skipped without it.
[[nodiscard]] std::string program_from(const char* variable);

/// Options for an Erlang node at a port mapper.
[[nodiscard]] peer_options peer_at(const release& otp, std::uint16_t epmd_port, const std::string& host = "localhost");

}  // namespace ergo_interop
