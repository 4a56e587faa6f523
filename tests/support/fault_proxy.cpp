// One thread that polls the sockets of all connections and moves bytes between them.
#include <ergo_test/fault_proxy.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace ergo::test {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t most_kept = 1U << 20;  // bytes on their way, then the sender waits
constexpr auto both_ways = std::to_array<way>({way::forward, way::backward});

std::size_t index_of(way which) { return static_cast<std::size_t>(which); }

[[noreturn]] void fail(const char* what) { throw std::system_error{errno, std::generic_category(), what}; }

sockaddr_in address_of(const endpoint& at) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(at.port);
  address.sin_addr.s_addr = htonl(at.address);
  return address;
}

int listen_at(const endpoint& at) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) fail("socket");
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = address_of(at);
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(socket, 64) != 0) {
    close(socket);
    fail("bind");
  }
  return socket;
}

// Blocks for as long as loopback takes; -1 when nobody listens.
int connect_to(const endpoint& at) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = address_of(at);
  if (socket < 0 || connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (socket >= 0) close(socket);
    return -1;
  }
  return socket;
}

void prepare(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
}

void close_socket(int socket, ending how) {
  if (how == ending::reset) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  close(socket);
}

struct faults {
  struct cut {
    std::uint64_t after;
    ending how;
  };
  std::optional<cut> cut_at;
  bool stalled = false;
  std::size_t most_at_once = 0;
  std::chrono::milliseconds late{0};
};

/// Bytes that wait for their time.
struct chunk {
  clock::time_point due;
  std::string bytes;
};

/// One way of one connection.
struct lane {
  int from = -1;
  int to = -1;
  std::deque<chunk> waiting;
  std::size_t kept = 0;
  std::uint64_t passed = 0;
  bool source_ended = false;
  bool finished = false;
};

struct link {
  std::array<lane, 2> lanes;
  std::optional<ending> over;
};

/// What the last connection did.
struct record {
  std::array<std::string, 2> passed;
  std::array<std::size_t, 2> writes{};
};

}  // namespace

