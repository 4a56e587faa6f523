// Programs that Erlang's `peer:start` starts: the command line that it builds, and what it expects of a node that it
// has started (stdlib's peer.erl of OTP 25 to 29).
#pragma once

#include <ergo/kernel.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ergo::inline v0::kernel {

/// One flag of a command line such as `erl`'s, with the words behind it: `-kernel net_ticktime 8`.
struct launch_flag {
  std::string name;  ///< without the `-`
  std::vector<std::string> values;
};

/// A start by `peer:start(#{exec => Program, …})`, over distribution or over the alternative connection
/// (`connection => Port | {Ip, Port} | standard_io`).
///
///     const auto launched = ergo::kernel::launch::read(argc, argv);   // first of all, before there are threads
///     auto node = *launched ? (*launched)->start(options) : ergo::kernel::start(options);
///     …                                                               // the program's own servers
///     if (*launched) (*launched)->started(**node);                    // now peer:start returns to its caller
///     (*node)->run_until_signal();
///
/// The program ends (as by SIGTERM, in order) with the process that has started it: with `peer:stop`, with the end or
/// loss of that node, and with that of the alternative connection. The process `user` hands what is printed to the
/// group leader of that process.
class launch {
 public:
  /// Reads the command line; nothing for a program that was started in some other way (without `-user peer`).
  ///
  /// Understood: `-sname`, `-name`, `-setcookie [Node] Cookie` (which is overwritten in `argv`, so that the process
  /// list does not show it; `start` warns of it by an event), `-hidden`, `-env`, `-origin`, `-detached`,
  /// `-connect_all`, `-proto_dist`, `-start_epmd false`, and of
  /// `-kernel` `net_ticktime`, `net_tickintensity`, `inet_dist_listen_min` and `_max`, `connect_all`,
  /// `prevent_overlapping_partitions` and `start_pg`. Other flags are kept in `others`, and those of the emulator (`+S
  /// 4`) have no meaning here; ERL_FLAGS and its like are not read.
  ///
  /// Sets the variables of `-env`, ignores SIGPIPE, and with `-detached` goes on in a child process that has no
  /// terminal, while the calling process ends: call it before anything else, on the only thread. Errors: `badarg` with
  /// a sentence as context, also for what only Erlang can do (`-eval`, `-s`, `-run`, `-remsh`).
  [[nodiscard]] static result<std::optional<launch>> read(int argc, char** argv);

  /// `own` with what the command line says instead: name, cookie, visibility (visible unless `-hidden`), who may end
  /// the program. Without a name it is `nonode@nohost`, a node in no network.
  [[nodiscard]] node_options configured(node_options own = {}) const;
  /// The same for the services: visibility, `global`, `pg`.
  [[nodiscard]] options configured_services(options own = {}) const;
  /// Starts the node as `kernel::start` does and makes contact with who has started the program.
  ///
  /// Blocks; outside threads only. Errors: those of `kernel::start`; `badarg` for TLS without `node_options::tls`;
  /// `nodedown` or `timeout` when the origin does not answer. The caller of `peer:start` then sees what it would of an
  /// `erl` that does not start: `timeout` at the end of its `wait_boot`.
  [[nodiscard]] result<std::unique_ptr<node>> start(node_options own = {}, options services = {},
                                                    runtime_options runtime = {}) const;
  /// Tells the origin that the program is ready, as an `erl` does when all its applications run. Any thread.
  void started(node& on) const;

  /// The flags that were not understood, in order, for the program's own use.
  [[nodiscard]] std::span<const launch_flag> others() const noexcept { return others_; }

  /// How the program and its origin talk besides distribution.
  enum class carrier : std::uint8_t {
    distribution,  ///< not at all
    tcp,           ///< over a connection to the origin
    standard_io,   ///< over standard input and output
  };
  [[nodiscard]] carrier by() const noexcept { return by_; }

  /// What a command line means, without acting on it; the first word is the program. For tests and other starters.
  [[nodiscard]] static result<std::optional<launch>> parse(std::span<const std::string_view> words);

 private:
  friend class launch_reader;

  // What the command line says; what it does not say is the program's.
  std::optional<std::string> name_;
  name_kind names_ = name_kind::automatic;
  std::optional<std::string> cookie_;
  std::map<std::string, std::string, std::less<>> peer_cookies_;
  std::optional<std::chrono::seconds> tick_time_;
  std::optional<int> tick_intensity_;
  std::optional<std::uint16_t> listen_min_;
  std::optional<std::uint16_t> listen_max_;
  std::optional<bool> prevents_partitions_;
  bool connects_all_ = true;
  bool starts_pg_ = false;
  bool hidden_ = false;
  bool encrypted_ = false;
  bool detached_ = false;
  bool starts_epmd_ = true;
  carrier by_ = carrier::standard_io;
  pid origin_{};
  std::vector<std::string> addresses_;  // of the origin, in the order in which they are tried
  std::uint16_t port_ = 0;
  std::vector<std::pair<std::string, std::string>> environment_;
  std::vector<launch_flag> others_;
};

}  // namespace ergo::inline v0::kernel
