// The queue side of a connection, its states, and what its loss tells everybody.
#include "connection.hpp"

#include "insist.hpp"
#include "session.hpp"

#include <ergo/etf/codec.hpp>
#include <ergo/etf/reserve.hpp>

#include <algorithm>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

// What a thread's present slice has put on one busy connection.
struct flood_record {
  const connection* on = nullptr;
  pid sender;
  std::uint64_t slice = 0;
  std::size_t bytes = 0;
};
thread_local flood_record flood;

// Bytes of a control message and of the wrapping around a payload; measured on typical names.
constexpr std::size_t usual_overhead = 64;

// What a sender may write itself: no payload that could need fragments, whatever is wrapped around it.
constexpr std::size_t written_at_once = 8U << 10;

// Taken for a moment by whoever comes first.
class claim {
 public:
  explicit claim(std::atomic<bool>& of) noexcept
      : of_{of}, held_{!of.load(std::memory_order_relaxed) && !of.exchange(true, std::memory_order_acquire)} {}
  ~claim() {
    if (held_) of_.store(false, std::memory_order_release);
  }
  claim(const claim&) = delete;
  claim& operator=(const claim&) = delete;
  [[nodiscard]] bool held() const noexcept { return held_; }

 private:
  std::atomic<bool>& of_;
  const bool held_;
};

// Whether a signal has a payload of any size that counts.
bool carries_payload(signal_kind kind) noexcept {
  return kind == signal_kind::message || kind == signal_kind::cast || kind == signal_kind::call ||
         kind == signal_kind::reply || kind == signal_kind::spawn_request;
}

dist::peer_reason no_memory() {
  return {
      .code = dist::peer_errc::closed, .handshake = {}, .system = std::make_error_code(std::errc::not_enough_memory)};
}

socket_ends ends_of(int descriptor) noexcept {
  socket_ends found;
  socklen_t size = sizeof found.local;
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&found.local), &size);
  size = sizeof found.remote;
  ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&found.remote), &size);
  return found;
}

}  // namespace

socket_ends connection::ends() {
  const std::scoped_lock lock{mutex_};
  return ends_;
}

connection_counters traffic::read() const noexcept {
  const auto now = [](const std::atomic<std::uint64_t>& counter) { return counter.load(std::memory_order_relaxed); };
  return {now(bytes_in), now(bytes_out), now(packets_in), now(packets_out), now(ticks_in), now(ticks_out)};
}

connection_counters connection::counters() const {
  const auto now = traffic_.read();
  const std::scoped_lock lock{mutex_};
  // A session that begins meanwhile may begin with what was read a moment before.
  const auto since = [](std::uint64_t all, std::uint64_t before) { return all > before ? all - before : 0; };
  return {since(now.bytes_in, before_.bytes_in),     since(now.bytes_out, before_.bytes_out),
          since(now.packets_in, before_.packets_in), since(now.packets_out, before_.packets_out),
          since(now.ticks_in, before_.ticks_in),     since(now.ticks_out, before_.ticks_out)};
}

connection::connection(connection_terms& terms, atom peer, reactor& reactor, core* on)
    : terms_{terms}, peer_{peer}, reactor_{reactor}, budget_{terms.limits.atoms_per_peer} {
  place = placement::lazy;
  home.store(on, std::memory_order_release);
  bell_.kind = signal_kind::wake;
  bell_.flags = signal::embedded;
  signals.open();
  (void)signals.try_block();
}

// A runtime that stops may give a connection no slice to retire in; then nobody is left who could be answered.
connection::~connection() {
  const auto end = [this](signal* packed) { release(is_own(*packed) ? packed : unpack(packed, peer_).envelope); };
  take_rest();
  while (!backlog_.empty()) end(backlog_.pop_front());
  while (auto lost = session_ == nullptr ? std::nullopt : session_->large.drop()) {
    while (!lost->waiting.empty()) end(lost->waiting.pop_front());
  }
}

