// The socket side of a connection: encode and write, read and hand on, keep alive, close.
#include "session.hpp"

#include "large_blocks.hpp"

#include <ergo/assert.hpp>
#include <ergo/etf/codec.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

using clock = std::chrono::steady_clock;
using dist::liveness_action;
using dist::peer_errc;
using packet_outcome = dist::receive_buffer::outcome;

constexpr std::size_t written_per_slice = 4U << 20;
constexpr std::size_t written_beside_large = 64U << 10;
constexpr std::size_t read_per_slice = 64U << 10;
constexpr std::size_t packets_per_slice = 512;  // more would wait for their processes until they are out of the cache
constexpr std::size_t no_budget = SIZE_MAX;

void add(std::atomic<std::uint64_t>& counter, std::uint64_t count) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);  // one writer
}

dist::packet_options packets_of(const node_limits& limits) { return {.max_packet = limits.frame}; }

dist::packet_reader_options arrivals_of(const node_limits& limits) {
  return {.open_sequences = limits.open_messages,
          .open_bytes = limits.open_bytes,
          .obtain = &obtain_block,
          .give_back = &give_back_block};
}

// What waits inside the system cannot be overtaken any more. Between nodes of one computer nothing is gained by a long
// queue; between others its length is the system's business. Nor is there a network to be gentle with: a system-wide
// BBR would take a reader's pauses for those of a line, and send at its pace.
void keep_queues_short(int descriptor, nearness where, const node_limits& limits) noexcept {
  const auto set = [descriptor](int level, int option, std::size_t bytes) {
    const auto value = static_cast<int>(std::min<std::size_t>(bytes, INT_MAX));
    (void)::setsockopt(descriptor, level, option, &value, sizeof value);
  };
  if (limits.system_unsent != 0) set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, limits.system_unsent);
  if (where != nearness::this_computer) return;
  if (limits.system_unread != 0) set(SOL_SOCKET, SO_RCVBUF, limits.system_unread);
  constexpr std::string_view plain = "reno";
  (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, plain.data(), plain.size());
}

// Like OTP, which treats a connection as hidden unless both ends are visible.
dist::liveness_options liveness_of(dist::liveness_options options, dist::flags negotiated) {
  options.peer = negotiated.has(dist::flag::published) ? dist::peer_kind::visible : dist::peer_kind::hidden;
  return options;
}

etf::decode_limits decoding(const node_limits& limits, etf::atom_budget& budget) {
  etf::decode_limits made;
  made.memory = limits.message;
  made.budget = &budget;
  made.depth = limits.depth;
  made.big_integer_bytes = limits.integer;
  made.compressed = false;
  return made;
}

}  // namespace

connection::session::session(connection& of, established_link& link, etf::decode_limits limits)
    : id{link.id},
      over{of.terms_.local, link.peer, link.negotiated, of.table_, of.terms_.trace, of.terms_.speaker, of.quota()},
      in{packets_of(of.terms_.limits)},
      packets{link.negotiated, of.terms_.packets},
      writer{over, packets, out},
      reader{over, writer, of.terms_.functions, limits, arrivals_of(of.terms_.limits)},
      liveness{liveness_of(of.terms_.liveness, link.negotiated), clock::now()},
      socket{of.reactor_, std::exchange(link.descriptor, -1), std::move(link.tls)},
      timer{of.reactor_.context()} {
  in.feed(link.leftover);
}

void connection::begin(established_link& link) {
  if (session_ != nullptr) lose({.code = peer_errc::replaced, .handshake = {}, .system = {}});
  asked_ = false;
  {
    const std::scoped_lock lock{mutex_};
    before_ = traffic_.read();
  }
  const auto where = nearness_of(link.descriptor);
  const bool verified = link.tls != nullptr && link.tls->verified();
  terms_.functions->policy().met(peer_, verified ? nearness::verified : where);
  keep_queues_short(link.descriptor, where, terms_.limits);
  current_.store(static_cast<std::uint64_t>(link.id), std::memory_order_release);
  session_ = std::make_unique<session>(*this, link, decoding(terms_.limits, budget_));
  up_.store(true, std::memory_order_relaxed);
  arm_timer();
}

