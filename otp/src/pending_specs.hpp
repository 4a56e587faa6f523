// Child specifications on their way to a supervisor: they hold C++ functions, so only a reference travels in the call.
#pragma once

#include <ergo/otp/supervisor.hpp>

#include <optional>

namespace ergo::inline v0::otp::detail {

/// The request `{'$add_child', Ref}`.
[[nodiscard]] inline atom add_child_request() { return "$add_child"_atom; }

/// A specification that waits under a reference for a supervisor of this program, as long as this object lives.
class pending_spec {
 public:
  pending_spec(reference key, child_spec spec);
  ~pending_spec();
  pending_spec(const pending_spec&) = delete;
  pending_spec& operator=(const pending_spec&) = delete;

  [[nodiscard]] const reference& key() const noexcept { return key_; }

 private:
  reference key_;
};

/// Takes the specification that waits under `key`; empty for anything else, whoever sent it. Any thread.
[[nodiscard]] std::optional<child_spec> take_pending(const term& key);

}  // namespace ergo::inline v0::otp::detail
