// The program's standard streams as a terminal that never holds a core: a thread of their own writes and reads.
#pragma once

#include <ergo/otp/io_device.hpp>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace ergo::inline v0::kernel::detail {

/// Which streams, and how much may wait for them.
struct stream_options {
  int in = -1;                                   ///< a descriptor, not owned; below 0: no input
  int out = 1;                                   ///< a descriptor, not owned
  std::size_t unwritten = std::size_t{1} << 20;  ///< bytes taken and not written; above, whoever prints waits
};

/// Text goes out, and input comes in only while somebody reads, so that the rest of the program may read, too.
///
/// The thread begins with the first text or reader. Destroyed, the streams have a second to write what was taken; a
/// thread that is stuck in a system call is left behind, with the memory that it uses.
class standard_streams final : public otp::io::terminal {
 public:
  explicit standard_streams(const stream_options& options);
  ~standard_streams() override;

  task<std::expected<void, term>> write(process& self, std::string bytes, otp::io::encoding as) override;
  void want(process& self, const otp::io::input_port& port, otp::io::input_kind kind) override;
  [[nodiscard]] std::optional<otp::io::geometry> size() const override;

 private:
  struct shared;
  class seat;
  std::shared_ptr<shared> state_;
};

}  // namespace ergo::inline v0::kernel::detail
