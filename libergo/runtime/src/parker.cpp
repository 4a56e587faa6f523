// The parker of a runtime without a reactor.
#include <ergo/parker.hpp>

#include <condition_variable>
#include <mutex>

namespace ergo::inline v0 {
namespace {

class condition_parker final : public parker {
 public:
  void park(time_point until) override {
    std::unique_lock lock{mutex_};
    const auto told = [this] { return told_; };
    if (until == time_point::max()) {
      wake_.wait(lock, told);
    } else {
      wake_.wait_until(lock, until, told);
    }
    told_ = false;
  }
  void poll() override {}
  void unpark() noexcept override {
    {
      const std::scoped_lock lock{mutex_};
      told_ = true;
    }
    wake_.notify_one();
  }
  [[nodiscard]] bool worth_polling() const noexcept override { return false; }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool told_ = false;
};

}  // namespace

std::unique_ptr<parker> make_condition_parker() { return std::make_unique<condition_parker>(); }

}  // namespace ergo::inline v0
