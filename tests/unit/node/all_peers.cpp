// What all peers of a node may take together of its memory.
#include "connection_bench.hpp"

using namespace ergo_test;

namespace {

const dist::flags with_fragments =
    dist::pass_through_offer.with(dist::flag::dist_hdr_atom_cache).with(dist::flag::fragments);

constexpr std::size_t kib = 1024;

/// A peer beside that of the bench, which sends what is too long for one packet bit by bit.
class sender {
 public:
  sender(bench& on, connection& to, std::array<int, 2> ends, etf::node_id name, std::uint64_t number)
      : speech_{on.negotiated}, own_{name, 5, 1}, socket_{ends[1]} {
    to.attach({dist::attempt_id{number}, ends[0], name, on.negotiated, {}});
  }
  ~sender() { ::close(socket_); }
  sender(const sender&) = delete;
  sender& operator=(const sender&) = delete;

  void begin(std::string_view text, std::size_t size) {
    etf::buffer packets;
    const term payload{etf::tuple(atom::of(text), etf::binary(std::string(size, 'x')))};
    REQUIRE(dist::encode(packets, control::reg_send{own_, "scribe"_atom}, payload, speech_));
    rest_ = speech_.take_large();
    REQUIRE(rest_);
    REQUIRE(write(packets));
  }
  /// Sends fragments until `left` of them are missing, or nobody takes them any more.
  void go_on(std::uint64_t left) {
    for (bool taken = true; taken && rest_->left() > left;) {
      etf::buffer packets;
      rest_->next(packets, speech_);
      taken = write(packets);
    }
  }

 private:
  [[nodiscard]] bool write(const etf::buffer& packets) const {
    for (auto bytes = packets.to_string(); !bytes.empty();) {
      const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.erase(0, static_cast<std::size_t>(count));
    }
    return true;
  }

  dist::packet_writer speech_;
  std::optional<dist::fragmenter> rest_;
  pid own_;
  int socket_;
};

std::array<int, 2> two_ends() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
  return ends;
}

std::size_t unfinished(bench& on) {
  node_figures shown;
  on.way.write_to(shown);
  return shown.unfinished;
}

}  // namespace

TEST_CASE("when all messages that are not whole take too much, who has most of them goes, and the others go on") {
  bench on{node_limits{.all_open_bytes = 1'024 * kib}, {.tick_time = 60s}, with_fragments};
  const auto name = etf::node_id::make("modest@h"_atom, 9).value();
  sender modest{on, *on.way.find_or_make("modest@h"_atom), two_ends(), name, 1};
  sender greedy{on, on.to_peer(), two_ends(), on.peer, 2};
  modest.begin("modest", 400 * kib);
  modest.go_on(1);
  greedy.begin("greedy", 4'096 * kib);
  greedy.go_on(50);  // 640 KiB are enough
  CHECK(on.owner.told.wait_for("lost protocol"));
  CHECK(on.owner.told.wait_for_part("broke message there@h message_too_large"));
  CHECK(on.owner.told.wait_for_part("node_limits::all_open_bytes"));
  CHECK(on.owner.told.count("crowded") <= 2);  // the other may have seen the sum just before
  modest.go_on(0);
  CHECK(on.written.wait_for_part("modest"));
  while (unfinished(on) != 0) std::this_thread::yield();
}

TEST_CASE("unfinished messages below the limit of all are nobody's fault") {
  bench on{node_limits{.all_open_bytes = 4'096 * kib}, {.tick_time = 60s}, with_fragments};
  sender one{on, on.to_peer(), two_ends(), on.peer, 1};
  one.begin("whole", 3'000 * kib);
  one.go_on(1);
  while (unfinished(on) < 2'500 * kib) std::this_thread::yield();
  CHECK(unfinished(on) <= 3'000 * kib);
  one.go_on(0);
  CHECK(on.written.wait_for_part("whole"));
  while (unfinished(on) != 0) std::this_thread::yield();
  CHECK(on.owner.told.count("crowded") == 0);
}

TEST_CASE("when all queues are too long together, each is full sooner, and none that is read") {
  bench on{node_limits{.busy = 16'384 * kib, .all_queued = 1'024 * kib}};
  auto* const idle = on.way.find_or_make("idle@h"_atom);
  on.attach();
  const auto part = etf::binary(std::string(40 * kib, 'x'));
  for (int count = 0; count < 100; ++count) on.tell(etf::tuple("send"_atom, on.remote, part));
  REQUIRE(on.becomes_busy(true));
  CHECK(on.to_peer().waiting() < 8'192 * kib);  // far from what it alone might hold
  CHECK_FALSE(idle->busy(on.scribe_id));
  for (int count = 0; count < 100; ++count) REQUIRE_FALSE(on.next().empty());
  CHECK(on.becomes_busy(false));
  while (on.terms.queued.all() != 0) std::this_thread::yield();
}
