#include "health.hpp"

#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ergo::inline v0::detail {
namespace {

/// The answers of the cores; late ones find it still there.
class round {
 public:
  round(unsigned cores, const std::weak_ptr<boost::asio::io_context>& on)
      : all{std::make_shared<notice>(on)}, answered_(cores, false), missing_{cores} {}

  void answer(unsigned core) {
    const std::scoped_lock lock{mutex_};
    answered_[core] = true;
    if (--missing_ == 0) all->give();
  }

  /// The numbers of those that have not answered, with spaces before them.
  [[nodiscard]] std::string silent() {
    const std::scoped_lock lock{mutex_};
    std::string text;
    for (std::size_t core = 0; core < answered_.size(); ++core)
      if (!answered_[core]) text += " " + std::to_string(core);
    return text;
  }

  const std::shared_ptr<notice> all;

 private:
  std::mutex mutex_;
  std::vector<bool> answered_;
  unsigned missing_;
};

}  // namespace

boost::asio::awaitable<http_reply> check_health(runtime& of, std::weak_ptr<boost::asio::io_context> on,
                                                duration limit) {
  const auto asked = std::make_shared<round>(of.cores(), on);
  for (unsigned core = 0; core < of.cores(); ++core) of.post(core, [asked, core] { asked->answer(core); });
  const auto time = std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit);
  co_await asked->all->wait(time);
  const auto silent = asked->silent();
  http_reply reply;
  reply.body = "healthy\n";
  if (!silent.empty()) {
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
    reply.status = 503;
    reply.body = "of " + std::to_string(of.cores()) + " cores these ran nothing for " + std::to_string(waited) +
                 " ms:" + silent + "\n";
  }
  co_return reply;
}

}  // namespace ergo::inline v0::detail
