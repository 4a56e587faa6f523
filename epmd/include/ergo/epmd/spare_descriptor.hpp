// One descriptor in reserve, so that a server without free descriptors can still accept a client and close it:
// otherwise the client would wait in vain, and the listening socket would stay readable for ever.
#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace ergo::inline v0::epmd {

/// Holds a descriptor that can be given up for a moment. One thread at a time.
class spare_descriptor {
 public:
  spare_descriptor() { take(); }
  spare_descriptor(const spare_descriptor&) = delete;
  spare_descriptor& operator=(const spare_descriptor&) = delete;
  ~spare_descriptor() { give_up(); }

  /// Makes one descriptor free for the program.
  void give_up() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

  /// Takes one back; without success when there is none, and then the next call tries again.
  void take() {
    if (descriptor_ < 0) descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }

 private:
  int descriptor_ = -1;
};

}  // namespace ergo::inline v0::epmd
