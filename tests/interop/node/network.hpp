// Computers of a test's own, as network namespaces, between which it can cut the network.
#pragma once

#include "harness.hpp"

#include <functional>
#include <string>

namespace ergo_interop {

/// The computers of netns.sh, until this object goes. Skips the test where the machine allows none.
class network {
 public:
  explicit network(unsigned computers) { set_up("up", std::to_string(computers)); }
  ~network() { (void)run("down", ""); }
  network(const network&) = delete;
  network& operator=(const network&) = delete;

  /// Parts two of them by `drop`, `reset` or `down`, which is the end of the first one's link. False where this machine
  /// cannot do that; why is remarked.
  [[nodiscard]] bool cut(const std::string& how, unsigned one, unsigned other);
  void heal() { set_up("heal", ""); }
  [[nodiscard]] std::string space(unsigned computer) const { return bed_ + "-" + std::to_string(computer); }
  [[nodiscard]] static std::string address(unsigned computer) { return "10.77.0." + std::to_string(computer); }

  /// Runs `work` on a thread of that computer; threads that it starts are there, too.
  void on(unsigned computer, const std::function<void()>& work) const;

 private:
  struct outcome {
    int code = 0;
    std::string said;
  };
  [[nodiscard]] outcome run(const std::string& command, const std::string& arguments) const;
  void set_up(const std::string& command, const std::string& arguments) const;

  std::string bed_ = fresh_name("ergo");
};

}  // namespace ergo_interop
