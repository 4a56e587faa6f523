// The server's life: descriptors, sockets of our own or of systemd's, daemon or foreground, exit codes.
#include "service.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <string>

#include "daemon.hpp"
#include "ergo/epmd/server.hpp"
#include "journal.hpp"
#include "narrator.hpp"
#include "systemd.hpp"

namespace ergo::epmd_program {
namespace {

constexpr std::size_t wanted_clients = 16'384;
/// Standard streams, listening sockets, the event loop's own and the reserve.
constexpr std::size_t other_descriptors = 32;
/// What Erlang's port mapper can listen on.
constexpr std::size_t most_addresses = 16;
constexpr std::size_t unused_names = 1'000;
constexpr std::size_t unused_names_when_debugging = 5;

/// Raises the soft limit of open files as far as it is useful and allowed; the number of clients it then allows.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted_clients;
  const rlim_t wanted = wanted_clients + other_descriptors;
  if (limit.rlim_cur < wanted) {
    rlimit raised = limit;
    raised.rlim_cur = std::min(wanted, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  const auto usable = static_cast<std::size_t>(std::min(limit.rlim_cur, wanted));
  return std::clamp(usable, 2 * other_descriptors, wanted_clients + other_descriptors) - other_descriptors;
}

epmd::server_options server_options_of(const options& asked, std::size_t max_clients) {
  epmd::server_options out;
  out.port = asked.port;
  out.request_deadline = asked.packet_timeout;
  out.max_clients = max_clients;
  out.max_unused_names = asked.debug > 0 ? unused_names_when_debugging : unused_names;
  out.check = asked.check;
  out.delay_accept = asked.delay_accept;
  out.delay_write = asked.delay_write;
  return out;
}

/// Starts listening; the exit code when that ends the program.
class opening {
 public:
  opening(epmd::server& server, journal& log, const options& asked) : server_{server}, log_{log}, asked_{asked} {}

  std::optional<int> with_own_sockets() {
    log_.say(2, audience::everybody, "try to initiate listening port " + std::to_string(asked_.port));
    const auto listening = server_.listen();
    if (listening) return std::nullopt;
    const auto& [what, where] = listening.error();
    const auto address = where.address().to_string();
    if (what.code == epmd::errc::address_in_use) {
      log_.say(1, audience::terminal,
               "there is already a epmd running at port " + std::to_string(asked_.port) + " on ipaddr " + address);
      return 0;
    }
    log_.complain("failed to bind on ipaddr " + address, what.cause.value());
    return 1;
  }

  std::optional<int> with_inherited(std::size_t count) {
    log_.say(2, audience::everybody, "try to obtain sockets from systemd");
    if (count == 0) return give_up("systemd provides no sockets");
    if (count > most_addresses)
      return give_up("cannot listen on more than " + std::to_string(most_addresses) + " IP addresses");
    for (std::size_t i = 0; i < count; ++i) {
      const auto adopted = server_.adopt(first_inherited_socket + static_cast<int>(i));
      if (adopted) continue;
      log_.complain("cannot obtain sockets from systemd", adopted.error().what.cause.value());
      return 1;
    }
    return std::nullopt;
  }

 private:
  int give_up(std::string_view text) {
    log_.say(0, audience::terminal, text);
    return 1;
  }

  epmd::server& server_;
  journal& log_;
  const options& asked_;
};

/// Fills in the addresses; false, after a message, when they cannot be used.
bool set_addresses(epmd::server_options& out, const options& asked, journal& log) {
  auto addresses = epmd::parse_addresses(asked.addresses);
  if (!addresses) {
    log.say(0, audience::terminal, "cannot parse IP address \"" + printable(addresses.error()) + "\"");
    return false;
  }
  if (addresses->size() + 2 > most_addresses) {
    log.say(0, audience::terminal, "cannot listen on more than " + std::to_string(most_addresses) + " IP addresses");
    return false;
  }
  out.addresses = std::move(*addresses);
  return true;
}

int run(const options& asked, journal& log, std::size_t inherited, starter waiting) {
  auto settings = server_options_of(asked, raise_descriptor_limit());
  const bool own_sockets = asked.sockets == socket_source::own;
  if (own_sockets && !set_addresses(settings, asked, log)) return 1;

  boost::asio::io_context io{1};
  epmd::server server{io.get_executor(), std::move(settings),
                      [&log](const epmd::server_event& event) { narrate(log, event); }};
  opening open{server, log, asked};
  if (const auto exit_code = own_sockets ? open.with_own_sockets() : open.with_inherited(inherited)) return *exit_code;
  waiting.release();
  if (!own_sockets)
    notify_systemd("READY=1\nSTATUS=Processing port mapping requests...\nMAINPID=" + std::to_string(::getpid()));
  log.say(2, audience::terminal, "entering the main loop");
  io.run();
  if (!own_sockets) notify_systemd("STATUS=Exited.\nERRNO=0");
  return 0;
}

}  // namespace

int serve(const options& asked) {
  journal log{asked.debug, asked.attached};
  const bool detaches = asked.attached == attachment::daemon;
  log.say(1, audience::everybody, std::string{"epmd running - daemon = "} + (detaches ? "1" : "0"));
  std::signal(SIGPIPE, SIG_IGN);
  const auto inherited = asked.sockets == socket_source::systemd ? inherited_sockets() : 0;
  return run(asked, log, inherited, detaches ? become_daemon(inherited) : starter{});
}

}  // namespace ergo::epmd_program