// ----- any thread ---------------------------------------------------------------------------------------------------

// What is too long for one packet, and what its sender says while that is on its way, makes nobody else wait.
void connection::accept(const destination& to, signal* envelope) noexcept {
  const auto sender = envelope->from;
  const auto size = usual_overhead + (carries_payload(envelope->kind) ? etf::encoded_size(envelope->payload) : 0);
  if (carries_payload(envelope->kind) && busy(sender)) limit_flood(sender, size);
  if (size <= written_at_once && write_at_once(to, envelope, size)) return;
  const auto counted = rounded_size(size);
  auto* const packed = pack(to, envelope, counted);
  const bool own = size > terms_.packets.fragment || accounts_.owed(sender) != 0;
  if (own && accounts_.charge(sender, counted)) {
    packed->flags |= own_account_flag;
  } else {
    queued_.fetch_add(counted, std::memory_order_relaxed);
  }
  if (push_signal(*this, packed)) return;
  account(*packed);
  const auto news = undeliverable(to, unpack(packed, peer_).envelope);
  if (news.envelope != nullptr) terms_.local.route_local(news.to, news.envelope);
}

// A process on this core need not queue what it says, as long as nothing waits that it must not overtake: it is encoded
// while it is in the cache, and the next slice, or the sender that fills a batch, has it to write only. The claim makes
// up for threads that have lost their core without knowing.
bool connection::write_at_once(const destination& to, signal* envelope, std::size_t size) noexcept {
  if (!is_on_core(home.load(std::memory_order_relaxed)) || size > terms_.packets.fragment / 2) return false;
  const claim mine{claimed_};
  if (!mine.held() || !nothing_waits() || accounts_.owed(envelope->from) != 0) return false;
  auto& s = *session_;
  try {
    (void)write_packet({envelope, to}, envelope->from, size, 0);  // a long exit reason is still a large message
  } catch (...) {
    s.broken = true;
  }
  if (s.unsent() >= batch && !s.broken) s.stuck = write_out().how != transfer::end::progress;
  unsent_.store(s.unsent(), std::memory_order_relaxed);  // who waits for less is woken by the next slice
  if (!std::exchange(s.asked_to_flush, true)) ring(bell::unsent);
  return true;
}

// Of a claimed connection: whether its peer is up and takes what comes next at once.
bool connection::nothing_waits() const noexcept {
  if (session_ == nullptr || !backlog_.empty() || !signals.holds_at_most(bell_)) return false;
  const auto& s = *session_;
  return s.at == session::phase::open && s.large.empty() && !s.waits_to_write && !s.stuck && !s.broken && !s.fenced;
}

// A signal that is not queued any more.
void connection::account(const signal& packed) noexcept {
  if ((packed.flags & own_account_flag) != 0) {
    accounts_.settle(sender_of(packed), size_of(packed));
  } else {
    queued_.fetch_sub(size_of(packed), std::memory_order_seq_cst);
  }
}

bool connection::is_full(const pid& sender, std::size_t limit) const noexcept {
  return queued_.load(std::memory_order_seq_cst) + unsent_.load(std::memory_order_seq_cst) > limit ||
         accounts_.owed(sender) > limit;
}

// When all connections hold too much, each may hold less; those whose peers read never get that far.
std::size_t connection::allowance() const noexcept {
  constexpr std::size_t lean = 16;
  const auto& limits = terms_.limits;
  return terms_.queued.all() > limits.all_queued ? limits.busy / lean : limits.busy;
}

// One slice of one process cannot be made to wait; if it floods a busy connection all the same, it ends, and nobody
// else. One message of any size is no flood.
void connection::limit_flood(const pid& sender, std::size_t bytes) noexcept {
  const auto slice = current_slice();
  if (slice == 0) return;
  if (flood.on != this || flood.sender != sender || flood.slice != slice) flood = {this, sender, slice, 0};
  const bool first = flood.bytes == 0;
  flood.bytes += bytes;
  if (first || flood.bytes <= terms_.limits.slice) return;
  flood.bytes = 0;
  terms_.local.route_local(sender, make_signal(signal_kind::exit, sender, etf::tuple("system_limit"_atom, peer_)));
}

