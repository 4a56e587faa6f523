// Computers of a test's own, as network namespaces, between which it can cut or narrow the network.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace ergo::test {

/// The computers of netns.sh, numbered from 1, until this object goes. Skips the test case, and says why, where this
/// machine allows none.
class network {
 public:
  explicit network(unsigned computers);
  ~network();
  network(const network&) = delete;
  network& operator=(const network&) = delete;

  /// Parts two of them: `drop`, `random` (a twentieth), `reset`, `blackhole`, or `down`, which is the end of the first
  /// one's link. What this machine lacks where it cannot do that.
  [[nodiscard]] std::optional<std::string> cut(const std::string& how, unsigned one, unsigned other);
  /// What that computer sends passes at `rate`, as `tc` names it (`2mbit`). What this machine lacks where it cannot.
  [[nodiscard]] std::optional<std::string> narrow(unsigned computer, const std::string& rate);
  void heal();
  /// The namespace, for `ip netns exec`.
  [[nodiscard]] std::string space(unsigned computer) const { return bed_ + "-" + std::to_string(computer); }
  [[nodiscard]] static std::string address(unsigned computer) { return "10.77.0." + std::to_string(computer); }

  /// Runs `work` on a thread of that computer, and waits for it; threads that it starts are there, too. What it throws
  /// is thrown here.
  void on(unsigned computer, const std::function<void()>& work) const;

 private:
  struct outcome {
    int code = 0;
    std::string said;
  };
  [[nodiscard]] outcome run(const std::string& command, const std::string& arguments) const;
  [[nodiscard]] std::optional<std::string> attempt(const std::string& command, const std::string& arguments) const;

  std::string bed_;
};

}  // namespace ergo::test
