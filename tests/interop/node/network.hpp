// Computers of a test's own, for the scenarios of this program: what this machine cannot do is remarked in its table.
#pragma once

#include "scoreboard.hpp"

#include <ergo_test/network.hpp>

namespace ergo_interop {

class network : public ergo::test::network {
 public:
  using ergo::test::network::network;

  /// False where this machine cannot do that.
  [[nodiscard]] bool cut(const std::string& how, unsigned one, unsigned other) {
    const auto lacks = ergo::test::network::cut(how, one, other);
    if (lacks) remark("partial partitions by " + how + " are left out: " + *lacks);
    return !lacks;
  }
};

}  // namespace ergo_interop
