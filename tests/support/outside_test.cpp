// The faults from outside themselves: a disk is full, a program starves, descriptors are gone, computers are apart.
#include <ergo_test/network.hpp>
#include <ergo_test/outside.hpp>

#include <catch2/catch_test_macros.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace ergo::test;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

namespace {

struct descriptor {
  explicit descriptor(int with) : number{with} {}
  descriptor(descriptor&& other) noexcept : number{std::exchange(other.number, -1)} {}
  descriptor& operator=(descriptor&&) = delete;
  ~descriptor() {
    if (number >= 0) close(number);
  }
  int number;
};

descriptor opened(const std::filesystem::path& path) {
  return descriptor{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
}

/// A child that computes until it is killed.
class busy_program {
 public:
  busy_program() : id_{fork()} {
    if (id_ != 0) return;
    volatile unsigned rounds = 0;
    for (;;) rounds = rounds + 1;
  }
  ~busy_program() {
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
  }
  busy_program(const busy_program&) = delete;
  busy_program& operator=(const busy_program&) = delete;

  [[nodiscard]] pid_t id() const { return id_; }
  /// Its letter in /proc: R runs, T stands still.
  [[nodiscard]] char state() const {
    std::ifstream file{"/proc/" + std::to_string(id_) + "/stat"};
    std::string number;
    std::string name;
    char letter = '?';
    file >> number >> name >> letter;
    return letter;
  }

 private:
  pid_t id_;
};

template <typename Condition>
bool eventually(Condition condition) {
  for (const auto until = steady::now() + 10s; !condition(); poll(nullptr, 0, 2)) {
    if (steady::now() > until) return false;
  }
  return true;
}

sockaddr_in place(const std::string& address) {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(4711);
  inet_pton(AF_INET, address.c_str(), &where.sin_addr);
  return where;
}

descriptor listener_at(const std::string& address) {
  descriptor one{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto where = place(address);
  if (bind(one.number, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) return descriptor{-1};
  return listen(one.number, 16) == 0 ? std::move(one) : descriptor{-1};
}

/// How connecting goes: 0, an error, or EINPROGRESS when nothing has come in half a second.
int reach(const std::string& address) {
  const descriptor one{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const auto where = place(address);
  if (connect(one.number, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd ready{one.number, POLLOUT, 0};
  if (poll(&ready, 1, 500) == 0) return EINPROGRESS;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(one.number, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace

TEST_CASE("a small disk takes what fits, and when it is full files can be made but not written") {
  std::filesystem::path folder;
  {
    const small_disk disk{16};
    folder = disk.folder();
    const std::array<char, 4096> page{};
    CHECK(write(opened(folder / "first").number, page.data(), page.size()) == 4096);
    disk.fill();
    disk.fill();
    const auto late = opened(folder / "late");
    REQUIRE(late.number >= 0);
    CHECK(write(late.number, page.data(), 1) == -1);
    CHECK(errno == ENOSPC);
    disk.make_room();
    CHECK(write(late.number, page.data(), 1) == 1);
  }
  CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("a starved program is made to wait, and goes on when its group is gone") {
  const busy_program busy;
  {
    const starved_group group{2ms};
    CHECK(group.waits() == 0);
    group.take(busy.id());
    CHECK(eventually([&] { return group.waits() >= 5; }));
  }
  CHECK(eventually([&] { return busy.state() == 'R'; }));
}

TEST_CASE("beyond its limit a program gets no descriptor, and afterwards as many as before") {
  REQUIRE(may_open(256));
  {
    const descriptor_limit limit{64};
    std::vector<descriptor> all;
    while (all.empty() || all.back().number >= 0) {
      REQUIRE(all.size() < 65);
      all.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    CHECK(errno == EMFILE);
  }
  std::vector<descriptor> all;
  for (int count = 0; count < 80; ++count) CHECK(all.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC)).number >= 0);
}

TEST_CASE("a stopped program stands still, and then goes on") {
  const busy_program busy;
  CHECK(eventually([&] { return busy.state() == 'R'; }));
  {
    const stopped_program stop{busy.id()};
    CHECK(eventually([&] { return busy.state() == 'T'; }));
  }
  CHECK(eventually([&] { return busy.state() == 'R'; }));
}

TEST_CASE("computers reach each other unless they are cut, each way of cutting as it says, and again when healed") {
  network cables{3};
  std::optional<descriptor> second;
  std::optional<descriptor> third;
  cables.on(2, [&] { second.emplace(listener_at(network::address(2))); });
  cables.on(3, [&] { third.emplace(listener_at(network::address(3))); });
  REQUIRE(second->number >= 0);
  REQUIRE(third->number >= 0);
  const auto from_first = [&](unsigned to) {
    int how = -1;
    cables.on(1, [&] { how = reach(network::address(to)); });
    return how;
  };
  CHECK(from_first(2) == 0);
  const std::vector<std::pair<std::string, int>> ways{
      {"drop", EINPROGRESS}, {"reset", ECONNREFUSED}, {"blackhole", EINVAL}, {"random", 0}};
  for (const auto& [how, wanted] : ways) {
    if (const auto lacks = cables.cut(how, 1, 2)) {
      WARN(how << " is left out: " << *lacks);
      continue;
    }
    INFO(how);
    // One in twenty is lost, and sent again after a second.
    if (how != "random") CHECK(from_first(2) == wanted);
    if (how == "random") CHECK(eventually([&] { return from_first(2) == 0; }));
    CHECK(from_first(3) == 0);
    cables.heal();
    CHECK(from_first(2) == 0);
  }
  REQUIRE_FALSE(cables.cut("down", 2, 1));
  CHECK(from_first(2) != 0);
  cables.heal();
  CHECK(eventually([&] { return from_first(2) == 0; }));
}

namespace {

/// Sends `size` bytes to itself on another computer's listener; how many came within 20 s.
std::size_t carry(std::size_t size, const descriptor& listener, const std::string& address) {
  const std::string sent(size, 'x');
  const descriptor caller{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto where = place(address);
  if (connect(caller.number, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) return 0;
  const descriptor callee{accept4(listener.number, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  std::string_view left = sent;
  std::size_t heard = 0;
  std::array<char, 65'536> room{};
  for (const auto until = steady::now() + 20s; heard < size && steady::now() < until;) {
    const auto said = send(caller.number, left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (said > 0) left.remove_prefix(static_cast<std::size_t>(said));
    pollfd ready{callee.number, POLLIN, 0};
    poll(&ready, 1, 20);
    const auto got = recv(callee.number, room.data(), room.size(), 0);
    if (got > 0) heard += static_cast<std::size_t>(got);
  }
  return heard;
}

}  // namespace

TEST_CASE("what a computer sends on a narrow line takes its time") {
  network cables{2};
  if (const auto lacks = cables.narrow(1, "4mbit")) SKIP(*lacks);
  std::optional<descriptor> server;
  cables.on(2, [&] { server.emplace(listener_at(network::address(2))); });
  REQUIRE(server->number >= 0);
  constexpr std::size_t size = 500'000;  // a second
  std::size_t heard = 0;
  const auto began = steady::now();
  cables.on(1, [&] { heard = carry(size, *server, network::address(2)); });
  CHECK(heard == size);
  CHECK(steady::now() - began >= 700ms);
}
