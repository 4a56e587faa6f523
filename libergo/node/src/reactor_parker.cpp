// Sleeping in Asio. One handler per `park`: the core looks at its queues after each, and asks the system no more often
// than it must.
#include "reactor_parker.hpp"

#include <ergo/reactor.hpp>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace ergo::inline v0 {
namespace detail {
namespace {

namespace asio = boost::asio;

// io_context::run_one_until wakes up every second; longer waits are those of a timer.
constexpr auto longest_plain_wait = std::chrono::milliseconds{900};

// Gives a handler memory that is there already, so that waking a core cannot fail.
template <typename T>
struct fixed_memory {
  using value_type = T;
  std::byte* at;
  std::size_t size;

  fixed_memory(std::byte* memory, std::size_t bytes) noexcept : at{memory}, size{bytes} {}
  template <typename U>
  fixed_memory(const fixed_memory<U>& other) noexcept : at{other.at}, size{other.size} {}  // NOLINT: rebinding
  [[nodiscard]] T* allocate(std::size_t count) {
    if (count * sizeof(T) > size) throw std::bad_alloc{};
    return reinterpret_cast<T*>(at);
  }
  void deallocate(T* /*memory*/, std::size_t /*count*/) noexcept {}
  template <typename U>
  bool operator==(const fixed_memory<U>& other) const noexcept {
    return at == other.at;
  }
};

}  // namespace

struct reactor::keeper {
  std::mutex mutex;
  std::vector<std::shared_ptr<void>> held;
};

reactor::reactor(std::unique_ptr<asio::io_context> own)
    : own_{std::move(own)}, context_{*own_}, kept_{std::make_shared<keeper>()} {}
reactor::reactor(asio::io_context& lent) : context_{lent}, kept_{std::make_shared<keeper>()} {}
reactor::~reactor() = default;

void reactor::keep(std::shared_ptr<void> held) {
  const std::scoped_lock lock{kept_->mutex};
  kept_->held.push_back(std::move(held));
}

// ----- a context of its own -----------------------------------------------------------------------------------------

reactor_parker::reactor_parker()
    : reactor{std::make_unique<asio::io_context>()}, work_{asio::make_work_guard(context())}, alarm_{context()} {}

reactor_parker::~reactor_parker() = default;

void reactor_parker::park(time_point until) {
  if (until == time_point::max()) {
    context().run_one();
  } else if (const auto now = std::chrono::steady_clock::now(); until - now <= longest_plain_wait) {
    if (until > now) {
      context().run_one_until(until);
    } else {
      context().poll_one();
    }
  } else {
    arm(until);
    context().run_one();
  }
}

// An alarm that is too early costs one wake-up; setting it anew for every wait costs a system call each time.
void reactor_parker::arm(time_point until) {
  if (armed_ <= until) return;
  armed_ = until;
  alarm_.expires_at(until);
  alarm_.async_wait([this](const boost::system::error_code& failed) {
    if (!failed) armed_ = time_point::max();
  });
}

void reactor_parker::poll() { context().poll(); }

void reactor_parker::unpark() noexcept {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  // A handler that was taken out of the queue gives its memory back before it runs.
  asio::post(context(), asio::bind_allocator(fixed_memory<std::byte>{wake_memory_.data(), wake_memory_.size()},
                                             [this] { woken_.store(false, std::memory_order_release); }));
}

// ----- a context of the program -------------------------------------------------------------------------------------

struct lent_parker::loop : std::enable_shared_from_this<loop> {
  explicit loop(asio::io_context& on) : context{on}, alarm{on} {}

  void ask() noexcept {
    if (ended.load(std::memory_order_acquire) || woken.exchange(true, std::memory_order_acq_rel)) return;
    asio::post(context, asio::bind_allocator(fixed_memory<std::byte>{wake_memory.data(), wake_memory.size()},
                                             [self = shared_from_this()] {
                                               self->woken.store(false, std::memory_order_release);
                                               self->go();
                                             }));
  }
  void go() {
    if (!work) return;
    const auto due = work();
    if (due == time_point::min()) return ask();
    if (due == time_point::max()) {
      armed = due;
      alarm.cancel();
    } else if (armed > due) {
      armed = due;
      alarm.expires_at(due);
      alarm.async_wait([self = shared_from_this()](const boost::system::error_code& failed) {
        if (failed) return;
        self->armed = time_point::max();
        self->go();
      });
    }
  }

  asio::io_context& context;
  asio::steady_timer alarm;
  time_point armed = time_point::max();
  turn work;
  std::atomic<bool> woken{false};
  std::atomic<bool> ended{false};  // the context may be gone
  std::vector<std::exception_ptr> thrown;
  alignas(std::max_align_t) std::array<std::byte, 256> wake_memory{};
};

lent_parker::lent_parker(asio::io_context& lent) : reactor{lent}, loop_{std::make_shared<loop>(lent)} {}
lent_parker::~lent_parker() { carry({}); }

void lent_parker::carry(turn work) {
  loop_->work = std::move(work);
  if (loop_->work) return;
  loop_->ended.store(true, std::memory_order_release);
  loop_->armed = time_point::max();
  loop_->alarm.cancel();
  throw_later();
}

void lent_parker::throw_later() {
  for (auto& one : std::exchange(loop_->thrown, {})) {
    asio::post(context(), [one = std::move(one)] { std::rethrow_exception(one); });
  }
}

// A context that the program has stopped is found stopped afterwards, another one is not.
void lent_parker::park(time_point until) {
  const bool was_stopped = context().stopped();
  if (was_stopped) context().restart();
  std::size_t handled = 0;
  try {
    handled = context().run_one_until(until);
  } catch (...) {
    loop_->thrown.push_back(std::current_exception());
    handled = 1;
  }
  const bool out_of_work = context().stopped();
  if (was_stopped) {
    context().stop();
  } else if (out_of_work) {
    context().restart();
  }
  if (handled == 0 && out_of_work) std::this_thread::sleep_until(until);
}

void lent_parker::unpark() noexcept { loop_->ask(); }

void run_beside(reactor& on, const std::function<void()>& work) {
  auto* const lent = dynamic_cast<lent_parker*>(&on);
  if (lent == nullptr) return work();
  auto done = std::async(std::launch::async, work);
  while (done.wait_for(duration::zero()) != std::future_status::ready) {
    lent->park(std::chrono::steady_clock::now() + std::chrono::milliseconds{1});
  }
  lent->throw_later();
  done.get();
}

void settle(reactor& on) {
  auto* const lent = dynamic_cast<lent_parker*>(&on);
  if (lent == nullptr) return;
  for (int round = 0; round < 3; ++round) {  // handlers post handlers
    const auto passed = std::make_shared<bool>(false);
    asio::post(on.context(), [passed] { *passed = true; });
    while (!*passed) lent->park(std::chrono::steady_clock::now() + std::chrono::milliseconds{1});
  }
  lent->throw_later();
}

reactor* find_reactor(runtime& of, unsigned index) noexcept { return dynamic_cast<reactor*>(&of.parker_of(index)); }

}  // namespace detail

parker_factory reactor_parkers() {
  return [](unsigned /*index*/) { return std::make_unique<detail::reactor_parker>(); };
}

runtime_options networked(runtime_options options) {
  options.make_parker = reactor_parkers();
  return options;
}

runtime_options networked(boost::asio::io_context& lent, runtime_options options) {
  options.make_parker = [&lent](unsigned index) -> std::unique_ptr<parker> {
    if (index == 0) return std::make_unique<detail::lent_parker>(lent);
    return std::make_unique<detail::reactor_parker>();
  };
  return options;
}

}  // namespace ergo::inline v0