// There is no memory for the session, or for its timer.
void connection::end_before_begin(established_link& link) {
  const dist::peer_reason reason{
      .code = peer_errc::closed, .handshake = {}, .system = std::make_error_code(std::errc::not_enough_memory)};
  if (session_ != nullptr) return lose(reason);
  if (link.descriptor >= 0) ::close(link.descriptor);
  current_.store(0, std::memory_order_release);
  auto announced = link.id;
  announced_.compare_exchange_strong(announced, dist::attempt_id::none, std::memory_order_acq_rel);
  terms_.owner.lost(*this, link.id, reason);
}

slice_end connection::online_slice(std::uint8_t bells) {
  if (session_->broken) throw std::bad_alloc{};
  session_->asked_to_flush = session_->stuck = false;
  const auto heard = [bells](bell one) { return (bells & static_cast<std::uint8_t>(one)) != 0; };
  if (heard(bell::readable)) {
    session_->waits_to_read = false;
    session_->may_read = true;
  }
  if (heard(bell::writable)) session_->waits_to_write = false;
  if (session_->at != session::phase::open) {
    go_on_closing(bells);
    const bool more =
        session_ != nullptr && session_->at == session::phase::draining && has_work() && !session_->waits_to_write;
    return more ? slice_end::again : slice_end::waiting;
  }
  if (heard(bell::tick)) check_liveness();
  if (session_ != nullptr && !session_->waits_to_write) encode_backlog();
  if (session_ != nullptr && (session_->may_read || session_->unread)) receive(read_per_slice, packets_per_slice);
  if (session_ != nullptr && session_->unsent() != 0 && !session_->waits_to_write) flush();
  if (session_ == nullptr) return slice_end::waiting;
  publish_unsent();
  // Those who got something run before this connection asks the system to wait: their answers leave first.
  if (session_->may_read || std::exchange(session_->handed_on, false)) return slice_end::again;
  wait_to_read();
  return has_work() && !session_->waits_to_write ? slice_end::again : slice_end::waiting;
}

// ----- out ----------------------------------------------------------------------------------------------------------

bool connection::has_work() const noexcept { return has_outgoing() || !session_->large.empty(); }

// While large messages are on their way, slices are short: whoever comes meanwhile is next.
void connection::encode_backlog() {
  std::size_t written = 0;
  while (session_ != nullptr && !session_->waits_to_write) {
    if (written >= (session_->large.empty() ? written_per_slice : written_beside_large)) return;
    encode_batch();
    if (session_->unsent() == 0) return;
    written += session_->unsent();
    flush();
  }
}

// What is short goes first, but never keeps a large message from going on.
void connection::encode_batch() {
  const auto before = std::exchange(taken_sizes_, 0);
  while (has_outgoing() && session_->unsent() < batch) write_signal(backlog_.pop_front());
  if (!session_->large.empty()) write_fragment();
  queued_.fetch_sub(std::exchange(taken_sizes_, before), std::memory_order_seq_cst);
}

void connection::write_signal(signal* packed) {
  if (take_own(packed)) return;
  const auto sender = sender_of(*packed);
  if (session_->large.holds(sender)) return session_->large.wait(sender, packed);
  const auto size = size_of(*packed);
  const bool own = (packed->flags & own_account_flag) != 0;
  if (!own) taken_sizes_ += size;
  if (write_packet(unpack(packed, peer_), sender, size, own ? size : 0) && own) accounts_.settle(sender, size);
}

