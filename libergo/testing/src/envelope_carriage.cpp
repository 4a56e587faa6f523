// Envelopes between two nodes, and the book of the links and monitors that cross.
#include "undeliverable.hpp"

#include <ergo/testing/carriage.hpp>

#include <algorithm>
#include <vector>

namespace ergo::inline v0::testing {

using detail::signal;
using detail::signal_kind;

signal* down_signal(const reference& ref, const destination& target, const term& reason) {
  pid from = target.process();
  if (target.by_name()) {
    const auto identity = etf::node_id::make(target.node(), 0);
    from = identity ? pid{*identity, 0, 0} : pid{};
  }
  auto* const made = detail::make_signal(signal_kind::down, from, term{ref}, reason);
  if (target.by_name()) made->name = target.name();
  return made;
}

void answer_undeliverable(local_node& from, const destination& to, signal* envelope, const term& reason) {
  const auto asker = envelope->from;
  switch (envelope->kind) {
    case signal_kind::monitor:
      if (const auto ref = envelope->tag.as_reference()) from.route_local(asker, down_signal(*ref, to, reason));
      return detail::release(envelope);
    case signal_kind::link:
      envelope->kind = signal_kind::link_exit;
      envelope->payload = reason;
      break;
    case signal_kind::unlink: envelope->kind = signal_kind::unlink_ack; break;
    case signal_kind::spawn_request:
      envelope->kind = signal_kind::spawn_reply;
      envelope->payload = reason;
      break;
    default: return detail::release(envelope);
  }
  envelope->from = to.process();
  from.route_local(asker, envelope);
}

namespace {

class envelope_carriage final : public carriage {
 public:
  envelope_carriage(local_node& local, etf::node_id peer) : local_{local}, peer_{peer} {}

  void write(const destination& to, signal* envelope, const std::function<void(packet)>& send) override {
    if (!to.by_name() && to.process().node != peer_) return answer_undeliverable(local_, to, envelope, "noproc"_atom);
    if (!book_outgoing(to, *envelope)) return detail::release(envelope);
    packet made;
    made.envelope = envelope;
    made.to = to;
    send(std::move(made));
  }

  std::string read(packet received, const std::function<void(packet)>& send) override {
    auto* const envelope = std::exchange(received.envelope, nullptr);
    if (envelope->goes_over_alias()) {
      local_.route_over(envelope->tag.as_reference().value_or(reference{}), envelope);
      return {};
    }
    auto target = received.to.process();
    if (received.to.by_name()) {
      const auto found = local_.whereis(received.to.name());
      if (!found) return refuse(received.to, envelope, send), std::string{};
      target = *found;
    }
    if (envelope->kind == signal_kind::demonitor) {  // to the process that was watched, whoever has the name now
      const auto* const made = find(theirs_, envelope->tag);
      if (made == nullptr) return detail::release(envelope), std::string{};
      target = made->target;
    }
    if (target.node != local_.identity()) return refuse(received.to, envelope, send), std::string{};
    if (!book_incoming(target, *envelope)) return detail::release(envelope), std::string{};
    local_.route_local(target, envelope);
    return {};
  }

  void lost() override {
    const term reason{"noconnection"_atom};
    for (const auto& link : std::exchange(links_, {})) {
      local_.route_local(link.local,
                         link.unlink_id == 0
                             ? detail::make_signal(signal_kind::link_exit, link.remote, reason)
                             : detail::make_signal(signal_kind::unlink_ack, link.remote, term{link.unlink_id}));
    }
    for (const auto& one : std::exchange(own_, {}))
      local_.route_local(one.watcher, down_signal(one.ref, one.to, reason));
    for (const auto& one : std::exchange(theirs_, {})) {
      local_.route_local(one.target, detail::make_signal(signal_kind::demonitor, one.watcher, term{one.ref}, term{}));
    }
  }

  [[nodiscard]] std::size_t remembered() const override { return links_.size() + own_.size() + theirs_.size(); }

 private:
  struct link {
    pid local;
    pid remote;
    std::int64_t unlink_id = 0;  // of our unlink under way; 0 while linked
  };
  struct own_monitor {
    reference ref;
    pid watcher;
    destination to{pid{}};
  };
  struct their_monitor {
    reference ref;
    pid watcher;
    pid target;
  };

