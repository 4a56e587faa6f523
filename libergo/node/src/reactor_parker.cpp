// Sleeping in Asio. One handler per `park`: the core looks at its queues after each, and asks the system no more often
// than it must.
#include "reactor_parker.hpp"

#include <ergo/reactor.hpp>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/post.hpp>

#include <mutex>
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

struct reactor_parker::keeper {
  std::mutex mutex;
  std::vector<std::shared_ptr<void>> held;
};

reactor_parker::reactor_parker()
    : work_{asio::make_work_guard(context_)}, alarm_{context_}, kept_{std::make_shared<keeper>()} {}

reactor_parker::~reactor_parker() = default;

void reactor_parker::keep(std::shared_ptr<void> held) {
  const std::scoped_lock lock{kept_->mutex};
  kept_->held.push_back(std::move(held));
}

void reactor_parker::park(time_point until) {
  if (until == time_point::max()) {
    context_.run_one();
  } else if (const auto now = std::chrono::steady_clock::now(); until - now <= longest_plain_wait) {
    if (until > now) {
      context_.run_one_until(until);
    } else {
      context_.poll_one();
    }
  } else {
    arm(until);
    context_.run_one();
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

void reactor_parker::poll() { context_.poll(); }

void reactor_parker::unpark() noexcept {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  // A handler that was taken out of the queue gives its memory back before it runs.
  asio::post(context_, asio::bind_allocator(fixed_memory<std::byte>{wake_memory_.data(), wake_memory_.size()},
                                            [this] { woken_.store(false, std::memory_order_release); }));
}

reactor_parker* find_reactor(runtime& of, unsigned index) noexcept {
  return dynamic_cast<reactor_parker*>(&of.parker_of(index));
}

}  // namespace detail

parker_factory reactor_parkers() {
  return [](unsigned /*index*/) { return std::make_unique<detail::reactor_parker>(); };
}

runtime_options networked(runtime_options options) {
  options.make_parker = reactor_parkers();
  return options;
}

}  // namespace ergo::inline v0