void connection::request_watch(const pid& watcher, std::uint8_t flag) noexcept {
  auto* const request = make_signal(signal_kind::node_down, watcher, term{});
  request->flags |= flag;
  if (push_signal(*this, request)) return;
  release(request);
  if (flag == watch_flag) terms_.local.route_local(watcher, make_signal(signal_kind::node_down, pid{}, term{peer_}));
}

void connection::announce(dist::attempt_id id) noexcept { announced_.store(id, std::memory_order_release); }

void connection::retract() noexcept {
  announced_.store(dist::attempt_id::none, std::memory_order_release);
  ring(bell::drained);
}

// A fence stands in the queue between what was sent before and after, and names the session that it ends.
dist::attempt_id connection::separate() noexcept {
  const auto session = announced_.load(std::memory_order_acquire);
  if (session == dist::attempt_id::none) return session;
  separated_.store(session, std::memory_order_release);
  auto* const fence = make_signal(signal_kind::node_down, pid{}, term{static_cast<std::int64_t>(session)});
  fence->flags |= fence_flag;
  if (!push_signal(*this, fence)) release(fence);
  return session;
}

void connection::wake_when_drained(const pid& waiting) noexcept {
  {
    const std::scoped_lock lock{mutex_};
    if (std::ranges::find(waiters_, waiting) == waiters_.end()) waiters_.push_back(waiting);
  }
  has_waiters_.store(true, std::memory_order_seq_cst);
  if (!busy(waiting)) ring(bell::drained);
}

void connection::attach(established_link link) {
  const auto ends = ends_of(link.descriptor);
  {
    const std::scoped_lock lock{mutex_};
    ends_ = ends;
  }
  give(std::move(link));
}
void connection::refuse(const dist::peer_reason& reason) {
  insist([&] { give(refusal{reason}); });
}
void connection::close(dist::peer_errc reason) { give(closing{reason}); }
void connection::relieve() { give(relief{}); }
void connection::retire() { give(retirement{}); }

std::expected<etf::node_id, etf::error> connection::incarnation(std::uint32_t creation) {
  etf::decode_limits limits;
  limits.budget = &budget_;
  return etf::make_node_id(peer_, creation, limits);
}

peer_quota connection::quota() const {
  const auto& limits = terms_.limits;
  return {limits.links_per_peer, limits.monitors_per_peer, limits.processes_per_peer, spawned_, &terms_.owner};
}

void connection::give(command told) {
  insist([&] {
    const std::scoped_lock lock{mutex_};
    commands_.push_back(std::move(told));
  });
  ring(bell::command);
}

// The bell is in the inbox exactly while one of its bits is set.
void connection::ring(bell why) noexcept {
  if (bells_.fetch_or(static_cast<std::uint8_t>(why), std::memory_order_acq_rel) == 0) (void)push_signal(*this, &bell_);
}

void connection::ring(bell why, dist::attempt_id id) noexcept {
  if (current_.load(std::memory_order_acquire) == static_cast<std::uint64_t>(id)) ring(why);
}

// ----- the slices ---------------------------------------------------------------------------------------------------

// A sender that was so late that its core went to another thread may still be writing.
slice_end connection::run_slice(worker& /*on*/) {
  const claim mine{claimed_};
  return mine.held() ? run_claimed() : slice_end::again;
}

