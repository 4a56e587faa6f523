#include "traffic.hpp"

#include "tally.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/spawn.hpp>
#include <ergo_test/mixed_traffic.hpp>

#include <algorithm>

namespace ergo_soak {
namespace {

using namespace ergo::literals;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

/// What one receiver knows of its stream. A loss is explained by a nodedown between the messages around it, which
/// comes behind everything that had arrived (A12).
class stream_record {
 public:
  explicit stream_record(const stream& of) : of_{of} {}

  void node_went() { down_ = true; }
  /// A message of the peer's incarnation `life`.
  void came(std::int64_t life, std::int64_t number, std::string_view bytes) {
    if (bytes != ergo::test::mixed_bytes(of_.pair, number)) return wrong("damaged", number);
    if (life != life_ && !begin(life, number)) return;
    if (number <= last_) return wrong("twice or out of order", number);
    skip_to(number);
    last_ = number;
    down_ = false;
    seen().add(counted::received);
  }
  /// The last number of an incarnation that ends its stream in order.
  void ended(std::int64_t life, std::int64_t last) {
    if (life != life_ && !begin(life, last + 1)) return;
    skip_to(last + 1);
    seen().add(counted::ended);
  }

 private:
  // What an incarnation sent before its first connection came here is not known: it is not counted as lost.
  bool begin(std::int64_t life, std::int64_t number) {
    if (life < life_) return wrong("of a dead incarnation", number), false;
    if (life_ != 0 && !down_) return wrong("of a new incarnation without a nodedown", number), false;
    life_ = life;
    last_ = number - 1;
    return true;
  }
  void skip_to(std::int64_t number) {
    const auto missing = number - last_ - 1;
    if (missing > 0 && !down_) wrong("lost without a nodedown: " + std::to_string(missing) + " before", number);
    if (missing > 0 && down_) seen().add(counted::lost, missing);
  }
  void wrong(const std::string& how, std::int64_t number) {
    seen().violated("from " + std::string{of_.peer.text()} + ", stream " + std::to_string(of_.pair) + ": " + how + " " +
                    std::to_string(number) + " after " + std::to_string(last_));
  }

  stream of_;
  std::int64_t life_ = 0;
  std::int64_t last_ = 0;
  bool down_ = true;
};

/// `{Life, Number, Bytes}`, or `{fin, Life, Last}`.
void take(stream_record& record, const ergo::term& content) {
  if (!content.is_tuple(3)) return seen().violated("a message of no stream: " + ergo::etf::to_text(content));
  const auto parts = content.elements();
  const auto number = parts[1].as_integer().value_or(0);
  if (parts[0].is("fin"_atom)) return record.ended(number, parts[2].as_integer().value_or(0));
  record.came(parts[0].as_integer().value_or(0), number, parts[2].bytes());
}

/// How many messages are due, so that a stream keeps its pace on average.
class pace {
 public:
  void restart() { paid_ = steady::now(); }
  std::int64_t due() {
    constexpr std::int64_t most = 50;  // of what a busy computer has held up, the rest is left out
    const auto owed = (steady::now() - paid_) / interval;
    if (owed > most) {
      restart();
      return most;
    }
    paid_ += owed * interval;
    return owed;
  }

 private:
  steady::time_point paid_ = steady::now();
};

}  // namespace

ergo::task<> check_stream(ergo::process& self, stream of) {
  stream_record record{of};
  self.monitor_nodes(ergo::node_set::all);
  for (;;) {
    const auto got = co_await self.receive_any();
    if (const auto went = got.as<ergo::node_down>()) {
      if (went->node != of.peer) continue;
      record.node_went();
      if (of.pair == 1) seen().add(counted::downs);
    } else if (!got.as<ergo::node_up>()) {
      take(record, got.payload());
    }
  }
}

ergo::task<> feed_stream(ergo::process& self, stream to) {
  constexpr auto pause = 20ms;
  constexpr auto pause_while_down = 200ms;  // each message is an attempt to connect
  const ergo::destination there{to.name, to.peer};
  const auto connected = self.monitor_nodes(ergo::node_set::all);
  bool up = std::ranges::find(connected, to.peer) != connected.end();
  std::int64_t number = 0;
  pace at;
  for (;;) {
    const ergo::duration wait = up ? pause : pause_while_down;
    const auto news = co_await self.receive<ergo::node_up, ergo::node_down>(wait);
    if (const auto* const came = news.get<ergo::node_up>(); came != nullptr && came->node == to.peer) up = true;
    if (const auto* const went = news.get<ergo::node_down>(); went != nullptr && went->node == to.peer) up = false;
    if (!news.timed_out()) continue;
    if (seen().quiet()) break;
    if (!up) at.restart();
    for (auto due = up ? at.due() : 1; due > 0; --due) {
      ++number;
      const auto content = ergo::etf::tuple(1, number, ergo::etf::binary(ergo::test::mixed_bytes(to.pair, number)));
      co_await self.send(there, content);
      seen().add(counted::sent);
    }
  }
  const auto last = ergo::etf::tuple("fin"_atom, 1, number);
  co_await self.send(there, last);
}

}  // namespace ergo_soak
