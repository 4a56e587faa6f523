#include <ergo_test/outside.hpp>

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ergo::test {
namespace {

[[noreturn]] void fail(const std::string& doing) { throw std::runtime_error{doing + ": " + std::strerror(errno)}; }

/// A new folder below the system's for temporary files.
std::filesystem::path fresh_folder() {
  auto text = (std::filesystem::temp_directory_path() / "ergo-disk-XXXXXX").string();
  if (::mkdtemp(text.data()) == nullptr) fail("no folder");
  return text;
}

/// True when the system took it.
bool write_text(const std::filesystem::path& file, const std::string& text) {
  const int opened = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (opened < 0) return false;
  const bool written = ::write(opened, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  ::close(opened);
  errno = error;
  return written;
}

struct hierarchy {
  std::filesystem::path folder;
  bool unified = false;  ///< version 2
};

bool has_word(const std::string& list, std::string_view word, char separator) {
  std::istringstream words{list};
  for (std::string one; std::getline(words, one, separator);) {
    if (one == word) return true;
  }
  return false;
}

/// Where processor time is shared out; no folder where it is not.
hierarchy processor_groups() {
  std::ifstream mounts{"/proc/self/mounts"};
  std::string device;
  std::string where;
  std::string kind;
  std::string options;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream{line} >> device >> where >> kind >> options;
    if (kind == "cgroup" && has_word(options, "cpu", ',')) return {where, false};
    if (kind != "cgroup2") continue;
    std::string controllers;
    std::getline(std::ifstream{where + "/cgroup.controllers"}, controllers);
    if (has_word(controllers, "cpu", ' ')) return {where, true};
  }
  return {};
}

}  // namespace

// ----- disks --------------------------------------------------------------------------------------------------------

small_disk::small_disk(std::size_t kib) : folder_{fresh_folder()} {
  const auto size = "size=" + std::to_string(kib) + "k,mode=0755";
  if (::mount("none", folder_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, size.c_str()) == 0) return;
  const std::string why = std::strerror(errno);
  std::filesystem::remove(folder_);
  SKIP("no small disk (mount of a tmpfs): " + why);
}

small_disk::~small_disk() {
  ::umount2(folder_.c_str(), MNT_DETACH);
  std::error_code ignored;
  std::filesystem::remove(folder_, ignored);
}

void small_disk::fill() const {
  const auto path = folder_ / "filling";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) fail("no file to fill the disk with");
  const std::array<char, 4096> page{};
  while (::write(file, page.data(), page.size()) > 0) {
  }
  const int error = errno;
  ::close(file);
  errno = error;
  if (error != ENOSPC) fail("the disk is not full");
}

void small_disk::make_room() const { std::filesystem::remove(folder_ / "filling"); }

// ----- processors ---------------------------------------------------------------------------------------------------

starved_group::starved_group(std::chrono::microseconds of_each_100ms) {
  const auto [root, unified] = processor_groups();
  if (root.empty()) SKIP("no starved programs (control groups): no controller of processors is mounted");
  static int groups = 0;
  parent_ = root;
  folder_ = root / ("ergo-" + std::to_string(::getpid()) + "-" + std::to_string(++groups));
  const auto share = std::to_string(of_each_100ms.count());
  std::error_code failed;
  if (unified) (void)write_text(root / "cgroup.subtree_control", "+cpu");
  const bool ready = std::filesystem::create_directory(folder_, failed) &&
                     (unified ? write_text(folder_ / "cpu.max", share + " 100000")
                              : write_text(folder_ / "cpu.cfs_period_us", "100000") &&
                                    write_text(folder_ / "cpu.cfs_quota_us", share));
  if (ready) return;
  const auto why = failed ? failed.message() : std::string{std::strerror(errno)};
  std::filesystem::remove(folder_, failed);
  SKIP("no starved programs (control groups): " + why);
}

starved_group::~starved_group() {
  std::ifstream members{folder_ / "cgroup.procs"};
  for (std::string one; std::getline(members, one);) (void)write_text(parent_ / "cgroup.procs", one);
  // Not std::filesystem::remove, which would look at the files inside: the system removes those itself.
  (void)::rmdir(folder_.c_str());
}

void starved_group::take(pid_t program) const {
  if (!write_text(folder_ / "cgroup.procs", std::to_string(program))) fail("a program cannot be starved");
}

std::uint64_t starved_group::waits() const {
  std::ifstream counts{folder_ / "cpu.stat"};
  std::string name;
  std::uint64_t count = 0;
  while (counts >> name >> count) {
    if (name == "nr_throttled") return count;
  }
  throw std::runtime_error{"the system does not count how often a group waits"};
}

// ----- descriptors and signals --------------------------------------------------------------------------------------

descriptor_limit::descriptor_limit(rlim_t most) {
  if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) fail("no limit of descriptors");
  auto now = before_;
  now.rlim_cur = std::min(most, before_.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &now) != 0) fail("no limit of descriptors");
}

descriptor_limit::~descriptor_limit() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }

bool may_open(rlim_t descriptors) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= descriptors) return true;
  limit.rlim_cur = std::min(descriptors, limit.rlim_max);
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= descriptors;
}

stopped_program::stopped_program(pid_t program) : program_{program} {
  if (::kill(program_, SIGSTOP) != 0) fail("a program cannot be stopped");
}

stopped_program::~stopped_program() { ::kill(program_, SIGCONT); }

}  // namespace ergo::test
