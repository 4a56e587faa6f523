// Faults that come from the system around a program: a full disk, next to no processor, no descriptors, a stop. Where
// this machine does not allow one, the test case is skipped and says which and why. Networks that are cut are in
// network.hpp, connections that fail in fault_proxy.hpp.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>

namespace ergo::test {

/// A file system of a few KiB in a folder of its own, until this object goes.
class small_disk {
 public:
  /// A file takes whole pages of 4 KiB.
  explicit small_disk(std::size_t kib);
  ~small_disk();
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  /// Writes a file, `filling`, until nothing more fits; files without content can still be made.
  void fill() const;
  /// Removes that file.
  void make_room() const;

 private:
  std::filesystem::path folder_;
};

/// A control group whose programs get so much of one processor in each 100 ms, and the rest of the time stand still.
/// Of version 1 or 2, as the machine has it.
class starved_group {
 public:
  /// At least 1 ms.
  explicit starved_group(std::chrono::microseconds of_each_100ms);
  /// Its programs go on where they were before.
  ~starved_group();
  starved_group(const starved_group&) = delete;
  starved_group& operator=(const starved_group&) = delete;

  /// All threads of a program, and those that it starts.
  void take(pid_t program) const;
  /// How often they have been made to wait.
  [[nodiscard]] std::uint64_t waits() const;

 private:
  std::filesystem::path folder_;
  std::filesystem::path parent_;
};

/// This program may have so many descriptors at most, until this object goes. Those that are open stay.
class descriptor_limit {
 public:
  explicit descriptor_limit(rlim_t most);
  ~descriptor_limit();
  descriptor_limit(const descriptor_limit&) = delete;
  descriptor_limit& operator=(const descriptor_limit&) = delete;

 private:
  rlimit before_{};
};

/// Raises this program's limit of descriptors; false when it may not.
[[nodiscard]] bool may_open(rlim_t descriptors);

/// A program that stands still (SIGSTOP), until this object goes.
class stopped_program {
 public:
  explicit stopped_program(pid_t program);
  ~stopped_program();
  stopped_program(const stopped_program&) = delete;
  stopped_program& operator=(const stopped_program&) = delete;

 private:
  pid_t program_;
};

}  // namespace ergo::test
