// The scenarios over the node's own codec: every signal becomes the packet that Erlang would see, and is read back from
// its bytes; the node's book of crossing links tells of losses.
#include "packets.hpp"

#include <carried.hpp>
#include <crossing.hpp>
#include <functions.hpp>
#include <signal_reader.hpp>
#include <signal_writer.hpp>
#include <trace.hpp>
#include <wire.hpp>

#include <ergo/dist/packet.hpp>

#include <algorithm>

namespace ergo::test {
namespace {

// The node's tables have no order; a simulated run is the same each time.
bool comes_before(const detail::crossing::notice& left, const detail::crossing::notice& right) {
  if (const auto order = etf::compare(left.to, right.to); order != 0) return order < 0;
  if (left.envelope->kind != right.envelope->kind) return left.envelope->kind < right.envelope->kind;
  if (const auto order = etf::compare(left.envelope->from, right.envelope->from); order != 0) return order < 0;
  return etf::compare(left.envelope->tag, right.envelope->tag) < 0;
}

class packet_carriage final : public testing::carriage {
 public:
  packet_carriage(local_node& local, etf::node_id peer, dist::flags negotiated)
      : local_{local},
        peer_{peer},
        wire_{local, peer, negotiated, table_, trace_, pid{local.identity(), 1, 0}},
        packets_{negotiated, {.fragment = 1000}},
        writer_{wire_, packets_, out_},
        reader_{wire_, writer_, std::make_shared<detail::function_table>(), etf::decode_limits{}} {}

  void write(const destination& to, detail::signal* envelope,
             const std::function<void(testing::packet)>& send) override {
    writer_.write({envelope, to}, 0);
    if (auto large = packets_.take_large())
      while (large->left() > 0) large->next(out_, packets_);
    flush(send);
  }

  std::string read(testing::packet received, const std::function<void(testing::packet)>& send) override {
    in_.feed(std::as_bytes(std::span{received.bytes}));
    for (auto next = in_.next(); next.what == dist::receive_buffer::outcome::packet; next = in_.next()) {
      const auto read = reader_.read(next.body, in_.owner_of(next.body));
      flush(send);
      if (!read) return read.error().text;
    }
    return in_.unread() == 0 ? std::string{} : "half a packet";
  }

  void lost() override {
    auto notices = table_.lost(peer_);
    std::ranges::sort(notices, comes_before);
    for (const auto& told : notices) local_.route_local(told.to, told.envelope);
  }

  [[nodiscard]] std::size_t remembered() const override {
    return table_.links() + table_.own_monitors() + table_.peer_monitors();
  }

 private:
  void flush(const std::function<void(testing::packet)>& send) {
    if (out_.empty()) return;
    testing::packet made;
    made.bytes = out_.to_string();
    out_.clear();
    send(std::move(made));
  }

  local_node& local_;
  etf::node_id peer_;
  detail::tracer trace_{trace_category{}, {}};
  detail::crossing table_;
  detail::wire wire_;
  etf::buffer out_;
  dist::packet_writer packets_;
  detail::signal_writer writer_;
  detail::signal_reader reader_;
  dist::receive_buffer in_;
};

}  // namespace

testing::carriage_factory packets_between(dist::flags negotiated) {
  return [negotiated](local_node& local, etf::node_id peer) {
    return std::make_unique<packet_carriage>(local, peer, negotiated);
  };
}

testing::carriage_factory carriage_under_test() {
  return packets_between(dist::pass_through_offer.with(dist::flag::dist_hdr_atom_cache).with(dist::flag::fragments));
}

}  // namespace ergo::test