slice_end connection::run_claimed() try {
  const auto bells = collect();
  if ((bells & static_cast<std::uint8_t>(bell::command)) != 0) {
    std::vector<command> told;
    {
      const std::scoped_lock lock{mutex_};
      told.swap(commands_);
    }
    for (auto& one : told) {
      if (!if_possible([&] { obey(std::move(one)); }) && session_ != nullptr) lose(no_memory());
    }
    if (retired_) return slice_end::gone;
  }
  auto ended = session_ == nullptr ? slice_end::waiting : online_slice(bells);
  if (session_ == nullptr) ended = offline_slice();
  if (has_waiters_.load(std::memory_order_seq_cst)) wake_waiters();
  tell_shares();
  return ended;
} catch (const std::bad_alloc&) {
  if (session_ != nullptr) lose(no_memory());
  return slice_end::again;
}

// Moves the inbox behind the backlog and returns the bits of the bell, if it was there.
std::uint8_t connection::collect() {
  bool rung = false;
  for (auto* received = signals.fetch(); received != nullptr;) {
    auto* const next = received->next;
    if (received == &bell_) {
      rung = true;
    } else {
      backlog_.push_back(received);
    }
    received = next;
  }
  return rung ? bells_.exchange(0, std::memory_order_acq_rel) : std::uint8_t{0};
}

// Closes the inbox and moves what is left of it behind the backlog.
void connection::take_rest() noexcept {
  for (auto* rest = signals.close(); rest != nullptr;) {
    auto* const next = rest->next;
    if (rest != &bell_) backlog_.push_back(rest);
    rest = next;
  }
}

void connection::obey(command told) {
  if (auto* const link = std::get_if<established_link>(&told)) {
    if (!if_possible([&] { begin(*link); })) end_before_begin(*link);
  } else if (const auto* const refused = std::get_if<refusal>(&told)) {
    if (session_ == nullptr && asked_) {
      asked_ = false;
      if (terms_.trace.on(trace_category::node))
        terms_.trace.note(std::string{peer_.text()} + ": " + dist::to_string(refused->reason));
      fail_backlog();
    }
  } else if (const auto* const wish = std::get_if<closing>(&told)) {
    if (session_ != nullptr) begin_closing(wish->reason);
  } else if (std::holds_alternative<relief>(told)) {
    make_room();
  } else {
    if (session_ != nullptr) lose({dist::peer_errc::stopping});
    retired_ = true;
    take_rest();
    fail_backlog();
    wake_waiters();
  }
}

void connection::make_room() {
  if (session_ != nullptr && terms_.unfinished.all() > terms_.limits.all_open_bytes) {
    constexpr auto why =
        "message_too_large: it has the most of all messages that are not whole yet, and together they are larger than "
        "node_limits::all_open_bytes";
    if (!if_possible([&] { break_protocol(breach::message, why); }) && session_ != nullptr) lose(no_memory());
    unfinished_.tell(terms_.unfinished, 0);
  }
  terms_.relieving.store(false, std::memory_order_release);
}

// News for a peer that is not there reaches nobody, and is no reason to call it; what follows something that is must
// wait for its turn.
slice_end connection::offline_slice() {
  while (!backlog_.empty() && !asked_ && !awaits_session(*backlog_.first())) {
    if (connects(*backlog_.first())) {
      terms_.owner.wanted(*this);
      asked_ = true;
      break;
    }
    fail(backlog_.pop_front());
  }
  return slice_end::waiting;
}

// Whether a signal is a reason to connect, as in OTP.
bool connection::connects(const signal& packed) noexcept {
  switch (packed.kind) {
    case signal_kind::message:
    case signal_kind::cast:
    case signal_kind::call:
    case signal_kind::reply:
    case signal_kind::link:
    case signal_kind::exit:
    case signal_kind::monitor:
    case signal_kind::spawn_request:
    case signal_kind::group_leader: return true;
    case signal_kind::node_down: return (packed.flags & watch_flag) != 0;
    default: return false;
  }
}

// Whether a signal is one of our own to this connection: of the others, none has these flags.
bool connection::is_own(const signal& packed) noexcept {
  return (packed.flags & (watch_flag | unwatch_flag | fence_flag)) != 0;
}

