#include <ergo_test/network.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <thread>

namespace ergo::test {
namespace {

constexpr int cannot = 77;  // what netns.sh ends with where the machine does not allow something

std::string next_bed() {
  static std::atomic<int> beds{0};
  return "ergo" + std::to_string(::getpid()) + "x" + std::to_string(++beds);
}

}  // namespace

network::network(unsigned computers) : bed_{next_bed()} {
  const auto how = run("up", std::to_string(computers));
  if (how.code == 0) return;
  (void)run("down", "");
  if (how.code == cannot) SKIP(how.said);
  throw std::runtime_error{"netns.sh up: " + how.said};
}

network::~network() { (void)run("down", ""); }

std::optional<std::string> network::cut(const std::string& how, unsigned one, unsigned other) {
  return attempt("cut", how + " " + std::to_string(one) + " " + std::to_string(other));
}

std::optional<std::string> network::narrow(unsigned computer, const std::string& rate) {
  return attempt("narrow", std::to_string(computer) + " " + rate);
}

void network::heal() {
  if (const auto lacks = attempt("heal", "")) throw std::runtime_error{"netns.sh heal: " + *lacks};
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
  const auto line = ERGO_TEST_SUPPORT_DIR "/netns.sh " + command + " " + bed_ + " " + arguments + " 2>&1";
  outcome how;
  auto* const script = ::popen(line.c_str(), "r");
  std::array<char, 256> room{};
  while (std::fgets(room.data(), room.size(), script) != nullptr) how.said += room.data();
  const int status = ::pclose(script);
  how.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return how;
}

std::optional<std::string> network::attempt(const std::string& command, const std::string& arguments) const {
  auto how = run(command, arguments);
  if (how.code == 0) return std::nullopt;
  if (how.code != cannot) throw std::runtime_error{"netns.sh " + command + ": " + how.said};
  return std::move(how.said);
}

}  // namespace ergo::test
