// The nodes of the soak: ours as a process of its own, an Erlang node of each release, and a fault proxy on each way.
#pragma once

#include "../interop/node/erlang_peer.hpp"
#include "figures.hpp"

#include <ergo_test/fault_proxy.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ergo_soak {

/// Numbers by their names.
using numbers = std::map<std::string, std::int64_t>;

/// Our node. What it has to complain of is in a file; it stops when this object goes.
class our_side {
 public:
  our_side(const std::vector<std::string>& command, std::string complaints);
  ~our_side();
  our_side(const our_side&) = delete;
  our_side& operator=(const our_side&) = delete;

  /// Its answer to a command.
  [[nodiscard]] std::string ask(const std::string& command);
  /// Throws `std::runtime_error` unless the answer is `ok`.
  void must(const std::string& command);
  /// What it has counted; see `names_of_counted`, and `violations`, `connected`, `processes`, `atoms`, and of the
  /// memory that `malloc` has from the system `heap_held` bytes, of which `heap_used` are allocated.
  [[nodiscard]] numbers sample();
  [[nodiscard]] holdings held() const { return held_by(program_.id()); }
  /// Whether it ends within that time.
  [[nodiscard]] bool ends_within(std::chrono::milliseconds patience) const;
  /// Ends its input, upon which it stops. Returns its exit code, that of SIGKILL when it did not end by itself.
  [[nodiscard]] int stop();
  /// How many reports of sanitizers are among its complaints.
  [[nodiscard]] std::int64_t reports() const;

 private:
  ergo_interop::program program_;
  std::string complaints_;
  int watch_ = -1;
};

/// An Erlang node that is killed and started again, all of it behind a proxy.
class erlang_side {
 public:
  erlang_side(const ergo_interop::release& otp, std::uint16_t epmd);

  [[nodiscard]] const std::string& name() const noexcept { return options_.name; }
  [[nodiscard]] const std::string& release() const noexcept { return options_.otp.number; }
  /// Where ours reaches it.
  [[nodiscard]] std::uint16_t port() const noexcept { return proxy_.port(); }
  [[nodiscard]] ergo::test::fault_proxy& proxy() noexcept { return proxy_; }

  /// Starts the node, without traffic.
  void start();
  /// Begins streams and churn with ours.
  void begin(const std::string& ours);
  void kill();
  void quiet();
  /// What all of its incarnations have counted, and of this one `processes`, `atoms`.
  [[nodiscard]] numbers sample();
  /// Something that must never be and that nobody was told of yet; empty when there is none.
  [[nodiscard]] std::string next_violation();
  /// What links and monitors our busiest server has in its books, as Erlang writes it: `[]` for none.
  [[nodiscard]] std::string books(const std::string& ours);
  /// The same of the server that ours calls here: those with processes of ours.
  [[nodiscard]] std::string books_here(const std::string& ours);

 private:
  std::string call(const std::string& function, const std::string& words = "");

  std::uint16_t behind_;
  ergo::test::fault_proxy proxy_;
  ergo_interop::peer_options options_;
  std::unique_ptr<ergo_interop::erlang_peer> peer_;
  numbers before_;  // of the incarnations that are dead
  std::int64_t life_ = 0;
};

/// All of them.
class cluster {
 public:
  /// `folder` is where our node writes its log and what it has to complain of.
  cluster(const std::string& node_program, const std::string& folder,
          const std::vector<ergo_interop::release>& releases);

  [[nodiscard]] our_side& ours() noexcept { return *ours_; }
  [[nodiscard]] std::vector<std::unique_ptr<erlang_side>>& theirs() noexcept { return theirs_; }
  [[nodiscard]] const std::string& our_name() const noexcept { return name_; }
  /// Quoted, as Erlang reads it.
  [[nodiscard]] std::string quoted_name() const { return "'" + name_ + "'"; }

  /// Resets the connections through one of the proxies that have any, by `choice`. Returns how many there were.
  std::size_t reset(std::size_t choice);

 private:
  std::uint16_t epmd_;
  std::uint16_t listens_;
  ergo::test::fault_proxy inwards_;
  std::string name_;
  std::vector<std::unique_ptr<erlang_side>> theirs_;
  std::unique_ptr<our_side> ours_;
};

}  // namespace ergo_soak
