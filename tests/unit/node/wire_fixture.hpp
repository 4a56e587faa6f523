// A stepped node with processes that write down what they get, and one end of a connection to an imagined peer.
#pragma once

#include "crossing.hpp"
#include "signal_reader.hpp"
#include "signal_writer.hpp"

#include <ergo/dist/control_decode.hpp>
#include <ergo/dist/control_encode.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/runtime.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ergo_test {

using namespace ergo;
using namespace ergo::detail;
namespace control = ergo::dist::control;

inline const dist::flags modern{dist::expand_digest(dist::pass_through_offer)};
inline const dist::flags before_28 = modern.without(dist::flag::altact_sig).without(dist::flag::native_records);
inline const dist::flags old_release = before_28.without(dist::flag::unlink_id)
                                           .without(dist::flag::alias)
                                           .without(dist::flag::v4_nc)
                                           .without(dist::flag::exit_payload);

/// Writes every message down, traps exits, and does what it is told: `{link, Pid}`, `{exit, Reason}`, `make_alias`.
class scribe final : public behaviour {
 public:
  explicit scribe(std::vector<std::string>* lines) : lines_{lines} {}
  void start(process& self) override { self.trap_exits(exits::trapped); }
  void receive(process& self, message received) override {
    const auto content = received.to_term();
    if (etf::is_tagged(content, "link"_atom, 2)) return self.link(*content.elements()[1].as_pid());
    if (etf::is_tagged(content, "exit"_atom, 2)) return self.stop(exit_reason{content.elements()[1]});
    if (content.is("make_alias"_atom)) alias = self.make_alias();
    if (content.is("make_urgent_alias"_atom)) alias = self.make_alias(alias_use::until_dropped, urgency::priority);
    if (content.is("drop_alias"_atom)) (void)self.drop_alias(alias);
    lines_->push_back((received.is_call() ? "call " : received.is_cast() ? "cast " : "") + etf::to_text(content));
  }
  void task_ended(process&) override {}

  inline static reference alias{};  ///< that was made last

 private:
  std::vector<std::string>* lines_;
};

/// What the node sends, instead of a network.
class captured_way final : public outbound {
 public:
  ~captured_way() override {
    for (auto& one : sent) release(one.envelope);
  }
  void deliver(const destination& to, signal* envelope) noexcept override { sent.push_back({envelope, to}); }
  [[nodiscard]] bool busy(atom, const pid&) const noexcept override { return false; }
  void wake_when_drained(atom, const pid&) noexcept override {}
  void monitor_node(const pid&, atom) noexcept override {}
  void demonitor_node(const pid&, atom) noexcept override {}
  std::vector<outgoing> sent;
};

class wire_fixture {
 public:
  explicit wire_fixture(dist::flags negotiated = modern)
      : over{local, peer, negotiated, table, trace, speaker()},
        packets{negotiated},
        writer{over, packets, out},
        reader{over, writer, functions, {}} {
    local.connect(&way);
  }
  ~wire_fixture() { local.connect(nullptr); }

  pid spawn(atom name = {}) {
    return *runtime.spawn(local, spawn_options{.name = name}, std::make_unique<scribe>(&lines));
  }
  void run() {
    while (runtime.step([](std::size_t) { return 0UZ; })) {
    }
  }
  /// Hands the packet to the reader, and runs the processes.
  template <typename Signal, typename... Payload>
  std::expected<void, broken_rule> receive(const Signal& signal, const Payload&... payload) {
    etf::buffer packet;
    REQUIRE(dist::encode(packet, signal, term(payload)..., over.negotiated));
    return receive_bytes(packet.to_string().substr(4));
  }
  std::expected<void, broken_rule> receive_bytes(const std::string& body) {
    const auto read = reader.read(std::as_bytes(std::span{body}), nullptr);
    run();
    return read;
  }
  /// Hands the packet to the reader alone.
  template <typename Signal>
  void receive_only(const Signal& signal, const term& payload) {
    etf::buffer packet;
    REQUIRE(dist::encode(packet, signal, payload, over.negotiated));
    const auto body = packet.to_string().substr(4);
    REQUIRE(reader.read(std::as_bytes(std::span{body}), nullptr));
  }
  /// Sends what the node's processes have sent through the writer.
  void transmit() {
    for (const auto& one : std::exchange(way.sent, {})) writer.write(one, 100);
  }
  /// The packets that were written, as `OPERATION control payload` in Erlang syntax; the buffer is empty afterwards.
  std::vector<std::string> written() {
    std::vector<std::string> found;
    const auto bytes = out.to_string();
    out.clear();
    for (std::size_t at = 0; at < bytes.size();) {
      std::size_t length = 0;
      for (int byte = 0; byte < 4; ++byte) length = length << 8 | static_cast<unsigned char>(bytes[at++]);
      REQUIRE(length + at <= bytes.size());
      const auto body = std::as_bytes(std::span{bytes}).subspan(at, length);
      at += length;
      auto rest = body.subspan(1);
      std::string line;
      while (!rest.empty()) {
        const auto part = etf::decode(rest);
        REQUIRE(part);
        line += (line.empty() ? "" : " ") + etf::to_text(part->value);
        rest = rest.subspan(part->consumed);
      }
      found.push_back(line);
    }
    return found;
  }
  pid speaker() {
    return speaker_ == pid{} ? speaker_ = *runtime.spawn(local, spawn_options{}, std::make_unique<scribe>(&lines))
                             : speaker_;
  }

  ergo::runtime runtime{runtime_options{.cores = 1, .manual = true}};
  etf::node_id here = etf::node_id::make(atom::of("here@h"), 7).value();
  etf::node_id peer = etf::node_id::make(atom::of("there@h"), 9).value();
  etf::node_id third = etf::node_id::make(atom::of("third@h"), 9).value();
  local_node& local = runtime.add_node(here);
  captured_way way;
  crossing table;
  tracer trace{trace_category::none, {}};
  std::vector<std::string> lines;
  pid speaker_{};
  etf::buffer out;
  std::shared_ptr<function_table> functions = std::make_shared<function_table>();
  wire over;
  dist::packet_writer packets;
  signal_writer writer;
  signal_reader reader;
  pid remote{peer, 5, 1};
};

}  // namespace ergo_test