// A fence for an earlier session has done its work when that one ended.
bool connection::take_own(signal* packed) {
  if (!is_own(*packed)) return false;
  if ((packed->flags & watch_flag) != 0) {
    table_.watch_node(packed->from);
  } else if ((packed->flags & unwatch_flag) != 0) {
    table_.unwatch_node(packed->from);
  } else if (session_ != nullptr) {
    session_->fenced = session_->fenced || session_->is_meant(packed->payload);
  }
  release(packed);
  return true;
}

// A session that is announced and has not begun may already be what somebody has disconnected.
bool connection::awaits_session(const signal& packed) const noexcept {
  const auto next = announced_.load(std::memory_order_acquire);
  return (packed.flags & fence_flag) != 0 && next != dist::attempt_id::none &&
         packed.payload.as_integer() == static_cast<std::int64_t>(next);
}

bool connection::has_outgoing() const noexcept { return !backlog_.empty() && !session_->fenced; }

void connection::fail(signal* packed) {
  if (take_own(packed)) return;
  account(*packed);
  const auto what = unpack(packed, peer_);
  const auto news = undeliverable(what.to, what.envelope);
  if (news.envelope != nullptr) terms_.local.route_local(news.to, news.envelope);
}

// Answers everything that waits for a peer that cannot be reached.
void connection::fail_backlog() {
  while (!backlog_.empty()) fail(backlog_.pop_front());
  const auto told = insist([&] { return table_.unreachable(peer_); });
  for (const auto& news : told) terms_.local.route_local(news.to, news.envelope);
}

// Who disconnects does not lose what follows: that waits for the next session.
void connection::fail_backlog_of(session& ended) {
  while (auto lost = ended.large.drop()) {
    accounts_.settle(lost->sender, lost->counted);
    while (!lost->waiting.empty()) fail(lost->waiting.pop_front());
  }
  while (!backlog_.empty() && !ended.fenced) {
    const auto* const first = backlog_.first();
    ended.fenced = (first->flags & fence_flag) != 0 && ended.is_meant(first->payload);
    fail(backlog_.pop_front());
  }
}

// What was sent before the loss was noticed is lost with it; what is sent from now on goes over the next session.
void connection::lose(const dist::peer_reason& reason) {
  const auto ended = std::move(session_);
  current_.store(0, std::memory_order_release);
  auto announced = ended->id;
  announced_.compare_exchange_strong(announced, dist::attempt_id::none, std::memory_order_acq_rel);
  up_.store(false, std::memory_order_relaxed);
  unsent_.store(0, std::memory_order_seq_cst);
  const auto bells = collect();
  const auto told = insist([&] { return table_.lost(ended->over.peer); });
  for (const auto& news : told) {
    const bool cuts = news.envelope->kind == signal_kind::link_exit;
    if (cuts && terms_.functions->shields(terms_.local, news.to, peer_)) soften(*news.envelope);
    terms_.local.route_local(news.to, news.envelope);
  }
  fail_backlog_of(*ended);
  if (bells != 0) {  // commands that came meanwhile are still to be obeyed
    for (const auto bit : {bell::command, bell::drained}) {
      if ((bells & static_cast<std::uint8_t>(bit)) != 0) ring(bit);
    }
  }
  terms_.owner.lost(*this, ended->id, reason);
}

void connection::wake_waiters() {
  constexpr pid nobody{};
  const auto enough = allowance() / 2;
  if (is_full(nobody, enough) && !retired_) return;
  std::vector<pid> woken;
  {
    const std::scoped_lock lock{mutex_};
    const auto drained =
        std::ranges::partition(waiters_, [&](const pid& one) { return !retired_ && is_full(one, enough); });
    woken.assign(drained.begin(), drained.end());
    waiters_.erase(drained.begin(), drained.end());
    has_waiters_.store(!waiters_.empty(), std::memory_order_seq_cst);
  }
  for (const auto& waiter : woken) terms_.local.route_local(waiter, make_signal(signal_kind::wake));
}

}  // namespace ergo::inline v0::detail
