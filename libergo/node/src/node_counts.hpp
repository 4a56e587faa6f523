// What a node counts: the place behind `node::figures`.
#pragma once

#include <ergo/dist/peers.hpp>
#include <ergo/node_figures.hpp>

#include <array>
#include <atomic>

namespace ergo::inline v0::detail {

/// Any thread.
class node_counts {
 public:
  using number = std::atomic<std::uint64_t>;

  void add(refusal why) noexcept { add_to(refused_, why); }
  void add(breach why) noexcept { add_to(breaches_, why); }
  void add(parting why) noexcept { add_to(partings_, why); }
  void write_to(node_figures& shown) const noexcept;

  number let_in{0};
  number reached{0};
  number unreached{0};
  number over_quota{0};
  number nameless{0};
  number shortages{0};
  number left_out{0};
  std::atomic<std::size_t> handshakes{0};

 private:
  template <typename Counts, typename Reason>
  static void add_to(Counts& counts, Reason why) noexcept {
    counts[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
  }

  std::array<number, decltype(node_figures::refused)::reasons> refused_{};
  std::array<number, decltype(node_figures::breaches)::reasons> breaches_{};
  std::array<number, decltype(node_figures::partings)::reasons> partings_{};
};

/// Which of our reasons the failure of a caller's handshake is.
[[nodiscard]] refusal refusal_of(const dist::handshake_failure& failure) noexcept;
/// Which of them it is that a caller was sent away.
[[nodiscard]] refusal refusal_of(dist::peer_errc reason) noexcept;
/// Which of our reasons ended a connection that was up.
[[nodiscard]] parting parting_of(dist::peer_errc reason) noexcept;

}  // namespace ergo::inline v0::detail