// False when it is too long for one packet, and goes on as a large message; `counted` is then on its sender's account.
bool connection::write_packet(const outgoing& what, pid sender, std::size_t size, std::size_t counted) {
  session_->writer.write(what, size);
  if (auto large = session_->packets.take_large()) {
    session_->large.add(sender, *std::move(large), counted);
    return false;
  }
  add(traffic_.packets_out, 1);
  return true;
}

void connection::write_fragment() {
  auto over = session_->large.next(session_->out, session_->packets);
  add(traffic_.packets_out, 1);
  if (!over) return;
  accounts_.settle(over->sender, over->counted);
  backlog_.put_in_front(std::move(over->waiting));
}

transfer connection::write_out() noexcept {
  auto& s = *session_;
  const auto done = s.socket.write(s.out, s.sent);
  if (done.count != 0) {
    s.sent += done.count;
    s.liveness.on_written();
    add(traffic_.bytes_out, done.count);
  }
  if (s.unsent() == 0) {
    s.out.clear();
    s.sent = s.answered = 0;
  }
  return done;
}

void connection::flush() {
  const auto done = write_out();
  if (done.how == transfer::end::failed)
    return lose({.code = peer_errc::closed, .handshake = {}, .system = done.failure});
  if (done.how == transfer::end::blocked) wait_to_write();
}

void connection::publish_unsent() noexcept { unsent_.store(session_->unsent(), std::memory_order_seq_cst); }

void connection::wait_to_write() {
  if (std::exchange(session_->waits_to_write, true)) return;
  session_->socket.when_writable([this, id = session_->id] { ring(bell::writable, id); });
}

dist::send_queue connection::queue_state() const noexcept {
  return session_->unsent() == 0 && !has_work() ? dist::send_queue::empty : dist::send_queue::waiting;
}

// ----- in -----------------------------------------------------------------------------------------------------------

void connection::receive(std::size_t bytes, std::size_t packets) {
  packets = take_packets(packets);  // what came with the handshake, or was left by the last slice
  std::size_t count = 0;
  while (session_ != nullptr && session_->may_read && count < bytes && packets != 0) {
    const auto done = session_->socket.read(session_->in.prepare());
    if (done.how == transfer::end::closed) return lose({.code = peer_errc::closed, .handshake = {}, .system = {}});
    if (done.how == transfer::end::failed)
      return lose({.code = peer_errc::closed, .handshake = {}, .system = done.failure});
    if (done.how == transfer::end::blocked) session_->may_read = false;
    if (done.count == 0) continue;
    count += done.count;
    session_->in.commit(done.count);
    session_->liveness.on_read();
    add(traffic_.bytes_in, done.count);
    packets = take_packets(packets);
  }
}

// Takes up to `most` of the packets that are here whole, and returns how many more it would have taken: when that is
// not 0, there are none left, or the session is over.
std::size_t connection::take_packets(std::size_t most) {
  while (most != 0) {
    const auto packet = session_->in.next();
    session_->unread = packet.what == packet_outcome::packet;
    if (packet.what == packet_outcome::need_more) break;
    if (packet.what == packet_outcome::tick) {
      add(traffic_.ticks_in, 1);
      continue;
    }
    if (packet.what == packet_outcome::too_long) {
      break_protocol(breach::frame, "a packet longer than node_limits::frame");
    } else {
      take_packet(packet.body);
    }
    if (session_ == nullptr) break;
    --most;
  }
  return most;
}

void connection::take_packet(dist::bytes_view body) {
  add(traffic_.packets_in, 1);
  const auto before = session_->out.size();
  const auto read = session_->reader.read(body, session_->in.owner_of(body));
  if (!read) return break_protocol(read.error().how, read.error().text);
  ERGO_ASSERT(session_->packets.large() == 0, "an answer of the connection itself is a large message");
  session_->handed_on = true;
  session_->answered += session_->out.size() - before;
  if (session_->answered > terms_.limits.unread_answers)
    break_protocol(breach::unread, "more answers than node_limits::unread_answers were left unread");
}

