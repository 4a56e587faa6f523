#include "network.hpp"
#include "scoreboard.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <thread>

namespace ergo_interop {
namespace {

constexpr int cannot = 77;  // what netns.sh ends with where the machine does not allow something

}  // namespace

bool network::cut(const std::string& how, unsigned one, unsigned other) {
  const auto done = run("cut", how + " " + std::to_string(one) + " " + std::to_string(other));
  if (done.code == cannot) {
    remark("partial partitions by " + how + " are left out: " + done.said);
    return false;
  }
  if (done.code != 0) throw std::runtime_error{"netns.sh cut: " + done.said};
  return true;
}

void network::on(unsigned computer, const std::function<void()>& work) const {
  std::exception_ptr thrown;
  std::thread{[&] {
    try {
      const auto path = "/run/netns/" + space(computer);
      const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      const bool there = file >= 0 && ::setns(file, CLONE_NEWNET) == 0;
      ::close(file);
      if (!there) throw std::runtime_error{"cannot enter " + path};
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
  }}.join();
  if (thrown) std::rethrow_exception(thrown);
}

network::outcome network::run(const std::string& command, const std::string& arguments) const {
  const auto line = ERGO_SOURCE_DIR "/tests/interop/node/netns.sh " + command + " " + bed_ + " " + arguments + " 2>&1";
  outcome how;
  auto* const script = ::popen(line.c_str(), "r");
  std::array<char, 256> room{};
  while (std::fgets(room.data(), room.size(), script) != nullptr) how.said += room.data();
  const int status = ::pclose(script);
  how.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return how;
}

void network::set_up(const std::string& command, const std::string& arguments) const {
  const auto how = run(command, arguments);
  if (how.code == 0) return;
  if (how.code != cannot || command != "up") throw std::runtime_error{"netns.sh " + command + ": " + how.said};
  (void)run("down", "");
  SKIP(how.said);
}

}  // namespace ergo_interop
