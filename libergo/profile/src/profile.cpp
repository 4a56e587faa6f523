#include <ergo/profile.hpp>

#include <gperftools/profiler.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace ergo::inline v0 {
namespace {

constexpr std::chrono::seconds usual_length{30};

/// A file of our own that is gone when it has been read.
class scratch_file {
 public:
  scratch_file() {
    path_ = (std::filesystem::temp_directory_path() / "ergo-profile-XXXXXX").string();
    const int descriptor = mkstemp(path_.data());
    if (descriptor == -1) throw std::system_error{errno, std::system_category(), path_};
    close(descriptor);
  }
  ~scratch_file() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;

  [[nodiscard]] const char* path() const noexcept { return path_.c_str(); }
  [[nodiscard]] std::string read() const {
    std::ifstream file{path_, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

 private:
  std::string path_;
};

http_reply refused(unsigned status, std::string_view why) {
  http_reply made;
  made.status = status;
  made.body = std::string{why} + "\n";
  return made;
}

/// The number behind `seconds=`, of the parts between `&`; empty when it is none or not above 0.
std::optional<std::chrono::seconds> length_of(std::string_view query) {
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    constexpr std::string_view name = "seconds=";
    if (!part.starts_with(name)) continue;
    unsigned value = 0;
    const auto* const end = part.data() + part.size();
    const auto read = std::from_chars(part.data() + name.size(), end, value);
    if (read.ec != std::errc{} || read.ptr != end || value == 0) return std::nullopt;
    return std::chrono::seconds{value};
  }
  return usual_length;
}

/// Takes profiles on a thread of its own, one at a time. The profiler belongs to the program, so the flag does too.
class profiler {
 public:
  explicit profiler(duration longest) : longest_{longest} {}
  ~profiler() {
    {
      const std::scoped_lock lock{mutex_};
      stopping_ = true;
    }
    stop_.notify_all();
    if (worker_.joinable()) worker_.join();
  }
  profiler(const profiler&) = delete;
  profiler& operator=(const profiler&) = delete;

  void serve(std::string_view query, std::function<void(http_reply)> reply) {
    const auto length = length_of(query);
    if (!length) return reply(refused(400, "seconds= takes a number above 0"));
    if (busy.exchange(true)) return reply(refused(409, "a profile is being taken"));
    if (worker_.joinable()) worker_.join();
    worker_ = std::thread{[this, length = std::min<duration>(*length, longest_), reply = std::move(reply)] {
      auto made = take(length);
      busy = false;
      reply(std::move(made));
    }};
  }

 private:
  http_reply take(duration length) {
    try {
      const scratch_file file;
      if (ProfilerStart(file.path()) == 0) return refused(500, "the profiler did not start");
      {
        std::unique_lock lock{mutex_};
        stop_.wait_for(lock, length, [this] { return stopping_; });
      }
      ProfilerStop();
      http_reply made;
      made.type = "application/octet-stream";
      made.body = file.read();
      return made;
    } catch (const std::exception& failed) {
      return refused(500, failed.what());
    }
  }

  inline static std::atomic<bool> busy{false};
  duration longest_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread worker_;
};

}  // namespace

void add_profile(operations& to, duration longest) {
  const auto made = std::make_shared<profiler>(longest);
  to.add("/debug/pprof/profile", [made](std::string_view query, std::function<void(http_reply)> reply) {
    made->serve(query, std::move(reply));
  });
}

}  // namespace ergo::inline v0
