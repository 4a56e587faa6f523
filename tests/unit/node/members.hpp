// Nodes that meet over loopback, and a record of what each of them told.
#pragma once

#include "lone_node.hpp"

#include <ergo/node.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ergo_test {

/// Lines that several threads add. Thread-safe.
class journal {
 public:
  void add(std::string line) {
    // Tells under the lock: whoever waits may destroy this object as soon as it has the lock.
    const std::scoped_lock lock{mutex_};
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }
  [[nodiscard]] bool wait_for(const std::string& part, std::size_t times = 1) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, patience, [&] { return count_locked(part) >= times; });
  }
  [[nodiscard]] std::size_t count(const std::string& part) {
    const std::scoped_lock lock{mutex_};
    return count_locked(part);
  }
  [[nodiscard]] std::vector<std::string> lines() {
    const std::scoped_lock lock{mutex_};
    return lines_;
  }

 private:
  std::size_t count_locked(const std::string& part) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(lines_, [&](const auto& line) { return line.find(part) != line.npos; }));
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

/// A node that is started when its test has chosen its options, and what it told.
struct member {
  member(std::string name, std::uint16_t epmd, std::string cookie = "secret") {
    options.name = std::move(name);
    options.cookie = std::move(cookie);
    options.epmd_port = epmd;
    options.on_event = [this](const ergo::event& happened) { events.add(happened.text); };
  }
  ergo::result<void> start() {
    auto made = ergo::node::start(options, ergo::runtime_options{.cores = 2});
    if (!made) return std::unexpected{made.error()};
    self = std::move(*made);
    watch = self->subscribe([this](const ergo::node_event& news) {
      changes.add((news.what == ergo::node_event::kind::up ? "up " : "down ") + std::string{news.node.text()});
    });
    return {};
  }
  journal events;
  journal changes;
  ergo::node_options options;
  ergo::subscription watch;
  std::unique_ptr<ergo::node> self;
};

}  // namespace ergo_test
