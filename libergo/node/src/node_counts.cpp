// The words of the reasons, and which reason of the protocol's machines is which of them.
#include "node_counts.hpp"

namespace ergo::inline v0 {
namespace {

constexpr std::array<std::string_view, 14> refusals{
    "left", "late",     "garbage",    "name",        "capabilities", "not_allowed", "cookie",
    "tls",  "crossing", "pushed_out", "turned_away", "connections",  "descriptors", "other"};
constexpr std::array<std::string_view, 7> breaches{"frame",   "packet", "control", "payload",
                                                   "message", "atoms",  "unread"};
constexpr std::array<std::string_view, 6> partings{"closed",       "silent",   "breach",
                                                   "disconnected", "replaced", "stopping"};
static_assert(refusals.size() == decltype(node_figures::refused)::reasons);
static_assert(breaches.size() == decltype(node_figures::breaches)::reasons);
static_assert(partings.size() == decltype(node_figures::partings)::reasons);

template <typename Names, typename Reason>
std::string_view name_of(const Names& names, Reason why) noexcept {
  const auto place = static_cast<std::size_t>(why);
  return place < names.size() ? names[place] : std::string_view{"other"};
}

}  // namespace

std::string_view to_string(refusal why) noexcept { return name_of(refusals, why); }
std::string_view to_string(breach why) noexcept { return name_of(breaches, why); }
std::string_view to_string(parting why) noexcept { return name_of(partings, why); }

namespace detail {
namespace {

template <typename Shown, typename Counts>
void copy(Shown& shown, const Counts& counts) noexcept {
  shown.for_each([&](auto why, std::uint64_t) {
    shown[why] = counts[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
  });
}

}  // namespace

void node_counts::write_to(node_figures& shown) const noexcept {
  copy(shown.refused, refused_);
  copy(shown.breaches, breaches_);
  copy(shown.partings, partings_);
  shown.let_in = let_in.load(std::memory_order_relaxed);
  shown.reached = reached.load(std::memory_order_relaxed);
  shown.unreached = unreached.load(std::memory_order_relaxed);
  shown.over_quota = over_quota.load(std::memory_order_relaxed);
  shown.nameless = nameless.load(std::memory_order_relaxed);
  shown.shortages = shortages.load(std::memory_order_relaxed);
  shown.events_left_out = left_out.load(std::memory_order_relaxed);
  shown.handshakes = handshakes.load(std::memory_order_relaxed);
}

refusal refusal_of(const dist::handshake_failure& failure) noexcept {
  using dist::handshake_errc;
  switch (failure.code) {
    case handshake_errc::closed: return refusal::left;
    case handshake_errc::timeout: return refusal::late;
    case handshake_errc::bad_message:
    case handshake_errc::too_long:
    case handshake_errc::unexpected_status: return refusal::garbage;
    case handshake_errc::bad_name:
    case handshake_errc::mixed_names:
    case handshake_errc::own_name:
    case handshake_errc::name_mismatch: return refusal::name;
    case handshake_errc::missing_flags: return refusal::capabilities;
    case handshake_errc::not_allowed:
    case handshake_errc::refused: return refusal::not_allowed;
    case handshake_errc::nok:
    case handshake_errc::yielded:
    case handshake_errc::duplicate:
    case handshake_errc::superseded: return refusal::crossing;
    case handshake_errc::wrong_cookie:
    case handshake_errc::cookie_rejected:
    case handshake_errc::reflected: return refusal::cookie;
    case handshake_errc::digest_unavailable:
    case handshake_errc::bad_event: return refusal::other;
  }
  return refusal::other;
}

refusal refusal_of(dist::peer_errc reason) noexcept {
  switch (reason) {
    case dist::peer_errc::tls: return refusal::tls;
    case dist::peer_errc::superseded:
    case dist::peer_errc::replaced: return refusal::crossing;
    case dist::peer_errc::closed: return refusal::left;
    default: return refusal::other;
  }
}

parting parting_of(dist::peer_errc reason) noexcept {
  switch (reason) {
    case dist::peer_errc::silent: return parting::silent;
    case dist::peer_errc::protocol: return parting::breach;
    case dist::peer_errc::disconnected: return parting::disconnected;
    case dist::peer_errc::replaced: return parting::replaced;
    case dist::peer_errc::stopping: return parting::stopping;
    default: return parting::closed;
  }
}

}  // namespace detail
}  // namespace ergo::inline v0