class fault_proxy::engine {
 public:
  engine(const endpoint& listens, const endpoint& target)
      : target_{target}, listener_{listen_at(listens)}, bell_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size);
    port_ = ntohs(bound.sin_port);
    thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
  }
  ~engine() {
    thread_.request_stop();
    ring();
    thread_.join();
    for (auto& one : links_) end(one, ending::close);
    close(listener_);
    close(bell_);
  }
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  template <typename Change>
  void change(Change apply) {
    {
      const std::scoped_lock lock{mutex_};
      apply(faults_);
    }
    ring();
  }
  void end_all(ending how) {
    std::unique_lock lock{mutex_};
    end_asked_ = how;
    ring();
    ended_.wait(lock, [&] { return !end_asked_; });
  }
  template <typename Look>
  [[nodiscard]] auto look(Look at) const {
    const std::scoped_lock lock{mutex_};
    return at(*this);
  }

 private:
  friend class fault_proxy;

  void ring() const {
    const std::uint64_t one = 1;
    (void)!write(bell_, &one, sizeof one);
  }

  void run(const std::stop_token& stop) {
    std::vector<pollfd> watched;
    while (!stop.stop_requested()) {
      const int patience = prepare_poll(watched);
      poll(watched.data(), watched.size(), patience);
      std::uint64_t rung = 0;
      (void)!read(bell_, &rung, sizeof rung);
      const std::scoped_lock lock{mutex_};
      end_those_asked_for();
      accept_all();
      for (auto& one : links_) move_bytes(one);
      links_.remove_if([](const link& one) { return one.over.has_value(); });
    }
  }

  // What to wait for, and for how many milliseconds at most.
  int prepare_poll(std::vector<pollfd>& watched) {
    const std::scoped_lock lock{mutex_};
    const auto now = clock::now();
    auto wait = std::chrono::milliseconds::max();
    watched.assign({{listener_, POLLIN, 0}, {bell_, POLLIN, 0}});
    for (const auto& one : links_) {
      for (const auto which : both_ways) {
        const auto& path = one.lanes[index_of(which)];
        if (!path.source_ended && path.kept < most_kept) watched.push_back({path.from, POLLIN, 0});
        if (path.waiting.empty() || faults_[index_of(which)].stalled) continue;
        if (path.waiting.front().due <= now) {
          watched.push_back({path.to, POLLOUT, 0});
        } else {
          wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(path.waiting.front().due - now));
        }
      }
    }
    return wait == std::chrono::milliseconds::max() ? -1 : static_cast<int>(wait.count());
  }

  // Here, because nobody else may close what this thread waits for.
  void end_those_asked_for() {
    if (!end_asked_) return;
    for (auto& one : links_) end(one, *end_asked_);
    links_.clear();
    end_asked_.reset();
    ended_.notify_all();
  }

  void accept_all() {
    for (;;) {
      const int caller = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (caller < 0) return;
      ++connections_;
      last_ = {};
      const int target = connect_to(target_);
      if (target < 0) {
        close_socket(caller, ending::reset);
        continue;
      }
      prepare(caller);
      prepare(target);
      auto& made = links_.emplace_back();
      made.lanes[0].from = made.lanes[1].to = caller;
      made.lanes[0].to = made.lanes[1].from = target;
      recorded_ = &made;
    }
  }

  void move_bytes(link& one) {
    for (const auto which : both_ways) {
      auto& path = one.lanes[index_of(which)];
      take(path, faults_[index_of(which)]);
      if (!pass(one, which)) return;
      if (path.source_ended && path.waiting.empty() && !std::exchange(path.finished, true)) shutdown(path.to, SHUT_WR);
    }
    if (one.lanes[0].finished && one.lanes[1].finished) end(one, ending::close);
  }

  // Reads what there is; a source that is broken is noted.
  void take(lane& path, const faults& with) {
    while (!path.source_ended && path.kept < most_kept) {
      std::array<char, 65'536> space{};
      const auto count = recv(path.from, space.data(), space.size(), 0);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (count <= 0) {
        path.source_ended = true;
        broken_ = count < 0;
        return;
      }
      path.kept += static_cast<std::size_t>(count);
      path.waiting.push_back({clock::now() + with.late, std::string(space.data(), static_cast<std::size_t>(count))});
    }
  }

  // False when the connection has ended.
  bool pass(link& one, way which) {
    auto& path = one.lanes[index_of(which)];
    const auto& with = faults_[index_of(which)];
    if (std::exchange(broken_, false)) return end(one, ending::reset), false;
    for (;;) {
      if (with.cut_at && path.passed >= with.cut_at->after) return end(one, with.cut_at->how), false;
      if (with.stalled || path.waiting.empty() || path.waiting.front().due > clock::now()) return true;
      auto& front = path.waiting.front().bytes;
      auto most = front.size();
      if (with.most_at_once != 0) most = std::min(most, with.most_at_once);
      if (with.cut_at) most = std::min<std::uint64_t>(most, with.cut_at->after - path.passed);
      const auto count = send(path.to, front.data(), most, MSG_NOSIGNAL);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
      if (count < 0) return end(one, ending::reset), false;
      note(one, which, std::string_view{front}.substr(0, static_cast<std::size_t>(count)));
      path.passed += static_cast<std::size_t>(count);
      path.kept -= static_cast<std::size_t>(count);
      front.erase(0, static_cast<std::size_t>(count));
      if (front.empty()) path.waiting.pop_front();
    }
  }

  void note(const link& one, way which, std::string_view bytes) {
    if (&one != recorded_) return;
    last_.passed[index_of(which)] += bytes;
    ++last_.writes[index_of(which)];
  }

  void end(link& one, ending how) {
    if (one.over) return;
    one.over = how;
    if (&one == recorded_) recorded_ = nullptr;
    close_socket(one.lanes[0].from, how);
    close_socket(one.lanes[0].to, how);
  }

  const endpoint target_;
  int listener_;
  int bell_;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::array<faults, 2> faults_;
  std::list<link> links_;
  const link* recorded_ = nullptr;
  record last_;
  std::size_t connections_ = 0;
  bool broken_ = false;  // the source that was read last
  std::optional<ending> end_asked_;
  std::condition_variable ended_;
  std::jthread thread_;
};

fault_proxy::fault_proxy(const endpoint& listens, const endpoint& target)
    : engine_{std::make_unique<engine>(listens, target)} {}
fault_proxy::~fault_proxy() = default;

std::uint16_t fault_proxy::port() const noexcept { return engine_->port(); }

void fault_proxy::cut_after(way which, std::uint64_t bytes, ending how) {
  engine_->change([&](auto& all) { all[index_of(which)].cut_at = faults::cut{bytes, how}; });
}
void fault_proxy::cut_never() {
  engine_->change([](auto& all) {
    for (auto& one : all) one.cut_at.reset();
  });
}
void fault_proxy::stall(way which) {
  engine_->change([&](auto& all) { all[index_of(which)].stalled = true; });
}
void fault_proxy::resume(way which) {
  engine_->change([&](auto& all) { all[index_of(which)].stalled = false; });
}
void fault_proxy::dribble(way which, std::size_t bytes) {
  engine_->change([&](auto& all) { all[index_of(which)].most_at_once = bytes; });
}
void fault_proxy::delay(way which, std::chrono::milliseconds by) {
  engine_->change([&](auto& all) { all[index_of(which)].late = by; });
}
void fault_proxy::end_all(ending how) { engine_->end_all(how); }

std::size_t fault_proxy::connections() const {
  return engine_->look([](const engine& of) { return of.connections_; });
}
std::size_t fault_proxy::open() const {
  return engine_->look([](const engine& of) { return of.links_.size(); });
}
std::string fault_proxy::passed(way which) const {
  return engine_->look([&](const engine& of) { return of.last_.passed[index_of(which)]; });
}
std::size_t fault_proxy::writes(way which) const {
  return engine_->look([&](const engine& of) { return of.last_.writes[index_of(which)]; });
}

}  // namespace ergo::test
