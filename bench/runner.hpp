// Runs one repetition of a row, of ours or of a reference, in fresh processes.
#pragma once

#include "command.hpp"
#include "workload.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace ergo_bench {

/// What one run printed and used.
struct outcome {
  double per_operation = 0;  ///< nanoseconds
  std::vector<figure> more;
  double cpu_seconds = 0;  ///< of both ends
  long peak_rss_kib = 0;   ///< of the end that measures
};

/// Starts the processes of the runs. While it lives, a port mapper of its own serves their nodes.
class runner {
 public:
  explicit runner(unsigned cores);
  ~runner();
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;

  /// Throws `std::runtime_error` when a run fails or finds a wrong result.
  [[nodiscard]] outcome ours(const workload& row, std::uint64_t operations);
  [[nodiscard]] outcome other(reference which, const workload& row, std::uint64_t operations);
  /// What the reference is, with its version; "" when this machine does not have it.
  [[nodiscard]] static std::string version_of(reference which);

 private:
  using words = std::vector<std::string>;

  [[nodiscard]] words ours_child(const workload& row, std::uint64_t operations) const;
  [[nodiscard]] words erl(const workload& row, const words& more) const;
  [[nodiscard]] words erl_task(const workload& row, std::uint64_t operations) const;
  [[nodiscard]] outcome between(const workload& row, const words& server, const words& caller);
  [[nodiscard]] outcome erlang(const workload& row, std::uint64_t operations);
  [[nodiscard]] outcome raw(reference which, const workload& row, std::uint64_t operations);
  [[nodiscard]] std::string cores_of(const workload& row) const;
  [[nodiscard]] std::string next_name(const std::string& stem);
  void compile_reference();
  void set_encryption(const workload& row);

  unsigned cores_;
  std::unique_ptr<background> epmd_;
  std::filesystem::path modules_;
  bool is_compiled_ = false;
  std::filesystem::path certificates_;
  unsigned names_ = 0;
};

}  // namespace ergo_bench
