// Our program as a service: daemon, systemd's sockets and notifications, addresses, descriptor limits.
#include <catch2/catch_test_macros.hpp>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "programs.hpp"

using namespace ergo::test;

namespace {

/// A socket that is closed with the test.
struct owned_socket {
  explicit owned_socket(int with) : number{with} {}
  owned_socket(owned_socket&& other) noexcept : number{std::exchange(other.number, -1)} {}
  owned_socket& operator=(owned_socket&&) = delete;
  ~owned_socket() {
    if (number >= 0) ::close(number);
  }
  int number;
};

/// A listening socket at 127.0.0.1.
owned_socket listen_at(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  own.sin_port = htons(port);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
  REQUIRE(::listen(socket, 16) == 0);
  return owned_socket{socket};
}

/// A datagram socket with an abstract name, as systemd offers for notifications.
owned_socket notification_socket(const std::string& name) {
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un own{};
  own.sun_family = AF_UNIX;
  name.copy(own.sun_path + 1, name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&own), size) == 0);
  return owned_socket{socket};
}

std::string next_datagram(const owned_socket& from) {
  pollfd ready{from.number, POLLIN, 0};
  if (::poll(&ready, 1, 10'000) != 1) return {};
  std::array<char, 1000> text{};
  const auto size = ::recv(from.number, text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

/// A connected socket; -1 when nobody listens.
int connect_to(const char* host, std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  ::inet_pton(AF_INET, host, &peer.sin_addr);
  peer.sin_port = htons(port);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0) return socket;
  ::close(socket);
  return -1;
}

bool can_connect(const char* host, std::uint16_t port) { return owned_socket{connect_to(host, port)}.number >= 0; }

std::string file_text(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

TEST_CASE("The daemon is ready when its starter has ended, and cut off from its terminal") {
  const auto port = std::to_string(free_port());
  for (int round = 0; round < 5; ++round) {
    const auto started = run({our_epmd(), "-daemon", "-port", port});
    CHECK(started == outcome{.exit_code = 0, .out = {}, .err = {}});
    CHECK(run({our_epmd(), "-port", port, "-started"}).exit_code == 0);
    CHECK(run({our_epmd(), "-daemon", "-port", port}).exit_code == 0);  // concurrent starts are harmless
    CHECK(run({our_epmd(), "-port", port, "-kill"}).out == "Killed\n");
  }
}

TEST_CASE("Sockets of systemd are served and systemd is told") {
  const auto port = free_port();
  const auto listener = listen_at(port);
  const auto name = "ergo-epmd-test-" + std::to_string(::getpid());
  const auto notifications = notification_socket(name);
  program service{{our_epmd(), "-systemd"}, {{"NOTIFY_SOCKET", "@" + name}}, listener.number};
  CHECK(next_datagram(notifications) ==
        "READY=1\nSTATUS=Processing port mapping requests...\nMAINPID=" + std::to_string(service.id()));
  // As with Erlang's, the reported port is that of the options.
  CHECK(run({our_epmd(), "-port", std::to_string(port), "-names"}).out ==
        "epmd: up and running on port 4369 with data:\n");
  CHECK(run({our_epmd(), "-port", std::to_string(port), "-kill"}).out == "Killed\n");
  CHECK(next_datagram(notifications) == "STATUS=Exited.\nERRNO=0");
  CHECK(service.finish().exit_code == 0);
}

TEST_CASE("A descriptor that is no listening socket ends the service with a reason") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const owned_socket reading{ends[0]}, writing{ends[1]};
  program service{{our_epmd(), "-systemd"}, {}, reading.number};
  const auto seen = service.finish();
  CHECK(seen.exit_code == 1);
  CHECK(seen.err.find("cannot obtain sockets from systemd: ") != std::string::npos);
}

TEST_CASE("Named addresses and loopback are listened on, and no others") {
  port_mapper server{our_epmd(), {"-address", "127.0.0.5 127.0.0.6,127.0.0.5"}};
  for (const auto* host : {"127.0.0.1", "127.0.0.5", "127.0.0.6"}) CHECK(can_connect(host, server.port()));
  CHECK_FALSE(can_connect("127.0.0.7", server.port()));
}

TEST_CASE("An address that is not ours ends the server with a reason") {
  const auto seen = run({our_epmd(), "-port", std::to_string(free_port()), "-address", "192.0.2.1"});
  CHECK(seen.exit_code == 1);
  CHECK(seen.err.find("failed to bind on ipaddr 192.0.2.1: Cannot assign requested address\n") != std::string::npos);
}

TEST_CASE("The server raises its limit of open files") {
  port_mapper server{our_epmd(), {}};
  const auto limits = file_text("/proc/" + std::to_string(server.process().id()) + "/limits");
  const auto own = file_text("/proc/self/limits");
  const auto numbers_of = [](const std::string& text) {
    std::istringstream line{text.substr(text.find("Max open files") + 14)};
    std::string soft, hard;
    line >> soft >> hard;
    return std::pair{soft, hard};
  };
  const auto [soft, hard] = numbers_of(limits);
  const bool allows_all = hard == "unlimited" || std::stoul(hard) >= 16'416;
  CHECK(std::stoul(soft) >= (allows_all ? 16'416 : std::stoul(numbers_of(own).first)));
}

TEST_CASE("With 64 descriptors the program serves nodes among hundreds of idle clients", "[R33]") {
  const auto port = free_port();
  program server{{"/bin/sh", "-c", "ulimit -n 64; exec \"$0\" -port " + std::to_string(port), our_epmd()}};
  const auto ask = [&](const char* command) { return run({our_epmd(), "-port", std::to_string(port), command}); };
  while (ask("-started").exit_code != 0) REQUIRE(server.is_running());
  erlang_node first{"alpha", port};
  std::vector<owned_socket> idle;
  idle.reserve(300);
  for (int i = 0; i < 300; ++i) idle.emplace_back(connect_to("127.0.0.1", port));
  erlang_node second{"beta", port};
  CHECK(first.eval("net_adm:ping(beta@localhost)") == "pong");
  CHECK(ask("-names").out.find("name beta at port ") != std::string::npos);
  CHECK(server.is_running());
}

TEST_CASE("A flood of nonsense fills neither the log nor the server") {
  port_mapper server{our_epmd(), {}};
  for (int i = 0; i < 400; ++i) CHECK(can_connect("127.0.0.1", server.port()));  // each is a partial packet
  CHECK(server.ask({"-kill"}).out == "Killed\n");
  const auto log = server.process().finish().err;
  CHECK(std::count(log.begin(), log.end(), '\n') > 50);
  CHECK(std::count(log.begin(), log.end(), '\n') < 200);
}
