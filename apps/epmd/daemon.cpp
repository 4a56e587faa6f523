// The classic double fork.
#include "daemon.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <utility>

namespace ergo::epmd_program {
namespace {

constexpr int first_inherited = 3;

[[noreturn]] void fail(const char* text) {
  ::syslog(LOG_ERR, "%s: %s", text, std::strerror(errno));
  ::_exit(1);
}

/// The starter's side: waits until nobody holds the other end any more.
[[noreturn]] void wait_and_exit(int read_end, int write_end) {
  ::close(write_end);
  char byte;
  while (::read(read_end, &byte, 1) < 0 && errno == EINTR) {
  }
  ::_exit(0);
}

void close_all_but(int kept, std::size_t inherited) {
  const int first = first_inherited + static_cast<int>(inherited);
  for (int standard = 0; standard < first_inherited; ++standard) ::close(standard);
  if (kept > first) ::close_range(static_cast<unsigned>(first), static_cast<unsigned>(kept - 1), 0);
  ::close_range(static_cast<unsigned>(kept + 1), UINT_MAX, 0);
}

void reopen_standard_streams() {
  // The lowest free descriptors are 0, 1 and 2, in this order.
  const bool open = ::open("/dev/null", O_RDONLY) == 0 && ::open("/dev/null", O_WRONLY) == 1 && ::dup(1) == 2;
  if (!open) fail("erlang mapper daemon can't open /dev/null");
}

}  // namespace

starter::starter(starter&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}

void starter::release() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

starter become_daemon(std::size_t inherited) {
  int line[2];
  if (::pipe(line) != 0) fail("erlang mapper daemon can't start");
  // Out of the way of the inherited sockets, whose numbers are fixed.
  const int above = ::fcntl(line[1], F_DUPFD, first_inherited + static_cast<int>(inherited));
  if (above < 0) fail("erlang mapper daemon can't start");
  ::close(line[1]);

  const auto first = ::fork();
  if (first < 0) fail("erlang mapper daemon can't fork");
  if (first > 0) wait_and_exit(line[0], above);
  if (::setsid() < 0) fail("epmd: Can't setsid()");
  std::signal(SIGHUP, SIG_IGN);
  const auto second = ::fork();
  if (second < 0) fail("erlang mapper daemon can't fork 2'nd time");
  if (second > 0) ::_exit(0);

  if (::chdir("/") != 0) fail("epmd: chdir() failed");
  ::umask(0);
  close_all_but(above, inherited);
  ::closelog();  // the log's descriptor is closed; it opens another one when it is used
  reopen_standard_streams();
  return starter{above};
}

}  // namespace ergo::epmd_program
