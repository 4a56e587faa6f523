// One thread that polls the sockets of all connections and moves bytes between them.
#include <ergo_test/fault_proxy.hpp>

#include "fault_lane.hpp"
#include "fault_sockets.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <future>
#include <list>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace ergo::test {
namespace {

constexpr auto both_ways = std::to_array<way>({way::forward, way::backward});

std::size_t index_of(way which) { return static_cast<std::size_t>(which); }

/// A second connection to the target that is told what the first is told, and whose answers nobody hears.
struct twin {
  int socket = -1;
  std::string unsent;
  bool ended = false;  ///< the caller said all it had to say
};

struct link {
  std::array<lane, 2> lanes;
  twin second;
  std::optional<ending> over;
};

/// What the last connection did.
struct record {
  std::array<std::string, 2> passed;
  std::array<std::size_t, 2> writes{};
};

bool would_block(ssize_t count) { return count < 0 && (errno == EAGAIN || errno == EINTR); }

/// Writes to a twin what it has not been told, and drops what it says. Its end is nobody's business but its own.
void move_twin(twin& one) {
  if (one.socket < 0) return;
  std::array<char, 65'536> space{};
  auto heard = receive(one.socket, space);
  while (heard > 0) heard = receive(one.socket, space);
  bool over = !would_block(heard);
  while (!over && !one.unsent.empty()) {
    const auto count = send(one.socket, one.unsent.data(), one.unsent.size(), MSG_NOSIGNAL);
    if (would_block(count)) return;
    if (count < 0) over = true;
    if (count > 0) one.unsent.erase(0, static_cast<std::size_t>(count));
  }
  if (over) {
    close(std::exchange(one.socket, -1));
  } else if (std::exchange(one.ended, false)) {
    shutdown(one.socket, SHUT_WR);
  }
}

}  // namespace

