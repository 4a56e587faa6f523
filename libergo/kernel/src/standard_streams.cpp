#include "standard_streams.hpp"

#include <ergo/calls.hpp>
#include <ergo/otp/outside.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>
#include <vector>

namespace ergo::inline v0::kernel::detail {
namespace {

using otp::io::input_port;
using lock = std::unique_lock<std::mutex>;

// A pipe that polls as writable takes so much without blocking (PIPE_BUF).
constexpr std::size_t one_write = 4096;
constexpr std::size_t one_read = std::size_t{64} << 10;
constexpr auto last_words = std::chrono::seconds{1};

term name_of(int error) {
  switch (error) {
    case EPIPE: return "epipe"_atom;
    case EBADF: return "ebadf"_atom;
    case ENOSPC: return "enospc"_atom;
    default: return "eio"_atom;
  }
}

/// Waits until a caller that was handed out is answered; looks at no message.
class answer_awaiter final : public ergo::detail::waiting {
 public:
  explicit answer_awaiter(process& self) : waiting{self, forever}, caller_{prepare_call(self, record_)} {}
  ~answer_awaiter() { close_call(*self_, record_); }
  [[nodiscard]] const ergo::caller& handle() const noexcept { return caller_; }
  [[nodiscard]] bool await_ready() const noexcept { return answered(); }
  void await_resume() const noexcept {}
  bool over(process& /*self*/) override { return answered(); }

 private:
  [[nodiscard]] bool answered() const noexcept { return record_.status != ergo::detail::call_record::state::waiting; }
  ergo::detail::call_record record_;
  ergo::caller caller_;
};

/// A thread that is started meanwhile gets no signals; a pipe that nobody reads is an error to it, and no signal.
class all_signals_blocked {
 public:
  all_signals_blocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~all_signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  all_signals_blocked(const all_signals_blocked&) = delete;
  all_signals_blocked& operator=(const all_signals_blocked&) = delete;

 private:
  sigset_t before_{};
};

struct waiting_writer {
  const answer_awaiter* place;
  local_node* node;
};

}  // namespace

// What the terminal and its thread share.
struct standard_streams::shared {
  explicit shared(const stream_options& wanted) : options{wanted} {}
  ~shared() {
    for (const int owned : {wake[0], wake[1], in, out}) {
      if (owned >= 0) ::close(owned);
    }
  }
  shared(const shared&) = delete;
  shared& operator=(const shared&) = delete;

  const stream_options options;
  std::array<int, 2> wake{-1, -1};
  int in = -1;  // copies: a thread that was left behind must not meet another file under its number
  int out = -1;
  std::mutex mutex;
  std::condition_variable ended_changed;
  bool started = false;
  bool closing = false;
  bool ended = false;
  std::string unwritten;
  std::size_t written = 0;  // bytes of it
  std::vector<waiting_writer> waiting;
  std::optional<input_port> reader;
  int failed = 0;

  void begin(const std::shared_ptr<shared>& self);
  void stir() const noexcept;
  void run();
  [[nodiscard]] bool finished();
  [[nodiscard]] std::size_t left() const noexcept { return unwritten.size() - written; }
  [[nodiscard]] std::pair<bool, bool> wishes();  ///< to write, and to read
  void wait_for_streams();
  void write_some();
  void read_some();
  void let_go();
};

// A process that waits for room. It leaves when its process ends, and while it is answered it cannot: so the thread
// touches no node that may be gone.
class standard_streams::seat {
 public:
  seat(shared& among, process& self) : among_{among}, place_{self} {}
  ~seat() {
    const lock held{among_.mutex};
    std::erase_if(among_.waiting, [this](const waiting_writer& one) { return one.place == &place_; });
  }
  seat(const seat&) = delete;
  seat& operator=(const seat&) = delete;
  void take(process& self) { among_.waiting.push_back({&place_, &self.node()}); }  ///< with the mutex held
  [[nodiscard]] answer_awaiter& answered() noexcept { return place_; }