void connection::tell_shares() {
  queued_share_.tell(terms_.queued, waiting() + accounts_.all());
  unfinished_.tell(terms_.unfinished, session_ == nullptr ? 0 : session_->in.unread() + session_->reader.open_bytes());
  if (unfinished_.told() == 0 || terms_.unfinished.all() <= terms_.limits.all_open_bytes) return;
  // Whoever is asked looks at all connections: once for each that goes, not in each slice until it has gone.
  if (terms_.relieving.load(std::memory_order_relaxed)) return;
  if (!terms_.relieving.exchange(true, std::memory_order_acquire)) terms_.owner.crowded();
}

void connection::wait_to_read() {
  if (std::exchange(session_->waits_to_read, true)) return;
  session_->socket.when_readable([this, id = session_->id] { ring(bell::readable, id); });
}

void connection::break_protocol(breach how, std::string_view text) {
  terms_.owner.broke(*this, how, text);
  lose({.code = peer_errc::protocol, .handshake = {}, .system = {}});
}

// ----- keep-alive ---------------------------------------------------------------------------------------------------

void connection::arm_timer() {
  auto& s = *session_;
  s.timer.expires_after(s.liveness.interval());
  s.timer.async_wait([this, id = s.id](const boost::system::error_code& failed) {
    if (!failed) ring(bell::tick, id);
  });
}

void connection::check_liveness() {
  arm_timer();
  auto action = session_->liveness.on_interval(clock::now(), queue_state());
  if (action == liveness_action::read_first) {
    session_->may_read = true;
    receive(no_budget, no_budget);
    if (session_ == nullptr) return;
    action = session_->liveness.after_read(clock::now(), queue_state());
  }
  if (action == liveness_action::send_tick) {
    dist::append_tick(session_->out);
    add(traffic_.ticks_out, 1);
    flush();
  } else if (action == liveness_action::peer_down) {
    lose({.code = peer_errc::silent, .handshake = {}, .system = {}});
  }
}

// ----- the end ------------------------------------------------------------------------------------------------------

// What we close of our own will is written to the last byte, as long as the peer takes it; everything else ends at
// once.
void connection::begin_closing(peer_errc reason) {
  if (session_->at != session::phase::open) return;
  if (reason != peer_errc::disconnected && reason != peer_errc::stopping)
    return lose({.code = reason, .handshake = {}, .system = {}});
  session_->at = session::phase::draining;
  session_->ends_with = reason;
  session_->deadline = clock::now() + terms_.limits.drain;
  session_->timer.expires_at(session_->deadline);
  session_->timer.async_wait([this, id = session_->id](const boost::system::error_code& failed) {
    if (!failed) ring(bell::tick, id);
  });
}

// Bytes that nobody reads would turn our closing into a reset, which takes with it what the peer has not read yet.
void connection::go_on_closing(std::uint8_t bells) {
  auto& s = *session_;
  const bool timed = (bells & static_cast<std::uint8_t>(bell::tick)) != 0 && clock::now() >= s.deadline;
  const dist::peer_reason reason{.code = s.ends_with, .handshake = {}, .system = {}};
  if (timed) {
    if (s.at == session::phase::draining) terms_.owner.cut_short(*this, waiting());
    return lose(reason);
  }
  if (s.at == session::phase::draining) {
    if (!s.waits_to_write) encode_backlog();
    if (session_ == nullptr) return;
    publish_unsent();
    if (has_work() || s.unsent() != 0) return;
    s.socket.finish_writing();
    s.at = session::phase::lingering;
    s.may_read = true;
  }
  while (s.may_read) {
    const auto done = s.socket.read(s.in.prepare());
    if (done.how == transfer::end::closed || done.how == transfer::end::failed) return lose(reason);
    if (done.how == transfer::end::blocked) s.may_read = false;
  }
  wait_to_read();
}

}  // namespace ergo::inline v0::detail