class fault_proxy::engine {
 public:
  engine(const endpoint& listens, const endpoint& target)
      : listens_{listens}, target_{target}, holder_{hold_port(listens)}, bell_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    listens_.port = port_of(holder_);
    listener_ = listen_at(listens_);
    thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
  }
  ~engine() {
    thread_.request_stop();
    ring();
    thread_.join();
    end_every(ending::close);
    stop_listening();
    close(holder_);
    close(bell_);
  }
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return listens_.port; }

  template <typename Change>
  void change(Change apply) {
    {
      const std::scoped_lock lock{mutex_};
      apply(faults_);
    }
    ring();
  }
  template <typename Look>
  [[nodiscard]] auto look(Look at) const {
    const std::scoped_lock lock{mutex_};
    return at(*this);
  }
  /// Waits until the proxy's thread has done it: nobody else may close what that thread waits for.
  template <typename Work>
  void ask(Work work) {
    std::packaged_task<void()> task{[this, work] { work(*this); }};
    auto done = task.get_future();
    {
      const std::scoped_lock lock{mutex_};
      asked_.push_back(std::move(task));
    }
    ring();
    done.get();
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
      for (auto& one : std::exchange(asked_, {})) one();
      accept_all();
      for (auto& one : links_) move_bytes(one);
      links_.remove_if([](const link& one) { return one.over.has_value(); });
    }
  }

  // What to wait for, and for how many milliseconds at most.
  int prepare_poll(std::vector<pollfd>& watched) {
    const std::scoped_lock lock{mutex_};
    auto wait = std::chrono::milliseconds::max();
    watched.assign({{bell_, POLLIN, 0}});
    if (listener_ >= 0) watched.push_back({listener_, POLLIN, 0});
    for (const auto& one : links_) {
      for (const auto which : both_ways) wait = std::min(wait, watch_lane(one.lanes[index_of(which)], which, watched));
      watch_twin(one.second, watched);
    }
    return wait == std::chrono::milliseconds::max() ? -1 : static_cast<int>(wait.count());
  }

  [[nodiscard]] std::chrono::milliseconds watch_lane(const lane& path, way which, std::vector<pollfd>& watched) const {
    if (path.hungry()) watched.push_back({path.from, POLLIN, 0});
    const auto due = path.due(faults_[index_of(which)]);
    if (!due) return std::chrono::milliseconds::max();
    const auto left = *due - proxy_clock::now();
    if (left > proxy_clock::duration::zero()) return std::chrono::ceil<std::chrono::milliseconds>(left);
    watched.push_back({path.to, POLLOUT, 0});
    return std::chrono::milliseconds::max();
  }
  static void watch_twin(const twin& one, std::vector<pollfd>& watched) {
    if (one.socket < 0) return;
    const auto wanted = one.unsent.empty() ? POLLIN : POLLIN | POLLOUT;
    watched.push_back({one.socket, static_cast<short>(wanted), 0});
  }

  void end_every(ending how) {
    for (auto& one : links_) end(one, how);
    links_.clear();
  }

  void start_listening() {
    if (listener_ < 0) listener_ = listen_at(listens_);
  }
  void stop_listening() {
    if (listener_ >= 0) close(std::exchange(listener_, -1));
  }

  void accept_all() {
    while (listener_ >= 0) {
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
      if (doubling_) made.second.socket = connect_to(target_);
      if (made.second.socket >= 0) prepare(made.second.socket);
      recorded_ = &made;
    }
  }

  void move_bytes(link& one) {
    for (const auto which : both_ways) {
      auto& path = one.lanes[index_of(which)];
      if (!take(one, which) || !pass(one, which)) return;
      if (path.source_ended && path.empty()) finish(one, which);
    }
    move_twin(one.second);
    if (one.lanes[0].source_ended && one.lanes[1].source_ended && one.lanes[0].empty() && one.lanes[1].empty()) {
      end(one, ending::close);
    }
  }

  // Tells whoever listens that no more will come, unless that is lost, too.
  void finish(link& one, way which) {
    auto& path = one.lanes[index_of(which)];
    if (faults_[index_of(which)].losing || path.swallowing || std::exchange(path.finished, true)) return;
    shutdown(path.to, SHUT_WR);
    if (which == way::forward) one.second.ended = true;
  }

  // Reads what there is; false when the connection has ended.
  bool take(link& one, way which) {
    auto& path = one.lanes[index_of(which)];
    while (path.hungry()) {
      std::array<char, 65'536> space{};
      const auto count = receive(path.from, space);
      if (would_block(count)) return true;
      path.source_ended = count <= 0;
      if (count < 0) return lost_end(one, which);
      if (count > 0) path.put({space.data(), static_cast<std::size_t>(count)}, faults_[index_of(which)]);
    }
    return true;
  }

  // Writes what may pass; false when the connection has ended.
  bool pass(link& one, way which) {
    auto& path = one.lanes[index_of(which)];
    const auto& with = faults_[index_of(which)];
    if (with.losing) path.drop_all();
    for (;;) {
      if (with.cut_at && path.passed() >= with.cut_at->after) return end(one, with.cut_at->how), false;
      const auto due = path.due(with);
      if (!due || *due > proxy_clock::now()) return true;
      const auto bytes = path.next(with);
      const auto count = send(path.to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (would_block(count)) return true;
      if (count < 0) return lost_end(one, other(which));
      note(one, which, bytes.substr(0, static_cast<std::size_t>(count)));
      path.pass(static_cast<std::size_t>(count), with);
    }
  }

  // The end that speaks this way is broken. Where its bytes are lost, the other one is not told: it may go on for ever
  // with nobody behind the proxy. False when the connection has ended.
  bool lost_end(link& one, way which) {
    if (!faults_[index_of(which)].losing) return end(one, ending::reset), false;
    one.lanes[index_of(which)].source_ended = true;
    auto& back = one.lanes[index_of(other(which))];
    back.swallowing = true;
    back.drop_all();
    return true;
  }
  static way other(way which) { return which == way::forward ? way::backward : way::forward; }

  void note(link& one, way which, std::string_view bytes) {
    if (which == way::forward && one.second.socket >= 0) one.second.unsent += bytes;
    if (&one != recorded_) return;
    if (keeping_) last_.passed[index_of(which)] += bytes;
    ++last_.writes[index_of(which)];
  }

  void end(link& one, ending how) {
    if (one.over) return;
    one.over = how;
    if (&one == recorded_) recorded_ = nullptr;
    move_twin(one.second);
    if (one.second.socket >= 0) close_socket(one.second.socket, how);
    close_socket(one.lanes[0].from, how);
    close_socket(one.lanes[0].to, how);
  }

  endpoint listens_;
  const endpoint target_;
  int holder_;
  int listener_ = -1;
  int bell_;
  mutable std::mutex mutex_;
  std::array<faults, 2> faults_;
  bool doubling_ = false;
  bool keeping_ = true;
  std::list<link> links_;
  const link* recorded_ = nullptr;
  record last_;
  std::size_t connections_ = 0;
  std::vector<std::packaged_task<void()>> asked_;
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
void fault_proxy::lose(way which) {
  engine_->change([&](auto& all) { all[index_of(which)].losing = true; });
}
void fault_proxy::resume(way which) {
  engine_->change([&](auto& all) { all[index_of(which)].stalled = all[index_of(which)].losing = false; });
}
void fault_proxy::dribble(way which, std::size_t bytes) {
  engine_->change([&](auto& all) { all[index_of(which)].most_at_once = bytes; });
}
void fault_proxy::rate(way which, std::uint64_t bytes_per_second) {
  engine_->change([&](auto& all) { all[index_of(which)].rate = bytes_per_second; });
}
void fault_proxy::delay(way which, std::chrono::milliseconds by) {
  engine_->change([&](auto& all) { all[index_of(which)].late = by; });
}
void fault_proxy::jitter(way which, std::chrono::milliseconds most, std::uint32_t seed) {
  engine_->change([&](auto& all) {
    all[index_of(which)].jitter = most;
    all[index_of(which)].random.seed(seed);
  });
}
void fault_proxy::refuse() {
  engine_->ask([](engine& of) { of.stop_listening(); });
}
void fault_proxy::accept() {
  engine_->ask([](engine& of) { of.start_listening(); });
}
void fault_proxy::duplicate() {
  engine_->ask([](engine& of) { of.doubling_ = true; });
}
void fault_proxy::duplicate_never() {
  engine_->ask([](engine& of) { of.doubling_ = false; });
}
void fault_proxy::end_all(ending how) {
  engine_->ask([how](engine& of) { of.end_every(how); });
}
void fault_proxy::keep_nothing() {
  engine_->ask([](engine& of) {
    of.keeping_ = false;
    of.last_.passed = {};
  });
}

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
