// The processes of a program that Erlang's `peer` has started: what talks with the process that has done so, prints
// there, and ends the program with it.
#pragma once

#include "frames.hpp"

#include <ergo/node.hpp>

#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ergo::inline v0::kernel::detail {

/// An open file of ours.
class descriptor {
 public:
  explicit descriptor(int number = -1) noexcept : number_{number} {}
  descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

 private:
  int number_;
};

/// The two directions of an alternative connection.
struct channel_ends {
  descriptor in;
  descriptor out;
};

/// Connects to the first of `addresses` that answers, each within ten seconds. Blocks. Errors: `nodedown` with what
/// the last one said.
[[nodiscard]] result<channel_ends> connect_origin(const std::vector<std::string>& addresses, std::uint16_t port);
/// Standard input and output.
[[nodiscard]] result<channel_ends> take_standard_io();

/// Starts the processes that serve an alternative connection; `user` is one of them. Errors: `name_taken`.
[[nodiscard]] result<void> serve_channel(node& on, channel_ends ends, framing how);
/// Connects with the origin over distribution and starts the processes that belong to it. Blocks. Errors: those of
/// `node::connect`; `name_taken`; `bad_answer`; `timeout`.
[[nodiscard]] result<void> meet_origin(node& on, const pid& origin);

}  // namespace ergo::inline v0::kernel::detail