 private:
  shared& among_;
  answer_awaiter place_;
};

// On the first use, with the mutex held.
void standard_streams::shared::begin(const std::shared_ptr<shared>& self) {
  if (started) return;
  if (::pipe2(wake.data(), O_CLOEXEC | O_NONBLOCK) != 0) wake = {-1, -1};
  if (options.in >= 0) in = ::fcntl(options.in, F_DUPFD_CLOEXEC, 0);
  out = ::fcntl(options.out, F_DUPFD_CLOEXEC, 0);
  if (out < 0) failed = errno;
  const all_signals_blocked during;
  std::thread{[self] { self->run(); }}.detach();
  started = true;
}

void standard_streams::shared::stir() const noexcept {
  const char one = 0;
  [[maybe_unused]] const auto put = ::write(wake[1], &one, 1);  // a full pipe wakes as well
}

void standard_streams::shared::run() {
  while (!finished()) wait_for_streams();
  const lock held{mutex};
  ended = true;
  ended_changed.notify_all();
}

bool standard_streams::shared::finished() {
  const lock held{mutex};
  return closing && (left() == 0 || failed != 0);
}

std::pair<bool, bool> standard_streams::shared::wishes() {
  const lock held{mutex};
  return {left() > 0, reader.has_value() && !closing};
}

void standard_streams::shared::wait_for_streams() {
  const auto [writes, reads] = wishes();
  std::array<pollfd, 3> looked{{{wake[0], POLLIN, 0}, {writes ? out : -1, POLLOUT, 0}, {reads ? in : -1, POLLIN, 0}}};
  constexpr int without_wake_ms = 100;
  if (::poll(looked.data(), looked.size(), wake[0] < 0 ? without_wake_ms : -1) < 0) return;
  if (looked[0].revents != 0) {
    std::array<char, 64> dropped{};
    while (::read(wake[0], dropped.data(), dropped.size()) > 0) {
    }
  }
  if (looked[1].revents != 0) write_some();
  if (looked[2].revents != 0) read_some();
}

void standard_streams::shared::write_some() {
  lock held{mutex};
  const auto part = unwritten.substr(written, one_write);
  held.unlock();
  const auto taken = ::write(out, part.data(), part.size());
  const int why = errno;
  held.lock();
  if (taken >= 0) {
    written += static_cast<std::size_t>(taken);
  } else if (why != EAGAIN && why != EINTR) {
    failed = why;
  }
  if (left() == 0 || failed != 0 || written > options.unwritten) {
    unwritten.erase(0, failed != 0 ? unwritten.size() : written);
    written = 0;
  }
  if (left() <= options.unwritten / 2) let_go();
}

// With the mutex held.
void standard_streams::shared::let_go() {
  for (const auto& [place, node] : std::exchange(waiting, {})) otp::reply(*node, place->handle(), "ok"_atom);
}

void standard_streams::shared::read_some() {
  std::string bytes(one_read, '\0');
  const auto got = ::read(in, bytes.data(), bytes.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  lock held{mutex};
  const auto to = std::exchange(reader, std::nullopt);
  held.unlock();
  if (!to) return;
  if (got <= 0) return to->end();
  to->feed(std::string_view{bytes}.substr(0, static_cast<std::size_t>(got)));
}

standard_streams::standard_streams(const stream_options& options) : state_{std::make_shared<shared>(options)} {}

standard_streams::~standard_streams() {
  lock held{state_->mutex};
  state_->closing = true;
  state_->reader.reset();
  if (!state_->started) return;
  state_->stir();
  state_->ended_changed.wait_for(held, last_words, [this] { return state_->ended; });
}

task<std::expected<void, term>> standard_streams::write(process& self, std::string bytes, otp::io::encoding /*as*/) {
  seat room{*state_, self};
  {
    const lock held{state_->mutex};
    state_->begin(state_);
    if (state_->failed != 0) co_return std::unexpected{name_of(state_->failed)};
    state_->unwritten += bytes;
    state_->stir();
    if (state_->left() <= state_->options.unwritten) co_return std::expected<void, term>{};
    room.take(self);
  }
  answer_awaiter& answered = room.answered();  // GCC 12 copies what a function returns by reference
  co_await answered;
  const lock held{state_->mutex};
  if (state_->failed != 0) co_return std::unexpected{name_of(state_->failed)};
  co_return std::expected<void, term>{};
}

void standard_streams::want(process& /*self*/, const input_port& port, otp::io::input_kind /*kind*/) {
  const lock held{state_->mutex};
  state_->begin(state_);
  if (state_->in < 0) return port.end();
  state_->reader = port;
  state_->stir();
}

std::optional<otp::io::geometry> standard_streams::size() const {
  winsize found{};
  if (::ioctl(state_->options.out, TIOCGWINSZ, &found) != 0 || found.ws_col == 0) return std::nullopt;
  return otp::io::geometry{found.ws_col, found.ws_row};
}

}  // namespace ergo::inline v0::kernel::detail