  template <typename Monitor>
  [[nodiscard]] static Monitor* find(std::vector<Monitor>& among, const term& ref) {
    const auto wanted = ref.as_reference();
    const auto found = std::ranges::find_if(among, [&](const Monitor& one) { return wanted && one.ref == *wanted; });
    return found == among.end() ? nullptr : &*found;
  }
  template <typename Monitor>
  [[nodiscard]] static bool take(std::vector<Monitor>& from, const term& ref) {
    auto* const found = find(from, ref);
    if (found == nullptr) return false;
    *found = from.back();
    from.pop_back();
    return true;
  }
  [[nodiscard]] link* find_link(const pid& local, const pid& remote) {
    const auto found =
        std::ranges::find_if(links_, [&](const link& one) { return one.local == local && one.remote == remote; });
    return found == links_.end() ? nullptr : &*found;
  }
  void linked(const pid& local, const pid& remote) {
    auto* const known = find_link(local, remote);
    (known != nullptr ? *known : links_.emplace_back()) = {local, remote, 0};
  }
  void unlinked(const pid& local, const pid& remote) {
    if (auto* const known = find_link(local, remote)) {
      *known = links_.back();
      links_.pop_back();
    }
  }

  // False: the signal has lost its meaning and is not sent.
  [[nodiscard]] bool book_outgoing(const destination& to, const signal& sent) {
    const auto remote = to.process();
    const auto id = sent.payload.as_integer().value_or(0);
    switch (sent.kind) {
      case signal_kind::link: linked(sent.from, remote); return true;
      case signal_kind::unlink:
        if (auto* const known = find_link(sent.from, remote)) known->unlink_id = id;
        return true;
      case signal_kind::link_exit: unlinked(sent.from, remote); return true;
      case signal_kind::monitor:
        if (const auto ref = sent.tag.as_reference()) own_.push_back({*ref, sent.from, to});
        return true;
      case signal_kind::demonitor: return take(own_, sent.tag);
      case signal_kind::down: return take(theirs_, sent.tag);
      default: return true;
    }
  }

  [[nodiscard]] bool book_incoming(const pid& local, const signal& received) {
    const auto id = received.payload.as_integer().value_or(0);
    auto* const known = find_link(local, received.from);
    switch (received.kind) {
      case signal_kind::link:
        // One that crossed our unlink is void: the peer will hear of the unlink and acknowledge it.
        if (known == nullptr) linked(local, received.from);
        return true;
      case signal_kind::unlink:
        if (known != nullptr && known->unlink_id == 0) unlinked(local, received.from);
        return true;
      case signal_kind::unlink_ack:
        if (known != nullptr && known->unlink_id == id) unlinked(local, received.from);
        return true;
      case signal_kind::link_exit: unlinked(local, received.from); return true;
      case signal_kind::monitor:
        if (const auto ref = received.tag.as_reference()) theirs_.push_back({*ref, received.from, local});
        return true;
      case signal_kind::demonitor: return take(theirs_, received.tag);
      case signal_kind::down: return take(own_, received.tag);
      default: return true;
    }
  }

  // Nobody has that name here, or the pid is of an earlier incarnation.
  void refuse(const destination& to, signal* envelope, const std::function<void(packet)>& send) const {
    const auto asker = envelope->from;
    const auto nobody = to.by_name() ? pid{local_.identity(), 0, 0} : to.process();
    packet answer;
    answer.to = destination{asker};
    switch (envelope->kind) {
      case signal_kind::monitor:
        answer.envelope = detail::make_signal(signal_kind::down, nobody, envelope->tag, term{"noproc"_atom});
        if (to.by_name()) answer.envelope->name = to.name();
        break;
      case signal_kind::link:
        answer.envelope = detail::make_signal(signal_kind::link_exit, nobody, term{"noproc"_atom});
        break;
      case signal_kind::unlink:
        answer.envelope = detail::make_signal(signal_kind::unlink_ack, nobody, envelope->payload);
        break;
      case signal_kind::spawn_request:  // these nodes provide no functions
        answer.envelope = detail::make_signal(signal_kind::spawn_reply, nobody, envelope->tag, term{"notsup"_atom});
        break;
      default: break;
    }
    detail::release(envelope);
    if (answer.envelope != nullptr) send(std::move(answer));
  }

  local_node& local_;
  etf::node_id peer_;
  std::vector<link> links_;
  std::vector<own_monitor> own_;
  std::vector<their_monitor> theirs_;
};

}  // namespace

std::unique_ptr<carriage> make_envelope_carriage(local_node& local, etf::node_id peer) {
  return std::make_unique<envelope_carriage>(local, peer);
}

}  // namespace ergo::inline v0::testing
